//! Conflict-averse gradient descent.
//! B. Liu et al., "Conflict-Averse Gradient Descent for Multi-Task Learning", NeurIPS 2021, algorithm 1: of all
//! steps no further than `c |g_0|` from the mean gradient `g_0`, the one down which the slowest task is fastest,
//! `g_0 + c |g_0| g_w / |g_w|`, `g_w = sum_t w_t g_t`, with the shares that have the least
//! `g_w g_0 + c |g_0| |g_w|`. As in the authors' code it is divided by `1 + c^2`, and is T times that, a sum
//! over the tasks.

use super::{LossWeighting, Reads, Strategy, among_active, simplex};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "cagrad",
    reads: Reads::Gradients,
    build: |setup| {
        Box::new(CaGrad {
            weights: vec![1.; setup.tasks],
        })
    },
};

/// `c` of the authors' code (github.com/Cranial-XIX/CAGrad).
const CONFLICT: f64 = 0.5;

struct CaGrad {
    weights: Vec<f64>,
}

impl LossWeighting for CaGrad {
    fn weights(&mut self) -> Vec<f64> {
        self.weights.clone()
    }

    fn after_pass(&mut self, gram: &[Vec<f64>], _losses: &[Option<f64>]) {
        self.weights = among_active(gram, |gram| find(gram, CONFLICT));
    }
}

fn find(gram: &[Vec<f64>], c: f64) -> Vec<f64> {
    let tasks = gram.len() as f64;
    let with_mean: Vec<f64> = gram
        .iter()
        .map(|row| row.iter().sum::<f64>() / tasks)
        .collect();
    let mean = (with_mean.iter().sum::<f64>() / tasks).max(0.).sqrt(); // |g_0|
    let shares = simplex::minimize(gram, &with_mean, c * mean);
    let along = |row: &Vec<f64>| -> f64 { row.iter().zip(&shares).map(|(g, w)| g * w).sum() };
    let norm: f64 = gram
        .iter()
        .zip(&shares)
        .map(|(row, w)| w * along(row))
        .sum();
    // Without a direction there is nothing to add to the mean.
    let ratio = c * mean / norm.max(0.).sqrt();
    let ratio = if ratio.is_finite() { ratio } else { 0. };
    let weight = |share: &f64| (1. + tasks * ratio * share) / (1. + c * c);
    shares.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::gram;
    use super::*;

    #[test]
    fn without_a_radius_it_is_the_mean() {
        let weights = find(&gram(&[[1., 0.5], [-3., 1.]]), 0.);
        assert_eq!(weights, [1., 1.]);
    }

    /// The step `g_0 + c |g_0| g_w / |g_w|` with the share of least `g_w g_0 + c |g_0| |g_w|` out of 100,000.
    #[test]
    fn takes_the_share_that_a_search_finds() {
        let c = 0.5;
        for vectors in [
            [[1., 0.5], [-3., 1.]],
            [[2., 0.], [0.5, 1.]],
            [[0.1, 0.], [-2., 2.]],
        ] {
            let [a, b] = vectors;
            let between = |w: f64| [0, 1].map(|i| w * a[i] + (1. - w) * b[i]);
            let length = |v: [f64; 2]| v[0].hypot(v[1]);
            let mean = between(0.5);
            let value = |w: &f64| {
                let g = between(*w);
                g[0] * mean[0] + g[1] * mean[1] + c * length(mean) * length(g)
            };
            let shares = (0..=100_000).map(|i| f64::from(i) / 1e5);
            let best = shares.min_by(|v, w| value(v).total_cmp(&value(w))).unwrap();
            let g = between(best);
            let wanted =
                [0, 1].map(|i| 2. * (mean[i] + c * length(mean) * g[i] / length(g)) / (1. + c * c));
            let weights = find(&gram(&vectors), c);
            for i in 0..2 {
                let got = weights[0] * a[i] + weights[1] * b[i];
                assert!((got - wanted[i]).abs() < 1e-4, "{vectors:?}: {weights:?}");
            }
        }
    }
}
