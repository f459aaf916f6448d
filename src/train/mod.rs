//! Training: the supervised loop, optimizers and loss weighting. It does not know which architecture
//! it trains, and reports through a callback.

pub mod adversarial;
pub mod duel;
mod early_stop;
mod evaluate;
mod fit;
mod loss;
pub mod optimizer;
mod options;
mod prefetch;
mod report;
mod running;
mod shard;
mod threads;
pub mod weighting;

pub use evaluate::likeliest;
pub use fit::{Fit, Trained, fit};
pub use loss::{Loss, balanced};
pub use options::TrainOptions;
pub use report::{Epoch, Progress, TrainingEvent};
pub use threads::alone;
