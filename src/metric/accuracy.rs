//! Accuracy: the share of rows whose class was predicted.

use super::{ClassCount, Column, Kind, Metric, Parameter};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "accuracy",
    parameters: &[
        Parameter::Class,
        Parameter::PredictedClass,
        Parameter::Weight,
    ],
    kind: Kind::Classes(value),
    column: Column::Value,
    description: "Share of rows whose predicted class is the label. Classes are values of any scalar type. NULL without \
                  rows.",
    example: "SELECT accuracy(colour, predicted) FROM (VALUES ('red', 'red'), ('red', 'blue'), ('blue', 'blue')) \
              AS t(colour, predicted)",
};

/// Hits over rows.
fn value(classes: &mut dyn Iterator<Item = ClassCount>) -> Option<f64> {
    let (rows, hits) = classes.fold((0.0, 0.0), |(rows, hits), class| {
        (rows + class.labels, hits + class.hits)
    });
    (rows > 0.0).then(|| hits / rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn is_the_share_of_hits() {
        let labels = [0.0, 1.0, 2.0, 2.0, f32::NAN];
        let value = of(&METRIC, &labels, &[0.0_f32, 2.0, 2.0, 2.0, 7.0]);
        assert_eq!(value, Some(0.75));
        assert_eq!(of(&METRIC, &[0.0], &[-0.0_f32]), Some(1.0));
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_prediction() {
        assert_eq!(of(&METRIC, &[f32::NAN], &[1.0_f32]), None);
        let broken = of(&METRIC, &[1.0, 0.0], &[1.0, f32::NAN]);
        assert!(broken.unwrap().is_nan());
    }
}
