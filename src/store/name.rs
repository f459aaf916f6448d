//! Model names.

use std::fmt;

use crate::error::{Error, Result};

/// The longest name of a model, in bytes; the name of a folder.
const MAX_BYTES: usize = 128;

/// A model's name with the version that is meant, if one is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName {
    /// Letters, digits, `_` and `-`, beginning with a letter or `_`.
    pub name: String,
    /// From 1; none means the default version.
    pub version: Option<u64>,
}

impl ModelName {
    /// Reads `name` or `name.3`.
    ///
    /// # Errors
    /// `Plan` when this can't be a model's name.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, version) = match text.rsplit_once('.') {
            Some((name, digits))
                if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
            {
                let version = digits.parse().ok().filter(|&v| v > 0).ok_or_else(|| {
                    Error::plan(format!(
                        "invalid version {digits} of model {name:?}; versions count from 1"
                    ))
                })?;
                (name, Some(version))
            }
            _ => (text, None),
        };
        let letters = name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let first = name
            .chars()
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_');
        if letters && first && name.len() <= MAX_BYTES {
            return Ok(Self {
                name: name.to_string(),
                version,
            });
        }
        Err(Error::plan(format!(
            "invalid model name {}; a name has letters, digits, _ and -, begins with a letter or _, \
             and has at most {MAX_BYTES} bytes",
            shown(name)
        )))
    }

    /// Reads a name that must not have a version.
    ///
    /// # Errors
    /// `Plan` when it has one, or can't be a model's name.
    pub fn parse_unversioned(text: &str) -> Result<Self> {
        let name = Self::parse(text)?;
        match name.version {
            None => Ok(name),
            Some(version) => Err(Error::plan(format!(
                "model name {:?} must not have a version here, got version {version}",
                name.name
            ))),
        }
    }
}

/// `name` in quotes, shortened where it is very long.
fn shown(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((at, _)) => format!("{:?}... ({} bytes)", &name[..at], name.len()),
        None => format!("\"{name}\""),
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.version {
            Some(version) => write!(f, ".{version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_versions() {
        let name = ModelName::parse("ranker").unwrap();
        assert_eq!((name.name.as_str(), name.version), ("ranker", None));
        let name = ModelName::parse("ranker.12").unwrap();
        assert_eq!((name.name.as_str(), name.version), ("ranker", Some(12)));
        assert_eq!(name.to_string(), "ranker.12");
        assert!(ModelName::parse("größe-2").is_ok());
        assert!(ModelName::parse_unversioned("ranker.1").is_err());
    }

    #[test]
    fn rejects_what_is_no_folder_name() {
        let long = "x".repeat(300);
        for bad in [
            "../m", "a/b", "..", ".", "", "a b", "1a", "m.0", "a\"b", "a'b", "m.x", "-a", &long,
        ] {
            assert!(ModelName::parse(bad).is_err(), "{bad}");
        }
        let text = ModelName::parse("../m").unwrap_err().to_string();
        assert!(text.starts_with("invalid model name \"../m\""), "{text}");
    }
}
