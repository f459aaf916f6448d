//! Macro-averaged F1: the harmonic mean of precision and recall of each class, averaged so that a rare class counts as
//! much as a frequent one.
//! J. Opitz, S. Burst, "Macro F1 and Macro F1", arXiv:1911.03347, 2019: the mean of the F1s, as scikit-learn has it.

use super::{ClassCount, Column, Kind, Metric, Parameter};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "macro_f1",
    parameters: &[
        Parameter::Class,
        Parameter::PredictedClass,
        Parameter::Weight,
    ],
    kind: Kind::Classes(value),
    column: Column::Value,
    description: "Mean of the F1s of all classes that occur as label or as prediction; F1 is the harmonic mean of precision \
                  and recall, and 0 for a class that was never predicted right. Classes are values of any scalar type. \
                  NULL without rows.",
    example: "SELECT macro_f1(colour, predicted) FROM (VALUES ('red', 'red'), ('red', 'blue'), ('blue', 'blue')) \
              AS t(colour, predicted)",
};

/// Mean of 2 hits / (labels + predictions), which is 0 for a class without a hit, also one whose rows weigh nothing.
fn value(classes: &mut dyn Iterator<Item = ClassCount>) -> Option<f64> {
    let mut rows = 0.0;
    let mut scores: Vec<f64> = classes
        .map(|class| {
            rows += class.labels;
            match class.hits > 0.0 {
                true => 2.0 * class.hits / (class.labels + class.predicted),
                false => 0.0,
            }
        })
        .collect();
    // One order of summands whatever the order of the classes.
    scores.sort_unstable_by(f64::total_cmp);
    (rows > 0.0).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.f1_score([0,1,2,2,1,0,3], [0,2,2,1,1,0,0], average='macro', zero_division=0) = 0.45
        let labels = [0.0, 1.0, 2.0, 2.0, 1.0, 0.0, 3.0];
        let predicted = [0.0_f32, 2.0, 2.0, 1.0, 1.0, 0.0, 0.0];
        let value = of(&METRIC, &labels, &predicted).unwrap();
        assert!((value - 0.45).abs() < 1e-12, "{value}");
    }

    #[test]
    fn a_class_that_is_only_predicted_counts_as_well() {
        // F1 of class 1: 2 * 2 / (2 + 2); of class 5: 0.
        let labels = [1.0, 1.0, f32::NAN, 0.0, 0.0];
        let predicted = [1.0_f32, 1.0, 3.0, 5.0, 0.0];
        // F1 of class 0: 2 * 1 / (2 + 1).
        let value = of(&METRIC, &labels, &predicted).unwrap();
        assert!((value - (1.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12, "{value}");
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_prediction() {
        assert_eq!(of::<f32>(&METRIC, &[], &[]), None);
        assert!(of(&METRIC, &[1.0], &[f32::NAN]).unwrap().is_nan());
    }
}
