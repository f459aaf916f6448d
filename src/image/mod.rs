//! Images outside of tables: PNG bytes, grids, and the IDX files of MNIST and its kin.
//!
//! An image is gray: H rows of W pixels from 0 (black) to 255 (white), row by row.

pub mod grid;
pub mod idx;
pub mod png;
