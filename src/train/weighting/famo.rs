//! Fast adaptive multitask optimization.
//! B. Liu et al., "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023, algorithm 1: a step down
//! `c sum_t z_t log L_t`, so `w_t = c z_t / L_t`, `z = softmax(s)`, with `c` such that the weights are shares, here
//! times T; then `s` goes down `sum_t z_t (log L_t - log L_t')`, `L_t'` the loss after the step, which gives more to
//! the tasks that have come down less.
//!
//! As in the authors' code the losses before and after are those of the same rows: what differs between batches
//! is far more than what a step changes. For `L_t` in the weights, which must be known before the rows have
//! passed the network, stands a running mean of the losses so far.

use super::adam::Adam;
use super::{LossWeighting, Reads, Strategy, softmax};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "famo",
    reads: Reads::StepsTwice,
    build: |setup| {
        Box::new(Famo {
            tasks: vec![Task::default(); setup.tasks],
        })
    },
};

/// Learn rate of `s` in the authors' code (github.com/Cranial-XIX/FAMO).
const LEARN_RATE: f64 = 0.025;
/// `gamma`, the decay of `s`, also the authors'.
const DECAY: f64 = 0.01;
/// Keeps the logarithm finite, also the authors'.
const EPSILON: f64 = 1e-8;
/// Decay of the mean of the losses.
const BETA: f64 = 0.9;

struct Famo {
    tasks: Vec<Task>,
}

#[derive(Clone, Copy, Default)]
struct Task {
    s: f64,
    adam: Adam,
    /// Over the batch before its step.
    before: Option<f64>,
    mean: Option<f64>,
}

impl Famo {
    fn shares(&self) -> Vec<f64> {
        let s: Vec<_> = self.tasks.iter().map(|task| task.s).collect();
        softmax(&s)
    }
}

impl LossWeighting for Famo {
    fn weights(&mut self) -> Vec<f64> {
        let known = |(z, task): (f64, &Task)| Some(z / (task.mean? + EPSILON));
        let weights: Vec<_> = self
            .shares()
            .into_iter()
            .zip(&self.tasks)
            .map(known)
            .collect();
        let found: Vec<f64> = weights.iter().flatten().copied().collect();
        let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
        weights
            .iter()
            .map(|weight| weight.map_or(1., |weight| weight / mean))
            .collect()
    }

    fn after_step(&mut self, losses: &[Option<f64>]) {
        for (task, loss) in self.tasks.iter_mut().zip(losses) {
            task.before = loss.filter(|loss| loss.is_finite());
            if let Some(loss) = task.before {
                let mean = task.mean.unwrap_or(loss);
                task.mean = Some(BETA * mean + (1. - BETA) * loss);
            }
        }
    }

    fn after_update(&mut self, losses: &[Option<f64>]) {
        let shares = self.shares();
        let fall = |(task, loss): (&Task, &Option<f64>)| {
            let after = loss.filter(|loss| loss.is_finite())?;
            Some(((task.before? + EPSILON) / (after + EPSILON)).ln())
        };
        let falls: Vec<_> = self.tasks.iter().zip(losses).map(fall).collect();
        let seen = || {
            shares
                .iter()
                .zip(&falls)
                .filter_map(|(z, fall)| Some((z, (*fall)?)))
        };
        let total: f64 = seen().map(|(z, _)| z).sum();
        let mean = seen().map(|(z, fall)| z * fall).sum::<f64>() / total;
        for ((task, z), fall) in self.tasks.iter_mut().zip(&shares).zip(&falls) {
            if let Some(fall) = fall {
                let gradient = z * (fall - mean) + DECAY * task.s;
                task.s -= task.adam.step(gradient, LEARN_RATE);
            }
        }
    }
}
