//! How the losses of the tasks become one: one file a strategy, and the list [`ALL`].

mod fixed;

use crate::error::{Error, Result};

/// A way of weighing the tasks' losses.
pub trait LossWeighting: Send {
    /// The weights of the tasks' losses in the next step, in task order.
    fn weights(&self) -> Vec<f64>;
}

/// An entry of the list of strategies.
pub struct Strategy {
    /// The value of `loss_weighting`.
    pub name: &'static str,
    /// Builds it from the weights that the statement gives, one a task.
    pub build: fn(&[f64]) -> Box<dyn LossWeighting>,
}

/// Every strategy.
pub static ALL: &[Strategy] = &[fixed::STRATEGY];

/// The strategy of that name.
///
/// # Errors
/// `Plan` when there is none; the message lists all.
pub fn find(name: &str) -> Result<&'static Strategy> {
    ALL.iter().find(|s| s.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|s| s.name).collect();
        Error::plan(format!(
            "unknown loss_weighting {name:?}; known: {}",
            known.join(", ")
        ))
    })
}
