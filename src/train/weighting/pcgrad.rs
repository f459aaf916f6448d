//! Projection of conflicting gradients.
//! T. Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1: from each task's
//! gradient, for all others in random order, what points against the other's gradient is taken off,
//! `g_i <- g_i - (g_i g_j) / |g_j|^2 g_j` where `g_i g_j < 0`; then all are added.

use super::{LossWeighting, Reads, Strategy, among_active};
use crate::random::Draws;

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "pcgrad",
    reads: Reads::Gradients,
    build: |setup| {
        Box::new(PcGrad {
            weights: vec![1.; setup.tasks],
            random: Draws::seeded(setup.seed),
        })
    },
};

struct PcGrad {
    weights: Vec<f64>,
    random: Draws,
}

impl LossWeighting for PcGrad {
    fn weights(&mut self) -> Vec<f64> {
        self.weights.clone()
    }

    fn after_pass(&mut self, gram: &[Vec<f64>], _losses: &[Option<f64>]) {
        self.weights = among_active(gram, |gram| project(gram, &mut self.random));
    }
}

/// Every projected gradient is a sum of the tasks' own: the weights are what these count in all of them.
fn project(gram: &[Vec<f64>], random: &mut Draws) -> Vec<f64> {
    let tasks = gram.len();
    let mut weights = vec![0.; tasks];
    for i in 0..tasks {
        let mut own = vec![0.; tasks];
        own[i] = 1.;
        let mut others: Vec<_> = (0..tasks).filter(|&j| j != i).collect();
        // R. Fisher, F. Yates, 1938.
        for last in (1..others.len()).rev() {
            others.swap(last, random.word() as usize % (last + 1));
        }
        for j in others {
            let product: f64 = own.iter().zip(&gram[j]).map(|(own, g)| own * g).sum();
            if product < 0. {
                own[j] -= product / gram[j][j];
            }
        }
        for (weight, own) in weights.iter_mut().zip(own) {
            *weight += own;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::super::tests::{build, gram};
    use super::*;

    #[test]
    fn takes_off_what_conflicts() {
        let mut weighting = build(&STRATEGY, 2);
        // (1, 0) and (-1, 1): (1, 0) + 1/2 (-1, 1) and (-1, 1) + (1, 0) are together 2 g_1 + 3/2 g_2.
        weighting.after_pass(&gram(&[[1., 0.], [-1., 1.]]), &[Some(1.); 2]);
        assert_eq!(weighting.weights(), [2., 1.5]);
        // No conflict, no change.
        weighting.after_pass(&gram(&[[1., 0.], [0.5, 3.]]), &[Some(1.); 2]);
        assert_eq!(weighting.weights(), [1., 1.]);
    }

    /// Of three tasks the order decides: whichever it is, no projection conflicts with the last one that it
    /// was held against, and two draws of one seed are the same.
    #[test]
    fn draws_the_order_by_the_seed() {
        let gram = gram(&[[1., 0., 0.2], [-1., 1., 0.], [-0.5, -1., 1.]]);
        let draws = |weighting: &mut dyn LossWeighting| -> Vec<Vec<f64>> {
            let mut draw = |_| {
                weighting.after_pass(&gram, &[Some(1.); 3]);
                weighting.weights()
            };
            (0..20).map(&mut draw).collect()
        };
        let (mut one, mut other) = (build(&STRATEGY, 3), build(&STRATEGY, 3));
        let drawn = draws(&mut *one);
        assert_eq!(drawn, draws(&mut *other));
        assert!(drawn.iter().any(|weights| *weights != drawn[0]));
        assert!(drawn.iter().flatten().all(|weight| *weight >= 1.));
    }
}
