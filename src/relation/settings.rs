//! Session settings: `SET sqltorch.device = 'cuda'`.

use datafusion::common::config::{ConfigExtension, ConfigOptions};
use datafusion::common::extensions_options;

extensions_options! {
    /// What `SET sqltorch.*` sets.
    pub struct Settings {
        /// The folder of trained models.
        pub model_dir: String, default = "models".to_string()
        /// Where networks are trained and applied: auto, cpu, cuda or cuda:N.
        pub device: String, default = "auto".to_string()
        /// Threads of a training; 0 means all cores.
        pub threads: usize, default = 0
    }
}

impl ConfigExtension for Settings {
    const PREFIX: &'static str = "sqltorch";
}

impl Settings {
    /// The settings of a session.
    pub fn of(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Threads of a training.
    pub fn training_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}
