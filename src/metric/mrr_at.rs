//! Mean reciprocal rank of the first positive among the first k rows of each group.

use super::ranking::OF_FIRST_ROWS;
use super::{Column, Constants, Groups, Join, Kind, Metric, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "mrr_at",
    parameters: OF_FIRST_ROWS,
    kind: Kind::Groups(Groups {
        of_group: reciprocal_rank,
        join: Join::Mean,
    }),
    column: Column::None,
    description: "Mean over groups of 1 / rank of the first positive among the k highest scores, 0 where there is none. Groups \
                  without a positive are left out, NULL when none is left; equal scores count as the mean over all their \
                  orders.",
    example: "SELECT mrr_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// 1 / rank of the first positive, 0 beyond rank k; `None` without a positive.
fn reciprocal_rank(ranking: &mut dyn Ranking, constants: &Constants) -> Option<f64> {
    let first = ranking.next()?;
    // Drawing without replacement from the block: `miss` is the probability of negatives only so far.
    let (mut miss, mut value) = (1.0, 0.0);
    for drawn in 0..first.within(constants.k) {
        let left = (first.len() - drawn) as f64;
        value += miss * first.positives.rows as f64 / left / (first.rank + drawn + 1) as f64;
        miss *= first.negatives.rows.saturating_sub(drawn) as f64 / left;
        if miss == 0.0 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn is_the_mean_of_one_over_the_rank() {
        let labels = [0.0, 0.0, 1.0, 1.0, 0.0];
        let scores = [0.9, 0.5, 0.1, 0.9, 0.1_f32];
        let mrr_at = |k| grouped(&METRIC, k, &labels, &scores, &[1, 1, 1, 2, 2]);
        assert_eq!(mrr_at(3), Some(2.0 / 3.0));
        assert_eq!(mrr_at(2), Some(0.5));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // One of three equal rows is positive: (1 + 1/2 + 1/3) / 3.
        let value = grouped(&METRIC, 9, &[1.0, 0.0, 0.0], &[0.5_f32; 3], &[7; 3]).unwrap();
        assert!((value - 11.0 / 18.0).abs() < 1e-12, "{value}");
    }
}
