//! Numbers: floats, ids of buckets, or how far they fill bins.

pub mod bucket;
pub(crate) mod choice;
pub mod encoding;
