//! Training: the supervised loop, optimizers and loss weighting. It does not know which architecture
//! it trains, and reports through a callback.

pub mod adversarial;
pub mod checkpoint;
pub mod duel;
mod early_stop;
mod evaluate;
mod fit;
mod frechet;
mod fusion;
mod image_gan;
mod learner;
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
pub use image_gan::{Features, ImageFit, TrainedImages, fit_images, memory_bytes};
pub use loss::{Loss, balanced};
pub use options::TrainOptions;
pub use report::{Epoch, Progress, TrainingEvent};
pub use threads::alone;
