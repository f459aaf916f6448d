//! Dynamic weight average.
//! S. Liu, E. Johns, A. Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, equation 7:
//! `w_t = T softmax_t(r_t / 2)`, `r_t = L_t(k - 1) / L_t(k - 2)` over the last two epochs: a task whose
//! loss falls slowly gains weight. The first two epochs weigh all tasks alike.

use super::{LossWeighting, Reads, Strategy};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "dwa",
    reads: Reads::Epochs,
    build: |setup| {
        Box::new(Dwa {
            weights: vec![1.; setup.tasks],
            last: None,
        })
    },
};

/// The paper's temperature.
const TEMPERATURE: f64 = 2.;

struct Dwa {
    weights: Vec<f64>,
    /// The losses of the epoch before.
    last: Option<Vec<Option<f64>>>,
}

impl LossWeighting for Dwa {
    fn weights(&mut self) -> Vec<f64> {
        self.weights.clone()
    }

    fn after_epoch(&mut self, losses: &[Option<f64>]) {
        if let Some(before) = self.last.replace(losses.to_vec()) {
            let rate = |(now, before): (&Option<f64>, &Option<f64>)| match (now, before) {
                (Some(now), Some(before)) if *before > 0. => now / before,
                _ => 1.,
            };
            let rates: Vec<f64> = losses.iter().zip(&before).map(rate).collect();
            // The largest taken off, so that a loss that has jumped does not overflow.
            let top = rates.iter().copied().fold(f64::MIN, f64::max);
            let share = |rate: &f64| ((rate - top) / TEMPERATURE).exp().max(f64::MIN_POSITIVE);
            let shares: Vec<f64> = rates.iter().map(share).collect();
            let total: f64 = shares.iter().sum();
            let tasks = shares.len() as f64;
            self.weights = shares.iter().map(|share| tasks * share / total).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setup;
    use super::*;

    #[test]
    fn the_slower_task_gains_weight() {
        let mut weighting = (STRATEGY.build)(&Setup {
            tasks: 2,
            learn_rate: 0.,
            seed: 0,
        });
        weighting.after_epoch(&[Some(1.), Some(4.)]);
        assert_eq!(weighting.weights(), [1., 1.]);
        weighting.after_epoch(&[Some(0.5), Some(4.)]);
        // Rates 0.5 and 1: 2 e^0.25 / (e^0.25 + e^0.5) = 0.875647.
        let weights = weighting.weights();
        assert!((weights[0] - 0.875_647).abs() < 1e-6, "{weights:?}");
        assert!((weights.iter().sum::<f64>() - 2.).abs() < 1e-12);
        weighting.after_epoch(&[Some(1e6), Some(4.)]);
        let weights = weighting.weights();
        assert!(weights.iter().all(|w| *w > 0. && *w <= 2.), "{weights:?}");
    }
}
