//! Rows of any columns as codes that a generator learns and draws, and back.
//!
//! A row is coded as *units*. A unit has one *slot* out of so many: a category, a group of rare ones,
//! NULL, a value that numbers repeat often, or a *span*, a mode of their mixture or a piece of their
//! axis. Where the slot is a span there is a *place* in it too, whose distribution in the training rows
//! is standard normal. Every column is a unit but for the labels that are classes: all of them together are
//! one unit, whose slots are the tuples of labels that there are, so that no other tuple can ever be drawn;
//! where there are too many tuples the label with the most classes is a unit of its own.
//!
//! Decoding gives the columns' own types. Whole numbers stay whole, and keep a common step; others keep
//! their decimals; all stay between the smallest and the largest value of the training rows.
//!
//! The rows are kept in memory while a generator learns; beyond a million, or where the memory limit is
//! reached before, a sample by the hash of their content is.

mod bridge;
mod category;
mod codec;
mod collect;
mod condition;
mod decode;
mod mixture;
mod number;
mod roles;
mod sample;
mod value;

#[cfg(test)]
mod tests;

pub use bridge::{Bridge, SharedTask};
pub use codec::{Codec, CodecOptions, Coded, UnitKind};
pub use collect::{Collector, PartitionCollector};
pub use condition::Allowed;
pub use decode::Decoder;
pub use roles::TableSpec;
pub use sample::{RowHasher, Sample};
