//! Macro-averaged F1: the harmonic mean of precision and recall of each class, averaged so that a rare class counts as
//! much as a frequent one.
//! J. Opitz, S. Burst, "Macro F1 and Macro F1", arXiv:1911.03347, 2019: the mean of the F1s, as scikit-learn has it.

use super::classes::{ClassCount, ClassMetric, of_rows};

/// Mean of the F1s of all classes that occur as label or as prediction; `None` without rows.
pub fn macro_f1(labels: &[f32], predicted: &[f32]) -> Option<f64> {
    of_rows::<MacroF1>(labels, predicted)
}

/// Mean of 2 hits / (labels + predictions), which is 0 for a class without a hit.
#[derive(Clone, Copy, Debug)]
pub struct MacroF1;

impl ClassMetric for MacroF1 {
    fn value(classes: impl Iterator<Item = ClassCount>) -> Option<f64> {
        let mut scores: Vec<f64> = classes
            .map(|class| 2.0 * class.hits as f64 / (class.labels + class.predicted) as f64)
            .collect();
        // One order of summands whatever the order of the classes.
        scores.sort_unstable_by(f64::total_cmp);
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.f1_score([0,1,2,2,1,0,3], [0,2,2,1,1,0,0], average='macro', zero_division=0) = 0.45
        let labels = [0.0, 1.0, 2.0, 2.0, 1.0, 0.0, 3.0];
        let predicted = [0.0, 2.0, 2.0, 1.0, 1.0, 0.0, 0.0];
        let value = macro_f1(&labels, &predicted).unwrap();
        assert!((value - 0.45).abs() < 1e-12, "{value}");
    }

    #[test]
    fn a_class_that_is_only_predicted_counts_as_well() {
        // F1 of class 1: 2 * 2 / (2 + 2); of class 5: 0.
        let labels = [1.0, 1.0, f32::NAN, 0.0, 0.0];
        let predicted = [1.0, 1.0, 3.0, 5.0, 0.0];
        // F1 of class 0: 2 * 1 / (2 + 1).
        let value = macro_f1(&labels, &predicted).unwrap();
        assert!((value - (1.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12, "{value}");
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_prediction() {
        assert_eq!(macro_f1(&[], &[]), None);
        assert!(macro_f1(&[1.0], &[f32::NAN]).unwrap().is_nan());
    }
}
