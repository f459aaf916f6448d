//! Accuracy: the share of rows whose class was predicted.

use super::classes::{ClassCount, ClassMetric, of_rows};

/// Share of rows whose predicted class is the label; `None` without rows.
pub fn accuracy(labels: &[f32], predicted: &[f32]) -> Option<f64> {
    of_rows::<Accuracy>(labels, predicted)
}

/// Hits over rows.
#[derive(Clone, Copy, Debug)]
pub struct Accuracy;

impl ClassMetric for Accuracy {
    fn value(classes: impl Iterator<Item = ClassCount>) -> Option<f64> {
        let (rows, hits) = classes.fold((0, 0), |(rows, hits), class| {
            (rows + class.labels, hits + class.hits)
        });
        (rows > 0).then(|| hits as f64 / rows as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_share_of_hits() {
        let labels = [0.0, 1.0, 2.0, 2.0, f32::NAN];
        assert_eq!(accuracy(&labels, &[0.0, 2.0, 2.0, 2.0, 7.0]), Some(0.75));
        assert_eq!(accuracy(&[0.0], &[-0.0]), Some(1.0));
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_prediction() {
        assert_eq!(accuracy(&[f32::NAN], &[1.0]), None);
        assert!(accuracy(&[1.0, 0.0], &[1.0, f32::NAN]).unwrap().is_nan());
    }
}
