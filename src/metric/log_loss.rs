//! Logarithmic loss, or binary cross-entropy, in nats: the mean of -ln(probability given to what happened).

use super::{Additive, Score, is_positive};

/// Number of rows and sum of their losses; the value is their mean.
///
/// Probabilities are clipped to [e, 1 - e], e the machine epsilon of their own type, as scikit-learn does.
#[derive(Clone, Debug, Default)]
pub struct LogLoss([f64; 2]);

impl Additive for LogLoss {
    fn sums(&self) -> &[f64] {
        &self.0
    }

    fn sums_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }

    fn add<S: Score>(&mut self, label: f64, score: S) {
        self.0[0] += 1.0;
        self.0[1] += loss(is_positive(label), score);
    }

    fn value(&self) -> Option<f64> {
        let [rows, losses] = self.0;
        (rows > 0.0).then(|| losses / rows)
    }
}

/// Loss of one row.
fn loss<S: Score>(positive: bool, score: S) -> f64 {
    let p = score.widen().clamp(S::EPSILON, 1.0 - S::EPSILON);
    if positive { -p.ln() } else { -(-p).ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_loss<S: Score>(labels: &[f32], scores: &[S]) -> Option<f64> {
        LogLoss::of(labels, scores).value()
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.log_loss([1,0,0,1], [.9,.1,.2,.65]) = 0.21616187468...
        let value = log_loss(&[1.0, 0.0, 0.0, 1.0], &[0.9, 0.1, 0.2, 0.65]).unwrap();
        assert!((value - 0.216_161_874_7).abs() < 1e-9, "{value}");
    }

    #[test]
    fn a_sure_and_wrong_score_costs_what_its_type_can_tell() {
        // -ln(2^-23) = 23 ln 2 and -ln(2^-52) = 52 ln 2.
        let single = log_loss(&[0.0], &[1.0_f32]).unwrap();
        let double = log_loss(&[0.0], &[1.0_f64]).unwrap();
        assert!((single - 23.0 * 2_f64.ln()).abs() < 1e-6, "{single}");
        assert!((double - 52.0 * 2_f64.ln()).abs() < 1e-6, "{double}");
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_score() {
        assert_eq!(log_loss(&[f32::NAN], &[0.5_f32]), None);
        assert!(log_loss(&[1.0, 0.0], &[0.5, f64::NAN]).unwrap().is_nan());
    }
}
