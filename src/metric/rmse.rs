//! Root mean squared error between numbers and their predictions.

use super::{Additive, Score};

/// Root of the mean squared difference; `None` without rows. Labels may be any numbers, NaN is left out.
pub fn rmse<S: Score>(labels: &[f32], scores: &[S]) -> Option<f64> {
    Rmse::of(labels, scores).value()
}

/// Number of rows and sum of their squared errors.
#[derive(Clone, Debug, Default)]
pub struct Rmse([f64; 2]);

impl Additive for Rmse {
    fn sums(&self) -> &[f64] {
        &self.0
    }

    fn sums_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }

    fn add<S: Score>(&mut self, label: f64, score: S) {
        let error = label - score.widen();
        self.0[0] += 1.0;
        self.0[1] += error * error;
    }

    fn value(&self) -> Option<f64> {
        let [rows, squares] = self.0;
        (rows > 0.0).then(|| (squares / rows).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_root_of_the_mean_square() {
        // Errors 3 and 4: sqrt((9 + 16) / 2).
        let value = rmse(&[3.0, f32::NAN, -4.0], &[0.0, 9.0, 0.0]).unwrap();
        assert!((value - 12.5_f64.sqrt()).abs() < 1e-12, "{value}");
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_score() {
        assert_eq!(rmse::<f32>(&[], &[]), None);
        assert!(rmse(&[1.0], &[f32::NAN]).unwrap().is_nan());
    }
}
