//! The ways in which a number becomes model inputs, by name.
//!
//! They are for numbers alone. The age of a time is standardised, since rows to come lie beyond all buckets
//! of the training rows; so are the elements of a vector, which mostly is an embedding already.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a number is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumericEncoding {
    /// What suits the values.
    #[default]
    Auto,
    /// `(x - mean) / deviation`.
    Standardize,
    /// `sign(x) * ln(1 + |x|)`, standardised.
    Log,
    /// The id of a bucket, which has an embedding, and the standardised number: order, and what lies
    /// beyond the outermost edges, is not to be had from ids.
    Quantile,
    /// Y. Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS
    /// 2022, section 3.2: how far the value fills each of some bins.
    Piecewise,
}

impl NumericEncoding {
    const ALL: [(&'static str, Self); 5] = [
        ("auto", Self::Auto),
        ("standardize", Self::Standardize),
        ("log", Self::Log),
        ("quantile", Self::Quantile),
        ("piecewise", Self::Piecewise),
    ];

    /// The encoding of that name.
    ///
    /// # Errors
    /// `Plan` when there is none; the message lists all.
    pub fn parse(name: &str) -> Result<Self> {
        let folded = name.to_lowercase();
        let found = Self::ALL.iter().find(|(known, _)| *known == folded);
        found.map(|(_, encoding)| *encoding).ok_or_else(|| {
            let known = Self::ALL.map(|(name, _)| name);
            Error::plan(format!(
                "unknown numeric_encoding {name:?}; known: {}",
                known.join(", ")
            ))
        })
    }
}

impl fmt::Display for NumericEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, encoding)| encoding == self);
        f.write_str(name.map_or("auto", |(name, _)| name))
    }
}

/// What a statement says about the encoding of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum NumericEncodings {
    /// The same for all.
    All(NumericEncoding),
    /// By name of the column; the others are `auto`.
    ByColumn(BTreeMap<String, NumericEncoding>),
}

impl Default for NumericEncodings {
    fn default() -> Self {
        Self::All(NumericEncoding::Auto)
    }
}
