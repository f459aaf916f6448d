//! How the losses of the tasks become one: one file a strategy, and the list [`ALL`].
//!
//! A strategy gives the tasks' weights for a step, and hears of their losses after it and after an epoch.
//! Those that ask for the tasks' gradients are shown how these lie to one another, before they give the
//! weights of that same step; these weigh what the tasks share, and nothing else. What the statement gives
//! in loss_weights is a factor on top.

mod adam;
mod cagrad;
mod dwa;
mod famo;
mod fixed;
mod gradnorm;
mod metabalance;
mod mgda;
mod pcgrad;
mod rlw;
mod simplex;
mod uncertainty;

use crate::error::{Error, Result};

/// A way of weighing the tasks' losses.
pub trait LossWeighting: Send {
    /// The weights of the tasks' losses in the next step, in task order.
    fn weights(&mut self) -> Vec<f64>;

    /// Sees the dot products of the tasks' gradients over what they share, `[T, T]`, and their mean losses
    /// over the batch, before it is asked for the weights of the step.
    fn after_pass(&mut self, _gram: &[Vec<f64>], _losses: &[Option<f64>]) {}

    /// Hears of the tasks' mean losses over the batch of a step; none where no row was in a task's sample
    /// space.
    fn after_step(&mut self, _losses: &[Option<f64>]) {}

    /// Hears of the losses over the batch once more, now that the step has been taken.
    fn after_update(&mut self, _losses: &[Option<f64>]) {}

    /// Hears of the tasks' mean losses over an epoch.
    fn after_epoch(&mut self, _losses: &[Option<f64>]) {}
}

/// What a strategy must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The losses of epochs; all others hear of them, too.
    Epochs,
    /// Those of every step, for which a GPU is waited for.
    Steps,
    /// Those of every step, and of the same rows after it, for which they go through the network again.
    StepsTwice,
    /// Those of every step, and the gradients of every task, for which each goes its own way back through the
    /// network.
    Gradients,
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
    /// What it must be told.
    pub reads: Reads,
    /// Builds it.
    pub build: fn(&Setup) -> Box<dyn LossWeighting>,
}

/// Every strategy.
pub static ALL: &[Strategy] = &[
    fixed::STRATEGY,
    uncertainty::STRATEGY,
    dwa::STRATEGY,
    rlw::STRATEGY,
    gradnorm::STRATEGY,
    metabalance::STRATEGY,
    pcgrad::STRATEGY,
    mgda::STRATEGY,
    cagrad::STRATEGY,
    famo::STRATEGY,
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

/// The tasks that have a gradient.
fn active(gram: &[Vec<f64>]) -> Vec<usize> {
    let has = |&t: &usize| gram[t][t].is_finite() && gram[t][t] > 0.;
    (0..gram.len()).filter(has).collect()
}

/// The weights that `find` gives to the tasks that have a gradient, from their part of the matrix. Others have
/// weight 1, and so has one alone.
fn among_active(gram: &[Vec<f64>], find: impl FnOnce(&[Vec<f64>]) -> Vec<f64>) -> Vec<f64> {
    let active = active(gram);
    let mut weights = vec![1.; gram.len()];
    if active.len() > 1 {
        let row = |&t: &usize| active.iter().map(|&u| gram[t][u]).collect();
        let part: Vec<_> = active.iter().map(row).collect();
        for (&t, weight) in active.iter().zip(find(&part)) {
            weights[t] = weight;
        }
    }
    weights
}

/// `exp(x_t)` as shares of their sum.
fn softmax(x: &[f64]) -> Vec<f64> {
    // The largest taken off, so that none overflows.
    let top = x.iter().copied().fold(f64::MIN, f64::max);
    let shares: Vec<_> = x.iter().map(|x| (x - top).exp()).collect();
    let total: f64 = shares.iter().sum();
    shares.iter().map(|share| share / total).collect()
}

#[cfg(test)]
mod tests;
