//! Columns and features as JSON: `"category"`, or `{"vector": 3}` where there is more to be known.

use std::sync::Arc;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{ALL, Column, Feature};

/// What stands for a column that is no input.
const NONE: &str = "ignored";
/// What has stood for it.
const NONE_BEFORE: [&str; 2] = ["label", "split"];

impl PartialEq for dyn Column {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind(), other.kind()) && self.settings() == other.settings()
    }
}

/// An input's kind, or that it is none.
pub(super) mod column {
    use super::*;

    pub fn serialize<S: Serializer>(
        column: &Option<Arc<dyn Column>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(column) = column else {
            return NONE.serialize(to);
        };
        let name = column.kind().name;
        match column.settings() {
            Value::Null => name.serialize(to),
            settings => to.collect_map([(name, settings)]),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Arc<dyn Column>>, D::Error> {
        let (name, settings) = match Value::deserialize(from)? {
            Value::String(name) => (name, Value::Null),
            other => single(other).ok_or_else(|| D::Error::custom("not a kind of column"))?,
        };
        if name == NONE || NONE_BEFORE.contains(&name.as_str()) {
            return Ok(None);
        }
        let kind = ALL.iter().find(|kind| kind.name == name);
        let column = kind.and_then(|kind| (kind.restore)(&settings));
        let known: Vec<_> = ALL.iter().map(|kind| kind.name).collect();
        column.map(Some).ok_or_else(|| {
            D::Error::custom(format!(
                "unknown kind of column {name:?}; known: {}",
                known.join(", ")
            ))
        })
    }
}

/// A feature, with the name of its kind.
pub(crate) fn save<S: Serializer>(feature: &Arc<dyn Feature>, to: S) -> Result<S::Ok, S::Error> {
    let saved = feature.save().map_err(S::Error::custom)?;
    to.collect_map([(feature.kind().name, saved)])
}

/// A feature of a column. The name beside it says what the kind of the column says already.
///
/// # Errors
/// That of the JSON, when it is no feature of the column's kind.
pub(crate) fn load(column: &dyn Column, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
    let (_, saved) = single(saved).ok_or_else(|| serde::de::Error::custom("not a feature"))?;
    column.feature(saved)
}

/// The one entry of an object.
fn single(value: Value) -> Option<(String, Value)> {
    let Value::Object(object) = value else {
        return None;
    };
    let mut entries = Map::into_iter(object);
    let first = entries.next();
    first.filter(|_| entries.next().is_none())
}
