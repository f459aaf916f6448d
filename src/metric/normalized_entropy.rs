//! Normalized entropy: the logarithmic loss over that of always saying the share of positives, so that 1 means that
//! nothing has been learnt, whatever that share.
//! X. He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, equation 3.

use super::{Column, Kind, Metric, Parameter, Sums, is_positive, log_loss, sums};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "normalized_entropy",
    parameters: &[
        Parameter::BinaryLabel,
        Parameter::Probability,
        Parameter::Weight,
    ],
    // Weights, losses, and weights of the positives.
    kind: Kind::Sums(Sums {
        width: 3,
        add: |sums, rows| {
            sums::add(sums, rows, log_loss::of_row);
            let positives = rows.iter().filter(|row| is_positive(row.label));
            sums[2] = positives.fold(sums[2], |sum, row| sum + row.weight);
        },
        value,
    }),
    column: Column::Value,
    description: "Mean logarithmic loss over that of always saying the share of positives: below 1 where something has \
                  been learnt. NULL unless both classes are there.",
    example: "SELECT normalized_entropy(clicked, p) FROM (VALUES (1, 0.9), (0, 0.1), (0, 0.2), (1, 0.65)) AS t(clicked, p)",
};

fn value(sums: &[f64]) -> Option<f64> {
    let (rows, losses, positives) = (sums[0], sums[1], sums[2]);
    let p = positives / rows;
    // One class only has no entropy to be held against.
    (positives > 0.0 && positives < rows).then(|| {
        let entropy = -(p * p.ln() + (1.0 - p) * (-p).ln_1p());
        losses / rows / entropy
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn is_1_where_nothing_is_known_but_the_share() {
        let share = of(&METRIC, &[1.0, 0.0, 0.0, 0.0], &[0.25; 4]).unwrap();
        assert!((share - 1.0).abs() < 1e-12, "{share}");
        // sklearn.metrics.log_loss([1,0,0,1], [.9,.1,.2,.65]) / ln 2 = 0.21616187468 / 0.69314718056
        let better = of(&METRIC, &[1.0, 0.0, 0.0, 1.0], &[0.9, 0.1, 0.2, 0.65]).unwrap();
        assert!((better - 0.311_855_6).abs() < 1e-6, "{better}");
        assert_eq!(of(&METRIC, &[1.0, 1.0], &[0.5, 0.5]), None);
        assert_eq!(of::<f64>(&METRIC, &[], &[]), None);
    }
}
