//! Random loss weighting.
//! B. Lin et al., "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning",
//! TMLR 2022: `w = softmax(z)`, `z` standard normal, drawn anew for every step; here times T, so that the
//! weights are 1 in the mean.

use super::{LossWeighting, Reads, Strategy};
use crate::random::Draws;

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "rlw",
    reads: Reads::Epochs,
    build: |setup| {
        Box::new(Rlw {
            tasks: setup.tasks,
            random: Draws::seeded(setup.seed),
        })
    },
};

struct Rlw {
    tasks: usize,
    random: Draws,
}

impl LossWeighting for Rlw {
    fn weights(&mut self) -> Vec<f64> {
        let shares: Vec<f64> = (0..self.tasks)
            .map(|_| self.random.box_muller_up().exp())
            .collect();
        let total: f64 = shares.iter().sum();
        let tasks = self.tasks as f64;
        shares.iter().map(|share| tasks * share / total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setup;
    use super::*;

    #[test]
    fn weights_are_drawn_by_the_seed_and_1_in_the_mean() {
        let build = |seed| {
            (STRATEGY.build)(&Setup {
                tasks: 2,
                learn_rate: 0.,
                seed,
            })
        };
        let (mut a, mut b, mut c) = (build(1), build(1), build(2));
        let first = a.weights();
        assert_eq!(first, b.weights());
        assert_ne!(first, c.weights());
        let draws: Vec<f64> = (0..20_000).map(|_| a.weights()[0]).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        // 2 / (1 + exp(z)), z normal with variance 2: its deviation, by numerical integration, is 0.523.
        let square = draws.iter().map(|w| (w - mean) * (w - mean)).sum::<f64>();
        let deviation = (square / draws.len() as f64).sqrt();
        assert!((mean - 1.).abs() < 0.015, "{mean}");
        assert!((deviation - 0.523).abs() < 0.015, "{deviation}");
    }
}
