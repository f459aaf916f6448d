//! Arrow columns become ids and floats.
//!
//! [`infer`] decides what every column of a query is for. A [`Fitter`] takes in the rows in one
//! pass, each partition through a [`PartitionFitter`] of its own, and gives a [`Fitted`]: the
//! [`Encoder`] that is saved with the model, and the encoded rows, divided into a part to train on
//! and a part that is held back. Prediction goes through the same encoder: [`FittedSpec::bind`]
//! finds the columns, [`Encoder::encode`] turns them into an [`EncodedBatch`].
//!
//! A value is what it says, not the type that carries it: a model trained on `Int32` reads `Int64`,
//! `Utf8` stands in for `Utf8View`, 2.0 is the category 2. Ids, statistics and the order of rows
//! depend on the rows alone, so that the same rows in another order, over more partitions or in
//! less memory give the same model.
//!
//! The folders stand for the stages: [`column`] decides what a column is and becomes, one file a kind;
//! [`value`] reads values; [`vocabulary`] numbers them; [`fit`] is the pass over the training rows;
//! [`rows`] holds encoded rows; [`apply`] encodes the rows of a prediction; [`table`] codes rows of any
//! columns for generators.
//!
//! Letters of shapes: B rows, C id columns, L lists of ids, N numbers, T tasks.

mod apply;
mod column;
mod fit;
mod rows;
pub mod table;
#[cfg(test)]
mod tests;
mod value;
mod vocabulary;

pub use apply::encoder::Encoder;
pub use apply::fitted::{FeatureInfo, FittedSpec};
pub use column::Single;
pub use column::infer::{infer, infer_columns};
pub use column::number::encoding::{NumericEncoding, NumericEncodings};
pub use column::spec::{ColumnOptions, EncoderSpec, Role, find_name};
pub use fit::finish::Fitted;
pub use fit::split::SplitMethod;
pub use fit::{FitOptions, Fitter, PartitionFitter};
#[cfg(test)]
pub use rows::budget::tests::{Limited, Unlimited};
pub use rows::budget::{Budget, Charge};
pub use rows::layout::{Classes, EncodedBatch, Layout, Target, Task, TaskKind};
pub use rows::lists::Lists;
pub use rows::{BatchIter, Order, RowSet};
#[cfg(test)]
pub(crate) use tests::basket::rows_with_lists;
pub use value::label::{LabelCount, task_kind};
pub use value::numbers;
pub use value::scale::Scale;
pub use vocabulary::hash::text_hash;
