//! What nodes find in the session that runs them, so that they need not hold it.

use std::sync::Arc;

use datafusion::execution::TaskContext;

use crate::store::Stores;
use crate::train::Progress;

/// An extension of the session's configuration. A session without one opens models anew for every query.
#[derive(Default)]
pub struct Runtime {
    /// The models.
    pub stores: Stores,
    /// Who hears of trainings.
    pub progress: Option<Arc<dyn Progress>>,
}

impl Runtime {
    /// That of the session of `context`.
    pub fn of(context: &TaskContext) -> Arc<Self> {
        let found = context.session_config().get_extension::<Self>();
        found.unwrap_or_default()
    }
}
