//! Training: the supervised loop, optimizers and loss weighting. It does not know which architecture
//! it trains, and reports through a callback.

mod early_stop;
mod evaluate;
mod fit;
pub mod optimizer;
mod options;
mod prefetch;
mod report;
mod running;
mod shard;
mod threads;
pub mod weighting;

pub use fit::{Fit, Trained, fit};
pub use options::TrainOptions;
pub use report::{Epoch, Progress, TrainingEvent};
pub use threads::alone;
