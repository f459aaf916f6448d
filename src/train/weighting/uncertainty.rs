//! Weights by learned uncertainty.
//! A. Kendall, Y. Gal, R. Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene
//! Geometry and Semantics", CVPR 2018, equation 10: `L = sum_t exp(-s_t) L_t + s_t / 2`, with a learned
//! `s_t`, the logarithm of the task's variance. Where a loss stays the same, its weight tends to
//! `1 / (2 L_t)`.

use super::adam::Adam;
use super::{LossWeighting, Reads, Strategy};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "uncertainty",
    reads: Reads::Steps,
    build: |setup| {
        Box::new(Uncertainty {
            tasks: vec![Task::default(); setup.tasks],
            learn_rate: setup.learn_rate,
        })
    },
};

struct Uncertainty {
    tasks: Vec<Task>,
    learn_rate: f64,
}

#[derive(Clone, Copy, Default)]
struct Task {
    s: f64,
    adam: Adam,
}

impl LossWeighting for Uncertainty {
    fn weights(&mut self) -> Vec<f64> {
        self.tasks.iter().map(|task| (-task.s).exp()).collect()
    }

    fn after_step(&mut self, losses: &[Option<f64>]) {
        for (task, loss) in self.tasks.iter_mut().zip(losses) {
            let Some(loss) = loss.filter(|loss| loss.is_finite()) else {
                continue;
            };
            let gradient = 0.5 - (-task.s).exp() * loss;
            task.s -= task.adam.step(gradient, self.learn_rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setup;
    use super::*;

    /// The minimum of `exp(-s) L + s / 2` is at `exp(-s) = 1 / (2 L)`.
    #[test]
    fn tends_to_half_the_inverse_of_a_constant_loss() {
        let mut weighting = (STRATEGY.build)(&Setup {
            tasks: 2,
            learn_rate: 0.01,
            seed: 0,
        });
        assert_eq!(weighting.weights(), [1., 1.]);
        for _ in 0..3000 {
            weighting.after_step(&[Some(0.1), Some(2.)]);
        }
        let weights = weighting.weights();
        assert!(
            (weights[0] - 5.).abs() < 0.05 && (weights[1] - 0.25).abs() < 0.005,
            "{weights:?}"
        );
    }
}
