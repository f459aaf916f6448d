//! Multiple gradient descent.
//! O. Sener, V. Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018, equation 3: the
//! shares of the tasks with the least `|sum_t w_t g_t|`. Going down this vector no task's loss rises, and where
//! it is 0 there is no such way. Here times T, so that the weights are 1 in the mean.

use super::{LossWeighting, Reads, Strategy, among_active, simplex};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "mgda",
    reads: Reads::Gradients,
    build: |setup| {
        Box::new(Mgda {
            weights: vec![1.; setup.tasks],
        })
    },
};

struct Mgda {
    weights: Vec<f64>,
}

impl LossWeighting for Mgda {
    fn weights(&mut self) -> Vec<f64> {
        self.weights.clone()
    }

    fn after_pass(&mut self, gram: &[Vec<f64>], _losses: &[Option<f64>]) {
        self.weights = among_active(gram, |gram| {
            let tasks = gram.len();
            let shares = simplex::minimize(gram, &vec![0.; tasks], 1.);
            shares.iter().map(|share| tasks as f64 * share).collect()
        });
    }
}
