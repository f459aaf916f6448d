//! Loops over a layer's memory on the CPU, each one pass where libtorch's operators take several. They
//! compute in f32 whatever the elements are, and know of no tensor.
//!
//! Every loop is compiled for several sets of vector instructions; the CPU's own is taken when it runs.

pub mod activation;
pub mod gather;
pub mod mixture;

/// Values that loops of variable length take at once: a vector register of the widest kind.
const LANES: usize = 16;

#[cfg(test)]
mod tests;
