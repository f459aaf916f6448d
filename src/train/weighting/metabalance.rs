//! Balanced magnitudes of gradients.
//! Y. He et al., "MetaBalance: Improving Multi-Task Recommendations via Adapting Gradient Magnitudes of
//! Auxiliary Tasks", WWW 2022, strategy C: `w_t = r m_1 / m_t + 1 - r`, with running means `m_t` of the gradients'
//! lengths: every task's gradient becomes about as long as that of the target, the first label, as in the
//! authors' code. There each weight's tensor has lengths of its own; here all that the tasks share has one.

use super::{LossWeighting, Reads, Strategy, active};

/// The entry of the list.
pub const STRATEGY: Strategy = Strategy {
    name: "metabalance",
    reads: Reads::Gradients,
    build: |setup| {
        Box::new(MetaBalance {
            means: vec![Mean::default(); setup.tasks],
        })
    },
};

/// `r` of the authors' code (github.com/facebookresearch/MetaBalance), how close the lengths come.
const RELAX: f64 = 0.7;
/// Decay of the running means, also the authors'.
const BETA: f64 = 0.9;

struct MetaBalance {
    means: Vec<Mean>,
}

/// A running mean; `share` is what it has of its weights so far.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    share: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum = BETA * self.sum + (1. - BETA) * value;
        self.share = BETA * self.share + (1. - BETA);
    }

    /// None before the first value.
    fn get(&self) -> Option<f64> {
        (self.share > 0.).then(|| self.sum / self.share)
    }
}

impl LossWeighting for MetaBalance {
    fn weights(&mut self) -> Vec<f64> {
        let target = self.means[0].get();
        let weight = |mean: &Mean| match (target, mean.get()) {
            (Some(target), Some(own)) => RELAX * target / own + 1. - RELAX,
            _ => 1.,
        };
        self.means.iter().map(weight).collect()
    }

    fn after_pass(&mut self, gram: &[Vec<f64>], _losses: &[Option<f64>]) {
        for t in active(gram) {
            self.means[t].add(gram[t][t].sqrt());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{build, gram};
    use super::*;

    #[test]
    fn brings_gradients_to_the_length_of_the_first() {
        let mut weighting = build(&STRATEGY, 3);
        // A target that has not been seen yet changes nothing.
        weighting.after_pass(&gram(&[[0.], [4.], [0.]]), &[]);
        assert_eq!(weighting.weights(), [1., 1., 1.]);
        weighting.after_pass(&gram(&[[2.], [4.], [0.5]]), &[]);
        // 0.7 * 2 / 4 + 0.3 and 0.7 * 2 / 0.5 + 0.3.
        let near = |got: Vec<f64>, wanted: [f64; 3]| {
            let off = got.iter().zip(wanted).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0., f64::max) < 1e-12, "{got:?}");
        };
        near(weighting.weights(), [1., 0.65, 3.1]);
        // The mean of 4, 4 and 1 with weights 0.081, 0.09 and 0.1 is 2.892989.
        weighting.after_pass(&gram(&[[2.], [1.], [0.5]]), &[]);
        near(
            weighting.weights(),
            [1., 0.7 * 2. / (0.784 / 0.271) + 0.3, 3.1],
        );
    }
}
