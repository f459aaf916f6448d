//! Mean absolute error between numbers and their predictions.

use super::{Additive, Score};

/// Number of rows and sum of their absolute errors; the value is their mean.
#[derive(Clone, Debug, Default)]
pub struct Mae([f64; 2]);

impl Additive for Mae {
    fn sums(&self) -> &[f64] {
        &self.0
    }

    fn sums_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }

    fn add<S: Score>(&mut self, label: f64, score: S) {
        self.0[0] += 1.0;
        self.0[1] += (label - score.widen()).abs();
    }

    fn value(&self) -> Option<f64> {
        let [rows, errors] = self.0;
        (rows > 0.0).then(|| errors / rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_mean_distance() {
        // Errors 3 and 4.
        let value = Mae::of(&[3.0, f32::NAN, -4.0], &[0.0, 9.0, 0.0]).value();
        assert_eq!(value, Some(3.5));
        assert_eq!(Mae::of::<f32>(&[], &[]).value(), None);
        assert!(Mae::of(&[1.0], &[f32::NAN]).value().unwrap().is_nan());
    }
}
