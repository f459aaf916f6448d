//! Precision of the first k rows of each group: the share of them that is positive.

use super::ranking::{OF_FIRST_ROWS, positives_within};
use super::{Column, Constants, Groups, Join, Kind, Metric, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "precision_at",
    parameters: OF_FIRST_ROWS,
    kind: Kind::Groups(Groups {
        of_group: precision,
        join: Join::Mean,
    }),
    column: Column::None,
    description: "Positives among the k highest scores of a group divided by k, also where the group has fewer rows, averaged over \
                  groups. Groups without a positive are left out, NULL when none is left; equal scores count as the mean \
                  over all their orders.",
    example: "SELECT precision_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// Positives among the first k rows / k, as trec_eval has it; `None` without a positive.
fn precision(ranking: &mut dyn Ranking, constants: &Constants) -> Option<f64> {
    let k = constants.k;
    (ranking.positives().rows > 0).then(|| positives_within(ranking, k) / k as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn is_the_share_of_the_first_that_is_positive() {
        // Group 1: of two rows one; group 2 has one row, which is positive; group 3 has no positive.
        let labels = [1.0, 1.0, 0.0, 1.0, 0.0];
        let scores = [0.9, 0.2, 0.8, 0.1, 0.7_f32];
        let precision_at = |k| grouped(&METRIC, k, &labels, &scores, &[1, 1, 1, 2, 3]);
        assert_eq!(precision_at(1), Some(1.0));
        assert_eq!(precision_at(2), Some(0.5));
        assert_eq!(precision_at(4), Some((0.5 + 0.25) / 2.0));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // Two of four equal rows are seen, and one of four is positive.
        let labels = [1.0, 0.0, 0.0, 0.0];
        assert_eq!(
            grouped(&METRIC, 2, &labels, &[0.5_f32; 4], &[7; 4]),
            Some(0.25)
        );
    }
}
