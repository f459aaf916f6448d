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
//! Letters of shapes: B rows, C id columns, N numbers, T tasks.

mod assemble;
mod assign;
mod bucket;
mod budget;
mod category;
mod census;
mod choice;
mod chunks;
mod class;
mod encoder;
mod encoding;
mod finish;
mod fit;
mod fitted;
mod hash;
mod infer;
mod label;
mod layout;
mod merge;
mod number;
mod parallel;
mod persist;
mod pixels;
mod record;
mod repeats;
mod rows;
mod scale;
mod scratch;
mod sketch;
mod spec;
mod split;
mod stage;
pub mod table;
#[cfg(test)]
mod tests;
mod time;
mod values;
mod vector;
mod vocabulary;

#[cfg(test)]
pub use budget::tests::{Limited, Unlimited};
pub use budget::{Budget, Charge};
pub use encoder::Encoder;
pub use encoding::{NumericEncoding, NumericEncodings};
pub use finish::Fitted;
pub use fit::{FitOptions, Fitter, PartitionFitter};
pub use fitted::{FeatureInfo, FittedSpec};
pub use hash::text_hash;
pub use infer::{infer, infer_columns};
pub use label::{LabelCount, task_kind};
pub use layout::{Classes, EncodedBatch, Layout, Target, Task, TaskKind};
pub use rows::{BatchIter, Order, RowSet};
pub use scale::Scale;
pub use spec::{ColumnOptions, EncoderSpec, Kind, Role, find_name};
pub use split::SplitMethod;
pub use values::numbers;
