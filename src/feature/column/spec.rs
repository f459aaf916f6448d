//! What every column of a training query is for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use super::{Column, Single};
use crate::feature::column::number::encoding::{NumericEncoding, NumericEncodings};
use crate::feature::rows::layout::Task;
use crate::feature::value::class::Class;
use crate::feature::vocabulary::merge::Bounds;

/// What a statement says about columns.
#[derive(Clone, Debug)]
pub struct ColumnOptions {
    /// The labels, in task order.
    pub labels: Vec<String>,
    /// Task types given by name of the label.
    pub label_types: BTreeMap<String, String>,
    /// The column that tells scenarios apart.
    pub scenario_col: Option<String>,
    /// The column that tells users apart.
    pub user_col: Option<String>,
    /// The column that tells items apart.
    pub item_col: Option<String>,
    /// The column that decides which rows are held back.
    pub split_col: Option<String>,
    /// Columns to be read as categories.
    pub categorical_cols: Vec<String>,
    /// Columns to be read as numbers.
    pub numeric_cols: Vec<String>,
    /// How numbers are encoded.
    pub numeric_encoding: NumericEncodings,
    /// Columns to be left out.
    pub exclude_cols: Vec<String>,
    /// Values kept per column, the most frequent ones; the others are unknown.
    pub max_vocabulary: Option<usize>,
    /// Values that occur in fewer training rows are unknown.
    pub min_count: u64,
    /// Columns with more distinct values than this share so many ids by hash.
    pub hash_buckets: Option<u32>,
    /// Whether the one feature is a column of images.
    pub reads_images: bool,
    /// Height and width of an image, where they are given.
    pub image_size: Vec<usize>,
}

impl Default for ColumnOptions {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            label_types: BTreeMap::new(),
            scenario_col: None,
            user_col: None,
            item_col: None,
            split_col: None,
            categorical_cols: Vec::new(),
            numeric_cols: Vec::new(),
            numeric_encoding: NumericEncodings::default(),
            exclude_cols: Vec::new(),
            max_vocabulary: None,
            min_count: 1,
            hash_buckets: None,
            reads_images: false,
            image_size: Vec::new(),
        }
    }
}

/// Role and encoding of every column of a query, before anything is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderSpec {
    /// One entry per column, in the query's order.
    pub columns: Vec<ColumnSpec>,
    /// The tasks, in the order of the labels.
    pub tasks: Vec<Task>,
    /// Positions in `columns` of the labels, in task order.
    pub label_columns: Vec<usize>,
    /// Bounds of vocabularies.
    pub bounds: Bounds,
}

/// One column of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// The column's name.
    pub name: String,
    /// The column's type, as Arrow writes it.
    pub data_type: String,
    /// What its values are.
    pub class: Class,
    /// What it is for.
    pub role: Role,
    /// How it is encoded; `None` for what is no input.
    #[serde(with = "super::stored::column")]
    pub(crate) kind: Option<Arc<dyn Column>>,
    /// Which encoding is asked for, of a number.
    pub encoding: NumericEncoding,
    /// Why so.
    pub reason: String,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An input.
    Feature,
    /// What is predicted.
    Label,
    /// An input that tells scenarios apart.
    Scenario,
    /// An input that tells users apart.
    User,
    /// An input that tells items apart.
    Item,
    /// Decides which rows are held back; no input.
    Split,
    /// Left out.
    Excluded,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Feature => "feature",
            Self::Label => "label",
            Self::Scenario => "scenario",
            Self::User => "user",
            Self::Item => "item",
            Self::Split => "split",
            Self::Excluded => "excluded",
        })
    }
}

impl ColumnSpec {
    /// Whether a model may read this column.
    pub fn is_input(&self) -> bool {
        self.kind.is_some()
    }

    /// Height and width, of images.
    pub fn image_size(&self) -> Option<[usize; 2]> {
        self.kind.as_ref().and_then(|input| input.image_size())
    }

    /// What the value of a row is, for an input that has one value a row.
    pub fn single(&self) -> Option<Single> {
        self.kind.as_ref().and_then(|input| input.single())
    }
}

impl EncoderSpec {
    /// Everything a model may read, scenario, user and item included.
    pub fn features(&self) -> impl Iterator<Item = &ColumnSpec> {
        self.columns.iter().filter(|c| c.is_input())
    }

    /// Height and width of the images, where rows are images.
    pub fn image_size(&self) -> Option<[usize; 2]> {
        self.columns.iter().find_map(ColumnSpec::image_size)
    }

    /// The first column of that role.
    pub fn role_column(&self, role: Role) -> Option<&ColumnSpec> {
        self.columns.iter().find(|c| c.role == role)
    }
}

/// Position of `name` among `names`: the same text, else the only one that differs in case alone.
pub fn find_name<'a>(names: impl IntoIterator<Item = &'a str>, name: &str) -> Option<usize> {
    let mut folded = None;
    let mut several = false;
    for (at, other) in names.into_iter().enumerate() {
        if other == name {
            return Some(at);
        }
        if other.to_lowercase() == name.to_lowercase() {
            several |= folded.is_some();
            folded = Some(at);
        }
    }
    folded.filter(|_| !several)
}

/// Column names for an error text.
pub(crate) fn name_list(schema: &Schema) -> String {
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_exactly_or_by_case_if_unique() {
        let names = ["a", "A", "Click", "b c"];
        assert_eq!(find_name(names, "A"), Some(1));
        assert_eq!(find_name(names, "click"), Some(2));
        assert_eq!(find_name(names, "d"), None);
        assert_eq!(find_name(["Ab", "aB"], "ab"), None);
    }
}
