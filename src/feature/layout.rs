//! How encoded rows are laid out, and the batch that carries them.

use serde::{Deserialize, Serialize};

/// Id of a value that training has not seen, or seldom.
pub const UNKNOWN_ID: u32 = 0;
/// Id of NULL.
pub const NULL_ID: u32 = 1;
/// Id of the most frequent value; the others follow by falling count.
pub const FIRST_ID: u32 = 2;

/// What a model's input and output look like: C id columns, N numbers, T tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The id columns, `[C]`.
    pub ids: Vec<IdColumn>,
    /// Ids of all columns together; at most `i32::MAX`.
    pub table_rows: u64,
    /// Names of the numbers, `[N]`.
    pub dense: Vec<String>,
    /// Position in `ids` of the scenario.
    pub scenario: Option<usize>,
    /// Position in `ids` of the user.
    pub user: Option<usize>,
    /// Position in `ids` of the item.
    pub item: Option<usize>,
    /// The tasks, `[T]`.
    pub tasks: Vec<Task>,
}

/// One id column's share of the common table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdColumn {
    /// The column's name; parts of a time say which part.
    pub name: String,
    /// Its first id in the common table, that of unknown values.
    pub offset: u32,
    /// How many ids it has, unknown and NULL included.
    pub cardinality: u32,
}

/// One thing to be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The label column's name.
    pub name: String,
    /// What kind of label it is.
    pub kind: TaskKind,
}

/// Kinds of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Yes or no, from BOOLEAN or 0/1 integers.
    Binary,
}

/// Encoded rows, row-major. Buffers keep their memory from batch to batch.
#[derive(Clone, Debug, Default)]
pub struct EncodedBatch {
    /// How many rows.
    pub rows: usize,
    /// `[B, C]`: ids into one table of [`Layout::table_rows`].
    pub ids: Vec<i32>,
    /// `[B, N]`: standardised numbers.
    pub dense: Vec<f32>,
    /// `[B, T]`: labels, NaN for NULL; empty when none were asked for.
    pub labels: Vec<f32>,
    /// Column-major working space of the encoder.
    pub(super) scratch: super::scratch::Scratch,
}
