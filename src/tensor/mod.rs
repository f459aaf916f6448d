//! The bridge between encoded rows and libtorch, and the only place that turns a tensor's memory into slices.

pub mod batch;
pub mod element;
mod guard;
pub mod memory;

pub use guard::catch;
