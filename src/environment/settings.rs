//! Session settings: `SET sqltorch.device = 'cuda'`.

use std::any::Any;
use std::fmt::Display;
use std::str::FromStr;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};

use crate::device::{Choice, Precision};

/// What `SET sqltorch.*` sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of trained models.
    pub model_dir: String,
    /// Where networks are trained and applied: auto, cpu, cuda or cuda:N.
    pub device: String,
    /// What matrix products are computed in, float32 or bfloat16; auto leaves it to the processor in training, and
    /// applies a model as it was trained.
    pub precision: String,
    /// Threads of a training; 0 means all cores.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_dir: "models".into(),
            device: "auto".into(),
            precision: "auto".into(),
            threads: 0,
        }
    }
}

impl ConfigExtension for Settings {
    const PREFIX: &'static str = "sqltorch";
}

impl ExtensionOptions for Settings {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "model_dir" if value.is_empty() => Err(wrong(key, "a folder", value)),
            "model_dir" => {
                self.model_dir = value.to_string();
                Ok(())
            }
            "device" => {
                Choice::from_str(value)?;
                self.device = value.to_string();
                Ok(())
            }
            "precision" => {
                Precision::from_str(value)?;
                self.precision = value.to_string();
                Ok(())
            }
            "threads" => {
                let threads = value.parse();
                self.threads = threads.map_err(|_| wrong(key, "a whole number from 0", value))?;
                Ok(())
            }
            _ => Err(DataFusionError::Plan(format!(
                "unknown setting sqltorch.{key}; known: sqltorch.model_dir, sqltorch.device, \
                 sqltorch.precision, sqltorch.threads"
            ))),
        }
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |key: &str, value: &dyn Display, description| ConfigEntry {
            key: format!("sqltorch.{key}"),
            value: Some(value.to_string()),
            description,
        };
        vec![
            entry(
                "model_dir",
                &self.model_dir,
                "The folder of trained models.",
            ),
            entry(
                "device",
                &self.device,
                "Where networks are trained and applied: auto, cpu, cuda or cuda:N.",
            ),
            entry(
                "precision",
                &self.precision,
                "What matrix products are computed in: auto, float32 or bfloat16.",
            ),
            entry(
                "threads",
                &self.threads,
                "Threads of a training; 0 means all cores.",
            ),
        ]
    }
}

fn wrong(key: &str, expected: &str, got: &str) -> DataFusionError {
    DataFusionError::Plan(format!("sqltorch.{key}: expected {expected}, got {got:?}"))
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
