//! What stands between a planned query and its rows: nodes and rules over plans, and what planning learns.

mod interval;
pub mod sample;
pub mod upstream;

pub use interval::IntervalPlanner;
