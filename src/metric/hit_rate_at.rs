//! Hit rate of the first k rows of each group: whether a positive stands among them.

use super::ranking::OF_FIRST_ROWS;
use super::{Column, Constants, Groups, Join, Kind, Metric, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "hit_rate_at",
    parameters: OF_FIRST_ROWS,
    kind: Kind::Groups(Groups {
        of_group: hit,
        join: Join::Mean,
    }),
    column: Column::None,
    description: "Share of groups that have a positive among their k highest scores. Groups without a positive are left out, NULL \
                  when none is left; equal scores count as the mean over all their orders.",
    example: "SELECT hit_rate_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// The probability that a positive stands among the first k rows; `None` without a positive at all.
fn hit(ranking: &mut dyn Ranking, constants: &Constants) -> Option<f64> {
    let first = ranking.next()?;
    // Drawing without replacement: all rows seen of the first block with a positive are negatives.
    let miss: f64 = (0..first.within(constants.k))
        .map(|drawn| {
            first.negatives.rows.saturating_sub(drawn) as f64 / (first.len() - drawn) as f64
        })
        .product();
    Some(1.0 - miss)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn is_the_share_of_groups_with_a_hit() {
        let labels = [0.0, 1.0, 1.0, 0.0, 0.0];
        let scores = [0.9, 0.1, 0.9, 0.1, 0.5_f32];
        let hit_rate_at = |k| grouped(&METRIC, k, &labels, &scores, &[1, 1, 2, 2, 3]);
        assert_eq!(hit_rate_at(1), Some(0.5));
        assert_eq!(hit_rate_at(2), Some(1.0));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // Two of four equal rows are seen, two are positive: 1 - (2 / 4) * (1 / 3).
        let labels = [1.0, 1.0, 0.0, 0.0];
        let value = grouped(&METRIC, 2, &labels, &[0.5_f32; 4], &[7; 4]).unwrap();
        assert!((value - 5.0 / 6.0).abs() < 1e-12, "{value}");
    }
}
