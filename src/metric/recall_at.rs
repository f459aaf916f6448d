//! Recall of the first k rows of each group: the share of its positives that stand there.

use super::ranking::{OF_FIRST_ROWS, positives_within};
use super::{Column, Constants, Groups, Join, Kind, Metric, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "recall_at",
    parameters: OF_FIRST_ROWS,
    kind: Kind::Groups(Groups {
        of_group: recall,
        join: Join::Mean,
    }),
    column: Column::None,
    description: "Share of a group's positives that stand among its k highest scores, averaged over groups. Groups without a \
                  positive are left out, NULL when none is left; equal scores count as the mean over all their orders.",
    example: "SELECT recall_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// Positives among the first k rows / all positives; `None` without a positive.
fn recall(ranking: &mut dyn Ranking, constants: &Constants) -> Option<f64> {
    let all = ranking.positives().rows;
    (all > 0).then(|| positives_within(ranking, constants.k) / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn is_the_share_of_positives_among_the_first() {
        let labels = [1.0, 1.0, 0.0, 1.0];
        let scores = [0.9, 0.2, 0.8, 0.1_f32];
        let recall_at = |k| grouped(&METRIC, k, &labels, &scores, &[0; 4]);
        assert_eq!(recall_at(2), Some(1.0 / 3.0));
        assert_eq!(recall_at(9), Some(1.0));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // Two of four equal rows are seen: half of the positives.
        let labels = [1.0, 0.0, 0.0, 0.0];
        assert_eq!(
            grouped(&METRIC, 2, &labels, &[0.5_f32; 4], &[7; 4]),
            Some(0.5)
        );
    }
}
