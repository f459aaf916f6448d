//! The fitted encoder: what it needs of a query, and how it encodes rows to be predicted.

pub mod encoder;
pub mod fitted;
