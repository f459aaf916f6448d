//! Root mean squared error between numbers and their predictions.

use super::{Column, Kind, Metric, Parameter, Sums, sums};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "rmse",
    parameters: &[
        Parameter::NumberLabel,
        Parameter::Prediction,
        Parameter::Weight,
    ],
    // Weights, and squared errors.
    kind: Kind::Sums(Sums {
        width: 2,
        add: |sums, rows| {
            sums::add(sums, rows, |row| {
                let error = row.label - row.score;
                error * error
            });
        },
        value: |sums| sums::mean(sums).map(f64::sqrt),
    }),
    column: Column::Value,
    description: "Root mean squared error of predicted numbers. NULL without rows.",
    example: "SELECT rmse(rating, predicted) FROM (VALUES (5, 4.5), (3, 3.5), (1, 2.0)) AS t(rating, predicted)",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn is_the_root_of_the_mean_square() {
        // Errors 3 and 4: sqrt((9 + 16) / 2).
        let value = of(&METRIC, &[3.0, f32::NAN, -4.0], &[0.0, 9.0, 0.0]).unwrap();
        assert!((value - 12.5_f64.sqrt()).abs() < 1e-12, "{value}");
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_score() {
        assert_eq!(of::<f32>(&METRIC, &[], &[]), None);
        assert!(of(&METRIC, &[1.0], &[f32::NAN]).unwrap().is_nan());
    }
}
