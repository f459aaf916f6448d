//! Mean average precision of the first k rows of each group: the precision at the rank of each positive among them.
//! C. Manning, P. Raghavan, H. Schütze, "Introduction to Information Retrieval", 2008, section 8.4.

use super::ranking::OF_FIRST_ROWS;
use super::{Column, Constants, Groups, Join, Kind, Metric, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "map_at",
    parameters: OF_FIRST_ROWS,
    kind: Kind::Groups(Groups {
        of_group: average_precision,
        join: Join::Mean,
    }),
    column: Column::None,
    description: "Mean average precision: of the k highest scores of a group the share of positives up to the rank of each positive, \
                  summed, divided by the number of positives but at most k, and averaged over groups. Groups without a \
                  positive are left out, NULL when none is left; equal scores count as the mean over all their orders.",
    example: "SELECT map_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// Sum over the positives at ranks r up to k of (positives up to rank r) / r, divided by min(k, positives); `None`
/// without a positive.
fn average_precision(ranking: &mut dyn Ranking, constants: &Constants) -> Option<f64> {
    let k = constants.k;
    let best = ranking.positives().rows.min(k);
    let (mut above, mut sum) = (0.0, 0.0);
    for block in ranking.take_while(|block| block.rank < k) {
        let (rows, positives) = (block.len() as f64, block.positives.rows as f64);
        // Where one row of the block is positive, so are (positives - 1) / (rows - 1) of each of the others.
        let others = if rows > 1.0 {
            (positives - 1.0) / (rows - 1.0)
        } else {
            0.0
        };
        for place in 0..block.within(k) {
            let found = above + 1.0 + others * place as f64;
            sum += positives / rows * found / (block.rank + place + 1) as f64;
        }
        above += positives;
    }
    (best > 0).then(|| sum / best as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn is_the_mean_precision_at_the_positives() {
        // Positives at the ranks 1, 3 and 4 of group 1: (1 + 2/3 + 3/4) / 3, and within two ranks 1 / 2; group 2 has its
        // only one at rank 2; group 3 has none.
        let labels = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
        let scores = [0.9, 0.8, 0.7, 0.6, 0.9, 0.1, 0.7_f32];
        let map_at = |k| grouped(&METRIC, k, &labels, &scores, &[1, 1, 1, 1, 2, 2, 3]).unwrap();
        let all = (1.0 + 2.0 / 3.0 + 0.75) / 3.0;
        assert!(
            (map_at(9) - (all + 0.5) / 2.0).abs() < 1e-12,
            "{}",
            map_at(9)
        );
        assert_eq!(map_at(2), (0.5 + 0.5) / 2.0);
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // Behind one positive, two positives and a negative in three orders: 110 gives 1 + 2/2 + 3/3, 101 gives 1 + 2/2 +
        // 3/4, 011 gives 1 + 2/3 + 3/4; of the first three ranks 3, 2 and 1 + 2/3.
        let labels = [1.0, 1.0, 0.0, 1.0];
        let scores = [0.9, 0.5, 0.5, 0.5_f32];
        let map_at = |k| grouped(&METRIC, k, &labels, &scores, &[7; 4]).unwrap();
        let all = (3.0 + 2.75 + 1.0 + 2.0 / 3.0 + 0.75) / 3.0 / 3.0;
        assert!((map_at(4) - all).abs() < 1e-12, "{}", map_at(4));
        let three = (3.0 + 2.0 + 1.0 + 2.0 / 3.0) / 3.0 / 3.0;
        assert!((map_at(3) - three).abs() < 1e-12, "{}", map_at(3));
    }
}
