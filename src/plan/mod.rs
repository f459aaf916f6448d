//! What stands between a planned query and its rows: rules over plans.

pub mod upstream;
