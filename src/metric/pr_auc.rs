//! Area under the precision-recall curve as steps, or average precision: the precision at each positive's score, averaged
//! over the positives. It shows what auc hides where positives are rare.
//! J. Davis, M. Goadrich, "The Relationship Between Precision-Recall and ROC Curves", ICML 2006.

use super::{Column, Kind, Metric, Parameter, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "pr_auc",
    parameters: &[Parameter::BinaryLabel, Parameter::Score, Parameter::Weight],
    kind: Kind::Ranking(area),
    column: Column::Value,
    description: "Area under the precision-recall curve, or average precision: the share of positives among the rows that \
                  score at least as high as a positive, averaged over the positives. The share of positives is what \
                  scores that know nothing get. NULL without a positive.",
    example: "SELECT pr_auc(clicked, p) FROM (VALUES (true, 0.8), (true, 0.5), (false, 0.6), (false, 0.2)) AS t(clicked, p)",
};

/// Sum over scores of (recall - recall above it) * precision; `None` without a positive.
fn area(ranking: &mut dyn Ranking) -> Option<f64> {
    let all = ranking.positives().weight;
    let (mut positives, mut area) = (0.0, 0.0);
    for block in ranking {
        positives += block.positives.weight;
        let rows = positives + block.above + block.negatives.weight;
        if rows > 0.0 {
            area += block.positives.weight * positives / rows;
        }
    }
    (all > 0.0).then(|| area / all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Constants, Rows};

    fn pr_auc(labels: &[f32], scores: &[f64]) -> Option<f64> {
        METRIC.of(&Rows::new(labels, scores), &Constants::default())
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.average_precision_score([0,1,1,0,1,0,0,1], [.1,.4,.35,.8,.8,.35,.2,.9]) = 0.7708333333333333
        let labels = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let value = pr_auc(&labels, &[0.1, 0.4, 0.35, 0.8, 0.8, 0.35, 0.2, 0.9]).unwrap();
        assert!((value - 0.770_833_333_3).abs() < 1e-9, "{value}");
    }

    #[test]
    fn one_score_for_all_is_the_share_of_positives() {
        assert_eq!(pr_auc(&[1.0, 0.0, 0.0, 0.0], &[0.3; 4]), Some(0.25));
        assert_eq!(pr_auc(&[1.0, 1.0], &[0.3, 0.1]), Some(1.0));
        assert_eq!(pr_auc(&[0.0], &[0.3]), None);
    }
}
