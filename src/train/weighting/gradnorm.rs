//! Gradient normalization.
//! Z. Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks",
//! ICML 2018, algorithm 1: the weights, T together, go down `sum_t | w_t |g_t| - m r_t^alpha |`, where `m`, the
//! mean of `w_t |g_t|`, and `r_t` are held fast. `r_t` is `L_t / L_t(0)` over its mean: a task that has learnt
//! less than others is given larger gradients.
//!
//! There is no code by the authors. As in LibMTL the weights are `T softmax(s)`, so that none is below 0;
//! `L_t(0)` is the mean over the first batches, as a single one may have few positive labels.

use super::adam::Adam;
use super::{LossWeighting, Reads, Strategy, active, softmax};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "gradnorm",
    reads: Reads::Gradients,
    build: |setup| {
        Box::new(GradNorm {
            tasks: vec![Task::default(); setup.tasks],
        })
    },
};

/// The paper's `alpha`, the pull towards equal rates of learning.
const ALPHA: f64 = 1.5;
/// The paper's learn rate of the weights.
const LEARN_RATE: f64 = 0.025;
/// Batches whose mean loss is that of the beginning.
const FIRST: u32 = 20;

struct GradNorm {
    tasks: Vec<Task>,
}

#[derive(Clone, Copy, Default)]
struct Task {
    s: f64,
    adam: Adam,
    /// The length of the last gradient; 0 when there was none.
    norm: f64,
    /// Sum of the losses of so many first batches.
    first: f64,
    batches: u32,
}

impl LossWeighting for GradNorm {
    fn weights(&mut self) -> Vec<f64> {
        let s: Vec<_> = self.tasks.iter().map(|task| task.s).collect();
        let tasks = s.len() as f64;
        softmax(&s).iter().map(|share| tasks * share).collect()
    }

    fn after_pass(&mut self, gram: &[Vec<f64>], _losses: &[Option<f64>]) {
        let active = active(gram);
        for (t, task) in self.tasks.iter_mut().enumerate() {
            task.norm = match active.contains(&t) {
                true => gram[t][t].sqrt(),
                false => 0.,
            };
        }
    }

    fn after_step(&mut self, losses: &[Option<f64>]) {
        let weights = self.weights();
        let mut seen = Vec::with_capacity(losses.len());
        for (t, (task, loss)) in self.tasks.iter_mut().zip(losses).enumerate() {
            let Some(loss) = loss.filter(|loss| loss.is_finite() && *loss > 0.) else {
                continue;
            };
            if task.batches < FIRST {
                task.first += loss;
                task.batches += 1;
            }
            if task.norm > 0. {
                let first = task.first / f64::from(task.batches);
                seen.push((t, weights[t] * task.norm, loss / first));
            }
        }
        if seen.len() < 2 {
            return;
        }
        let count = seen.len() as f64;
        let norm = seen.iter().map(|(_, norm, _)| norm).sum::<f64>() / count;
        let rate = seen.iter().map(|(_, _, rate)| rate).sum::<f64>() / count;
        let mut down = vec![0.; losses.len()];
        for (t, own, own_rate) in seen.iter().copied() {
            let off = own - norm * (own_rate / rate).powf(ALPHA);
            // Of `| w_t |g_t| - .. |` by the logarithm of `w_t`.
            down[t] = if off == 0. { 0. } else { off.signum() * own };
        }
        let all: f64 = down.iter().sum();
        let tasks = weights.len() as f64;
        for (t, _, _) in seen {
            let gradient = down[t] - weights[t] / tasks * all;
            let task = &mut self.tasks[t];
            task.s -= task.adam.step(gradient, LEARN_RATE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::build;
    use super::*;

    fn after(norms: [f64; 2], losses: [f64; 2]) -> Vec<f64> {
        let mut weighting = build(&STRATEGY, 2);
        let gram = [vec![norms[0] * norms[0], 0.], vec![0., norms[1] * norms[1]]];
        for step in 0..3000 {
            weighting.after_pass(&gram, &[]);
            // All begin with a loss of 1.
            let losses = if step < FIRST { [1., 1.] } else { losses };
            weighting.after_step(&losses.map(Some));
        }
        weighting.weights()
    }

    /// Where both learn at one rate, `w_1 |g_1| = w_2 |g_2|`.
    #[test]
    fn equal_rates_have_equal_gradients() {
        let weights = after([4., 1.], [0.5, 0.5]);
        assert!(
            (weights[0] - 0.4).abs() < 0.02 && (weights[1] - 1.6).abs() < 0.02,
            "{weights:?}"
        );
    }

    /// Rates 0.4 and 0.8 are 2/3 and 4/3 of their mean: the balance is at `w_t` as `(2/3)^1.5` to `(4/3)^1.5`,
    /// 1 to 2.828427.
    #[test]
    fn the_slower_task_has_larger_gradients() {
        let weights = after([1., 1.], [0.4, 0.8]);
        let ratio = weights[1] / weights[0];
        assert!((ratio - 2.828_427).abs() < 0.15, "{weights:?}");
        assert!((weights.iter().sum::<f64>() - 2.).abs() < 1e-9);
    }
}
