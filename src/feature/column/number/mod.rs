//! Numbers: floats, ids of buckets, or how far they fill bins.

pub(crate) mod bucket;
mod choice;
pub mod encoding;

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::bucket::{BucketPart, PiecePart};
use self::choice::Choice;
use self::encoding::{NumericEncoding, NumericEncodings};
use super::part::{Float, NumberPart};
use super::spec::{ColumnOptions, ColumnSpec};
use super::{ByOption, Column, Feature, Inferred, Kind, Placed, Plan, Seen, Single, Slots, Source};
use crate::error::{Error, Result};
use crate::feature::fit::moments::Cell;
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::{FIRST_ID, Layout};
use crate::feature::value::class::Class;
use crate::feature::value::number;

pub(super) static KIND: Kind = Kind {
    name: "number",
    by_option: Some(ByOption {
        options: &[
            ("numeric_cols", |options| {
                options.numeric_cols.iter().map(String::as_str).collect()
            }),
            ("numeric_encoding", encoded),
        ],
        column: asked,
    }),
    infer,
    restore: |settings| settings.is_null().then(|| Arc::new(Number) as _),
};

/// The columns that numeric_encoding names.
fn encoded(options: &ColumnOptions) -> Vec<&str> {
    match &options.numeric_encoding {
        NumericEncodings::All(_) => Vec::new(),
        NumericEncodings::ByColumn(columns) => columns.keys().map(String::as_str).collect(),
    }
}

fn asked(source: &Source, option: &str) -> Result<Arc<dyn Column>> {
    match Class::of(source.data_type) {
        Class::Number | Class::Duration | Class::Null => Ok(Arc::new(Number)),
        _ => Err(Error::plan(format!(
            "column \"{}\" in {option} is of type {}: only numbers, booleans and durations can be read as a number",
            source.name, source.data_type
        ))),
    }
}

fn infer(source: &Source) -> Result<Option<Inferred>> {
    let reason = match Class::of(source.data_type) {
        Class::Duration => "duration in seconds",
        Class::Number if source.data_type.is_integer() => "integer",
        Class::Number => "number",
        _ => return Ok(None),
    };
    Ok(Some((Arc::new(Number), reason.into())))
}

#[derive(Debug)]
struct Number;

impl Column for Number {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn single(&self) -> Option<Single> {
        Some(Single::Number)
    }

    fn slots(&self, column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        Box::new(NumberSlots {
            word: words.exact(),
            encoding: column.encoding,
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(serde_json::from_value::<NumberParts>(saved)?))
    }
}

struct NumberSlots {
    word: usize,
    encoding: NumericEncoding,
}

impl Slots for NumberSlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, numbers: &mut Vec<f64>) -> Result<()> {
        number::read(array, numbers)?;
        number::hash(numbers, block.hashes);
        block.exact(self.word, numbers);
        Ok(())
    }

    fn sketched(&self) -> Option<usize> {
        self.encoding.reads_values().then_some(self.word)
    }

    fn plan(&self, values: &Sketch) -> Box<dyn Plan> {
        Box::new(NumberPlan {
            word: self.word,
            choice: Choice::new(self.encoding, values),
            bucket: None,
        })
    }
}

struct NumberPlan {
    word: usize,
    choice: Choice,
    bucket: Option<BucketPart>,
}

impl Plan for NumberPlan {
    fn ids(&mut self, column: &ColumnSpec, layout: &mut Layout) -> Result<()> {
        if let Some(edges) = &self.choice.buckets {
            let cardinality = u64::from(FIRST_ID) + edges.len() as u64 + 1;
            self.bucket = Some(BucketPart {
                slot: layout.add_ids(format!("{} (bucket)", column.name), cardinality)?,
                edges: edges.clone(),
            });
        }
        Ok(())
    }

    fn cells(&self) -> Vec<Cell> {
        vec![match self.choice.float {
            Some(Float::Log) => Cell::Log(self.word),
            _ => Cell::Exact(self.word),
        }]
    }

    fn place(&self, seen: &Seen, draft: &mut Draft) -> Result<Placed> {
        let (name, moments) = (&seen.column.name, seen.moments[0]);
        Ok(Placed {
            feature: match moments.is_constant() && self.bucket.is_none() {
                true => Err(moments.constant_reason().to_string()),
                false => Ok(Box::new(self.parts(name, seen, draft))),
            },
            distinct: self.choice.distinct,
            chosen: self.choice.why.clone(),
        })
    }
}

impl NumberPlan {
    fn parts(&self, name: &str, seen: &Seen, draft: &mut Draft) -> NumberParts {
        let (word, moments) = (self.word, seen.moments[0]);
        // A bucket of its own says already what is missing.
        let flagged = self.bucket.is_none();
        let float = self.choice.float;
        let number = |float| draft.number(name, "", word, moments, float, flagged).ok();
        let float = float.and_then(number);
        if let Some(part) = &self.bucket {
            draft.bucket(word, part);
        }
        let bins = self.choice.bins.clone();
        let pieces = bins.map(|bounds| draft.pieces(name, word, bounds, moments.has_missing()));
        NumberParts {
            float,
            bucket: self.bucket.clone(),
            pieces,
        }
    }
}

/// What a number becomes; one of these at least.
#[derive(Debug, Serialize, Deserialize)]
struct NumberParts {
    /// A standardised number.
    float: Option<NumberPart>,
    /// An id.
    bucket: Option<BucketPart>,
    /// A number for each of some bins.
    pieces: Option<PiecePart>,
}

impl fmt::Display for NumberParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(part) = &self.bucket {
            parts.push(format!("quantile ({} buckets)", part.buckets()));
        }
        if let Some(part) = &self.pieces {
            parts.push(format!("piecewise ({} bins)", part.bins()));
        }
        if let Some(part) = &self.float {
            parts.push(if part.log { "log" } else { "standardize" }.to_string());
        }
        f.write_str(&parts.join(" + "))
    }
}

impl Feature for NumberParts {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn place_last(&mut self, column: &ColumnSpec, draft: &mut Draft) {
        if let Some(part) = &mut self.pieces {
            part.dense = draft.bins(&column.name, part.bins());
        }
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, numbers: &mut Vec<f64>) -> Result<()> {
        number::read(array, numbers)?;
        if let Some(part) = &self.float {
            part.put(numbers, inputs);
        }
        if let Some(part) = &self.bucket {
            part.put(numbers, inputs);
        }
        if let Some(part) = &self.pieces {
            part.put(numbers, inputs);
        }
        Ok(())
    }

    fn describe(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn fits(&self, layout: &Layout) -> bool {
        self.float.as_ref().is_none_or(|part| part.is_in(layout))
            && self.bucket.as_ref().is_none_or(|part| part.is_in(layout))
            && self.pieces.as_ref().is_none_or(|part| part.is_in(layout))
    }

    fn without_values(&self, _layout: &Layout) -> Vec<usize> {
        self.bucket.iter().map(|part| part.slot).collect()
    }
}
