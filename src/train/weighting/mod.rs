//! How the losses of the tasks become one: one file a strategy, and the list [`ALL`].
//!
//! A strategy gives the tasks' weights before a step and hears of their losses after it, and after an
//! epoch. What the statement gives in loss_weights is a factor on top.

mod dwa;
mod fixed;
mod rlw;
mod uncertainty;

use crate::error::{Error, Result};

/// A way of weighing the tasks' losses.
pub trait LossWeighting: Send {
    /// The weights of the tasks' losses in the next step, in task order.
    fn weights(&mut self) -> Vec<f64>;

    /// Hears of the tasks' mean losses over the batch of a step; none where no row was in a task's sample
    /// space.
    fn after_step(&mut self, _losses: &[Option<f64>]) {}

    /// Hears of the tasks' mean losses over an epoch.
    fn after_epoch(&mut self, _losses: &[Option<f64>]) {}
}

/// What a strategy is built with.
pub struct Setup {
    /// How many tasks.
    pub tasks: usize,
    /// Learn rate of dense weights.
    pub learn_rate: f64,
    /// Seed of everything random.
    pub seed: u64,
}

/// An entry of the list of strategies.
pub struct Strategy {
    /// The value of `loss_weighting`.
    pub name: &'static str,
    /// Whether it must hear of every step, for which a GPU is waited for.
    pub reads_steps: bool,
    /// Builds it.
    pub build: fn(&Setup) -> Box<dyn LossWeighting>,
}

/// Every strategy.
pub static ALL: &[Strategy] = &[
    fixed::STRATEGY,
    uncertainty::STRATEGY,
    dwa::STRATEGY,
    rlw::STRATEGY,
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_gives_a_positive_weight_to_every_task() {
        for strategy in ALL {
            let mut weighting = (strategy.build)(&Setup {
                tasks: 3,
                learn_rate: 0.01,
                seed: 1,
            });
            for step in 0..40 {
                let weights = weighting.weights();
                assert_eq!(weights.len(), 3, "{}", strategy.name);
                assert!(
                    weights.iter().all(|w| *w > 0. && w.is_finite()),
                    "{}",
                    strategy.name
                );
                weighting.after_step(&[Some(0.7), Some(0.01), None]);
                if step % 10 == 9 {
                    weighting.after_epoch(&[Some(0.7), Some(0.01), None]);
                }
            }
        }
    }
}
