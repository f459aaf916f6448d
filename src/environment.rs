//! What functions, relations and statements share within a session: its settings, the stores of models, and who
//! hears of progress.

pub mod settings;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::config::ConfigOptions;
use datafusion::execution::SessionState;

use crate::device;
use crate::error::{Error, Result};
use crate::store::{FittedModel, ModelName, Store};
use crate::train::Progress;
pub use settings::Settings;

/// Shared by all relations, statements and functions of one session.
pub struct Environment {
    stores: Mutex<HashMap<PathBuf, Arc<Store>>>,
    progress: Option<Arc<dyn Progress>>,
    session: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment {
    /// An environment whose trainings report to `progress`; `session` gives the session's state, for
    /// those whom DataFusion does not hand it.
    pub fn new(
        progress: Option<Arc<dyn Progress>>,
        session: impl Fn() -> Option<SessionState> + Send + Sync + 'static,
    ) -> Self {
        Self {
            stores: Mutex::default(),
            progress,
            session: Box::new(session),
        }
    }

    /// The session's state.
    ///
    /// # Errors
    /// `Execution` when the session is gone.
    pub fn session(&self) -> Result<SessionState> {
        (self.session)().ok_or_else(|| Error::execution("the session has ended"))
    }

    /// The models of the session's model_dir.
    pub fn store(&self, config: &ConfigOptions) -> Arc<Store> {
        let root = PathBuf::from(Settings::of(config).model_dir);
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores
            .entry(root.clone())
            .or_insert_with(|| Arc::new(Store::new(root)))
            .clone()
    }

    /// The model that `name` means.
    ///
    /// # Errors
    /// As [`ModelName::parse`] and [`Store::open`].
    pub fn model(&self, config: &ConfigOptions, name: &str) -> Result<FittedModel> {
        self.store(config).open(&ModelName::parse(name)?)
    }

    /// The predictor that `name` means.
    ///
    /// # Errors
    /// As [`Environment::model`]; `Plan` when the model is a generator.
    pub fn predictor(&self, config: &ConfigOptions, name: &str) -> Result<FittedModel> {
        self.model(config, name)?.predictor()
    }

    /// Who hears of trainings.
    pub fn progress(&self) -> Option<Arc<dyn Progress>> {
        self.progress.clone()
    }
}

/// The versions of this crate and of the libraries it stands on, by name.
pub fn versions() -> Vec<(&'static str, String)> {
    vec![
        ("sqltorch", env!("CARGO_PKG_VERSION").to_string()),
        ("datafusion", datafusion::DATAFUSION_VERSION.to_string()),
        ("arrow", arrow::ARROW_VERSION.to_string()),
        ("libtorch", device::version()),
    ]
}
