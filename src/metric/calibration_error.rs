//! Expected calibration error: how far probabilities are from the frequencies that they predict.
//! C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

use super::{Column, Kind, Metric, Parameter, Row, Sums};

/// Number of bins of equal width between 0 and 1, as in the paper.
const BINS: usize = 15;

/// The metric.
pub const METRIC: Metric = Metric {
    name: "calibration_error",
    parameters: &[
        Parameter::BinaryLabel,
        Parameter::Probability,
        Parameter::Weight,
    ],
    // Weights, labels and probabilities of each bin.
    kind: Kind::Sums(Sums {
        width: 3 * BINS,
        add,
        value,
    }),
    column: Column::Value,
    description: "Expected calibration error: the distance between mean label and mean probability in each of 15 bins of \
                  equal width, averaged with the rows of the bin as weight. NULL without rows.",
    example: "SELECT calibration_error(clicked, p) FROM (VALUES (1, 0.9), (1, 0.9), (0, 0.9), (0, 0.1)) AS t(clicked, p)",
};

/// Bin b of [`BINS`] holds probabilities p with b <= p * [`BINS`] < b + 1; the last one holds 1 as well.
fn add(sums: &mut [f64], rows: &[Row]) {
    for row in rows {
        // The cast saturates: what lies below 0 goes to the first bin, and so does NaN.
        let bin = ((row.score * BINS as f64) as usize).min(BINS - 1);
        let bin = &mut sums[3 * bin..][..3];
        bin[0] += row.weight;
        bin[1] += row.weight * row.label;
        bin[2] += row.weight * row.score;
    }
}

/// Mean over bins of |mean label - mean probability|, weighted by the rows of the bin; `None` without rows.
fn value(sums: &[f64]) -> Option<f64> {
    let bins = || sums.chunks_exact(3);
    let rows: f64 = bins().map(|bin| bin[0]).sum();
    // |mean label - mean probability| of a bin times its rows is the distance of the sums.
    let gaps: f64 = bins().map(|bin| (bin[1] - bin[2]).abs()).sum();
    (rows > 0.0).then(|| gaps / rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::of;

    #[test]
    fn weighs_the_gap_of_each_bin_by_its_rows() {
        // Bin 13 (0.8667 to 0.9333): 0.9, 0.9, 0.9 with two positives: |2 - 2.7| = 0.7.
        // Bin 1 (0.0667 to 0.1333): 0.1 with none: 0.1. Together 0.8 of 4 rows.
        let value = of(&METRIC, &[1.0, 1.0, 0.0, 0.0], &[0.9, 0.9, 0.9, 0.1]).unwrap();
        assert!((value - 0.2).abs() < 1e-12, "{value}");
    }

    #[test]
    fn gaps_of_different_bins_do_not_cancel() {
        // Over all rows the mean probability is right, in each bin it is wrong by 0.75.
        let value = of(&METRIC, &[1.0, 0.0], &[0.5_f32 - 0.25, 0.5 + 0.25]).unwrap();
        assert!((value - 0.75).abs() < 1e-12, "{value}");
    }

    #[test]
    fn the_last_bin_takes_one() {
        assert_eq!(of(&METRIC, &[1.0, 0.0], &[1.0_f32, 0.0]), Some(0.0));
    }

    #[test]
    fn is_undefined_without_rows_and_nan_with_a_nan_score() {
        assert_eq!(of::<f32>(&METRIC, &[], &[]), None);
        let broken = of(&METRIC, &[1.0, 0.0], &[f64::NAN, 0.5]);
        assert!(broken.unwrap().is_nan());
    }
}
