//! The only bridge between Arrow and libtorch, and the only place that reads or writes a tensor's
//! memory directly.

pub mod batch;
mod guard;
pub mod memory;
pub mod to_arrow;

pub use guard::catch;
