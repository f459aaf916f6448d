//! Logarithmic loss, or binary cross-entropy, in nats: the mean of -ln(probability given to what happened).

use super::{Column, Kind, Metric, Parameter, Row, Sums, is_positive, sums};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "log_loss",
    parameters: &[
        Parameter::BinaryLabel,
        Parameter::Probability,
        Parameter::Weight,
    ],
    // Weights, and losses.
    kind: Kind::Sums(Sums {
        width: 2,
        add: |sums, rows| sums::add(sums, rows, of_row),
        value: sums::mean,
    }),
    column: Column::CrossEntropy,
    description: "Mean logarithmic loss, or binary cross-entropy, in nats. Probabilities are clipped to [e, 1 - e], e the \
                  machine epsilon of their type. NULL without rows.",
    example: "SELECT log_loss(clicked, p) FROM (VALUES (1, 0.9), (0, 0.1), (0, 0.2), (1, 0.65)) AS t(clicked, p)",
};

/// Loss of one row, as scikit-learn clips it.
pub fn of_row(row: &Row) -> f64 {
    let p = row.score.clamp(row.epsilon, 1.0 - row.epsilon);
    if is_positive(row.label) {
        -p.ln()
    } else {
        -(-p).ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.log_loss([1,0,0,1], [.9,.1,.2,.65]) = 0.21616187468...
        let value = of(&METRIC, &[1.0, 0.0, 0.0, 1.0], &[0.9, 0.1, 0.2, 0.65]).unwrap();
        assert!((value - 0.216_161_874_7).abs() < 1e-9, "{value}");
    }

    #[test]
    fn a_sure_and_wrong_score_costs_what_its_type_can_tell() {
        // -ln(2^-23) = 23 ln 2 and -ln(2^-52) = 52 ln 2.
        let single = of(&METRIC, &[0.0], &[1.0_f32]).unwrap();
        let double = of(&METRIC, &[0.0], &[1.0_f64]).unwrap();
        assert!((single - 23.0 * 2_f64.ln()).abs() < 1e-6, "{single}");
        assert!((double - 52.0 * 2_f64.ln()).abs() < 1e-6, "{double}");
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_score() {
        assert_eq!(of(&METRIC, &[f32::NAN], &[0.5_f32]), None);
        let broken = of(&METRIC, &[1.0, 0.0], &[0.5, f64::NAN]);
        assert!(broken.unwrap().is_nan());
    }
}
