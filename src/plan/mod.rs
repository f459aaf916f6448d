//! Our part of a query's plan: logical nodes and what runs them, a folder for each; the rules that
//! rewrite them; the planner that makes the one of the other; and what all of them share.
//!
//! Relations and statements build plans of these nodes over plans: nothing here knows how a call is
//! written. A node holds a [`ModelRef`](crate::store::ModelRef), options and expressions; what it needs
//! besides, it finds when it runs in the session's [`Runtime`](crate::environment::Runtime).

pub mod budget;
pub mod evaluate;
pub mod evaluate_synthetic;
mod foreign;
pub mod generate;
mod interval;
pub mod name_tasks;
pub mod options;
mod planner;
pub mod predict;
pub mod roc_curve;
pub mod rows;
pub mod sample;
pub mod statement;
pub mod training;
pub mod transform;
pub mod upstream;
pub mod watch;

pub use interval::IntervalPlanner;
pub use planner::WithExtensions;
pub use predict::{LiftPredict, PruneTasks, RefreshModels};
