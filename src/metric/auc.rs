//! Area under the ROC curve: the probability that a positive scores higher than a negative, a tie counting one half.
//! T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.

use super::{Column, Kind, Metric, Parameter, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "auc",
    parameters: &[Parameter::BinaryLabel, Parameter::Score, Parameter::Weight],
    kind: Kind::Ranking(area),
    column: Column::Value,
    description: "Area under the ROC curve: the probability that a positive row scores higher than a negative one, ties \
                  counting one half. It is exact, and NULL unless both classes are there.",
    example: "SELECT auc(clicked, p) FROM (VALUES (true, 0.8), (true, 0.5), (false, 0.5), (false, 0.2)) AS t(clicked, p)",
};

/// The exact area; `None` unless both classes are there.
///
/// Without weights it counts pairs in whole numbers, so the order of the rows can not change a digit.
pub fn area(ranking: &mut dyn Ranking) -> Option<f64> {
    let pairs = ranking.positives().weight * ranking.negatives().weight;
    let losses_twice: f64 = ranking
        .map(|block| block.positives.weight * (2.0 * block.above + block.negatives.weight))
        .sum();
    (pairs > 0.0).then(|| ((2.0 * pairs - losses_twice) / (2.0 * pairs)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Constants, Rows, Score};

    fn auc<S: Score>(labels: &[f32], scores: &[S]) -> Option<f64> {
        METRIC.of(&Rows::new(labels, scores), &Constants::default())
    }

    #[test]
    fn counts_ordered_pairs_and_half_of_the_ties() {
        // Pairs (0.8, 0.5), (0.8, 0.2), (0.5, 0.2) are won and (0.5, 0.5) ties: 3.5 of 4.
        assert_eq!(
            auc(&[1.0, 1.0, 0.0, 0.0], &[0.8, 0.5, 0.5, 0.2]),
            Some(0.875)
        );
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.roc_auc_score([0,1,1,0,1,0,0,1], [.1,.4,.35,.8,.8,.35,.2,.9]) = 0.8125
        let labels = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let scores = [0.1_f32, 0.4, 0.35, 0.8, 0.8, 0.35, 0.2, 0.9];
        assert_eq!(auc(&labels, &scores), Some(0.8125));
    }

    #[test]
    fn leaves_out_rows_without_a_label() {
        assert_eq!(
            auc(&[1.0, f32::NAN, 0.0], &[0.9_f64, f64::NAN, 0.1]),
            Some(1.0)
        );
    }

    #[test]
    fn is_undefined_without_both_classes() {
        assert_eq!(auc::<f32>(&[], &[]), None);
        assert_eq!(auc(&[1.0, 1.0], &[0.1_f32, 0.2]), None);
        assert_eq!(auc(&[0.0], &[f32::NAN]), None);
    }

    #[test]
    fn zeros_of_both_signs_tie_and_infinities_have_an_order() {
        assert_eq!(auc(&[1.0, 0.0], &[-0.0_f32, 0.0]), Some(0.5));
        assert_eq!(
            auc(&[1.0, 0.0], &[f32::INFINITY, f32::NEG_INFINITY]),
            Some(1.0)
        );
    }

    #[test]
    fn a_nan_score_of_either_sign_shows() {
        for nan in [f64::NAN, -f64::NAN] {
            let value = auc(&[1.0, 0.0, 0.0], &[0.5, nan, 0.1]);
            assert!(value.is_some_and(f64::is_nan), "{value:?}");
        }
    }
}
