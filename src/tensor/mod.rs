//! The bridge between encoded rows and libtorch, and the only place that reads or writes a tensor's memory
//! directly.

pub mod batch;
pub mod element;
mod guard;
pub mod memory;

pub use guard::catch;
