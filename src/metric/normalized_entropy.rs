//! Normalized entropy: the logarithmic loss over that of always saying the share of positives, so that 1 means that
//! nothing has been learnt, whatever that share.
//! X. He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, equation 3.

use super::log_loss::LogLoss;
use super::{Additive, Score, is_positive};

/// Number of rows, sum of their losses, and number of positives.
#[derive(Clone, Debug, Default)]
pub struct NormalizedEntropy([f64; 3]);

impl Additive for NormalizedEntropy {
    fn sums(&self) -> &[f64] {
        &self.0
    }

    fn sums_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }

    fn add<S: Score>(&mut self, label: f64, score: S) {
        let mut loss = LogLoss::default();
        loss.add(label, score);
        self.0[0] += 1.0;
        self.0[1] += loss.sums()[1];
        self.0[2] += f64::from(is_positive(label));
    }

    fn value(&self) -> Option<f64> {
        let [rows, losses, positives] = self.0;
        let p = positives / rows;
        // One class only has no entropy to be held against.
        (positives > 0.0 && positives < rows).then(|| {
            let entropy = -(p * p.ln() + (1.0 - p) * (-p).ln_1p());
            losses / rows / entropy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_1_where_nothing_is_known_but_the_share() {
        let value = |labels: &[f32], scores: &[f64]| NormalizedEntropy::of(labels, scores).value();
        let share = value(&[1.0, 0.0, 0.0, 0.0], &[0.25; 4]).unwrap();
        assert!((share - 1.0).abs() < 1e-12, "{share}");
        // sklearn.metrics.log_loss([1,0,0,1], [.9,.1,.2,.65]) / ln 2 = 0.21616187468 / 0.69314718056
        let better = value(&[1.0, 0.0, 0.0, 1.0], &[0.9, 0.1, 0.2, 0.65]).unwrap();
        assert!((better - 0.311_855_6).abs() < 1e-6, "{better}");
        assert_eq!(value(&[1.0, 1.0], &[0.5, 0.5]), None);
        assert_eq!(value(&[], &[]), None);
    }
}
