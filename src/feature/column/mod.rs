//! What every column of a query is for, and what it becomes: one file a kind of column.

pub mod infer;
pub mod number;
pub(crate) mod pixels;
pub mod spec;
pub(crate) mod vector;
