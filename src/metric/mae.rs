//! Mean absolute error between numbers and their predictions.

use super::{Column, Kind, Metric, Parameter, Sums, sums};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "mae",
    parameters: &[
        Parameter::NumberLabel,
        Parameter::Prediction,
        Parameter::Weight,
    ],
    // Weights, and absolute errors.
    kind: Kind::Sums(Sums {
        width: 2,
        add: |sums, rows| sums::add(sums, rows, |row| (row.label - row.score).abs()),
        value: sums::mean,
    }),
    column: Column::Value,
    description: "Mean absolute error of predicted numbers. NULL without rows.",
    example: "SELECT mae(rating, predicted) FROM (VALUES (5, 4.5), (3, 3.5), (1, 2.0)) AS t(rating, predicted)",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn is_the_mean_distance() {
        // Errors 3 and 4.
        let value = of(&METRIC, &[3.0, f32::NAN, -4.0], &[0.0, 9.0, 0.0]);
        assert_eq!(value, Some(3.5));
        assert_eq!(of::<f32>(&METRIC, &[], &[]), None);
        assert!(of(&METRIC, &[1.0], &[f32::NAN]).unwrap().is_nan());
    }
}
