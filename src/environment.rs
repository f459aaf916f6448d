//! What functions, relations and statements share within a session: its settings, its models by name, its state, and
//! what nodes find when they run.

mod runtime;
pub mod settings;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::execution::SessionState;

use crate::device;
use crate::error::{Error, Result};
use crate::store::{FittedModel, ModelName, Store};
use crate::train::Progress;
pub use runtime::Runtime;
pub use settings::Settings;

/// Shared by all relations, statements and functions of one session.
pub struct Environment {
    runtime: Arc<Runtime>,
    session: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment {
    /// The environment of a session with that `runtime`; `session` gives its state, for those whom
    /// DataFusion does not hand it.
    pub fn new(
        runtime: Arc<Runtime>,
        session: impl Fn() -> Option<SessionState> + Send + Sync + 'static,
    ) -> Self {
        Self {
            runtime,
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
        self.runtime
            .stores
            .at(Path::new(&Settings::of(config).model_dir))
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
        self.runtime.progress.clone()
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
