//! Expected calibration error: how far probabilities are from the frequencies that they predict.
//! C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

use super::{Additive, Score};

/// Number of bins of equal width between 0 and 1, as in the paper.
pub const BINS: usize = 15;

/// Mean over bins of |mean label - mean probability|, weighted by the rows of the bin; `None` without rows.
///
/// Bin b of [`BINS`] holds probabilities p with b <= p * [`BINS`] < b + 1; the last one holds 1 as well.
pub fn calibration_error<S: Score>(labels: &[f32], scores: &[S]) -> Option<f64> {
    CalibrationError::of(labels, scores).value()
}

/// Rows, sum of labels and sum of probabilities of each bin.
#[derive(Clone, Debug, Default)]
pub struct CalibrationError([[f64; 3]; BINS]);

impl Additive for CalibrationError {
    fn sums(&self) -> &[f64] {
        self.0.as_flattened()
    }

    fn sums_mut(&mut self) -> &mut [f64] {
        self.0.as_flattened_mut()
    }

    fn add<S: Score>(&mut self, label: f64, score: S) {
        let p = score.widen();
        // The cast saturates: what lies below 0 goes to the first bin, and so does NaN.
        let bin = ((p * BINS as f64) as usize).min(BINS - 1);
        let [rows, labels, probabilities] = &mut self.0[bin];
        *rows += 1.0;
        *labels += label;
        *probabilities += p;
    }

    fn value(&self) -> Option<f64> {
        let rows: f64 = self.0.iter().map(|[rows, ..]| rows).sum();
        // |mean label - mean probability| of a bin times its rows is the distance of the sums.
        let gaps: f64 = self.0.iter().map(|[_, l, p]| (l - p).abs()).sum();
        (rows > 0.0).then(|| gaps / rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_the_gap_of_each_bin_by_its_rows() {
        // Bin 13 (0.8667 to 0.9333): 0.9, 0.9, 0.9 with two positives: |2 - 2.7| = 0.7.
        // Bin 1 (0.0667 to 0.1333): 0.1 with none: 0.1. Together 0.8 of 4 rows.
        let value = calibration_error(&[1.0, 1.0, 0.0, 0.0], &[0.9, 0.9, 0.9, 0.1]).unwrap();
        assert!((value - 0.2).abs() < 1e-12, "{value}");
    }

    #[test]
    fn gaps_of_different_bins_do_not_cancel() {
        // Over all rows the mean probability is right, in each bin it is wrong by 0.75.
        let value = calibration_error(&[1.0, 0.0], &[0.5_f32 - 0.25, 0.5 + 0.25]).unwrap();
        assert!((value - 0.75).abs() < 1e-12, "{value}");
    }

    #[test]
    fn the_last_bin_takes_one() {
        assert_eq!(calibration_error(&[1.0, 0.0], &[1.0_f32, 0.0]), Some(0.0));
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_score() {
        assert_eq!(calibration_error::<f32>(&[], &[]), None);
        assert!(
            calibration_error(&[1.0, 0.0], &[f64::NAN, 0.5])
                .unwrap()
                .is_nan()
        );
    }
}
