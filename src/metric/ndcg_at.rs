//! Normalized discounted cumulative gain of the first k rows of each group.
//! K. Järvelin, J. Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", ACM TOIS 20, 2002.

use super::{Column, Constants, Groups, Join, Kind, Metric, Parameter, Ranking};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "ndcg_at",
    parameters: &[
        Parameter::K,
        Parameter::Grade,
        Parameter::Score,
        Parameter::Group,
        Parameter::Gain,
        Parameter::Weight,
    ],
    kind: Kind::Groups(Groups {
        of_group: ndcg,
        join: Join::Mean,
    }),
    column: Column::None,
    description: "Normalized discounted cumulative gain: the sum of gain / log2(rank + 1) over the k highest scores of a group, \
                  divided by the best possible sum, averaged over groups. Labels may be grades. Groups whose labels are \
                  all 0 are left out, NULL when none is left; equal scores count as the mean over all their orders.",
    example: "SELECT ndcg_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// DCG@k / the best possible DCG@k, a row at rank r gaining its gain / log2(r + 1); `None` without a gain.
fn ndcg(ranking: &mut dyn Ranking, constants: &Constants) -> Option<f64> {
    let k = constants.k;
    let gains = ranking.largest_gains(k);
    if gains.is_empty() {
        return None;
    }
    let discounted = gains.iter().zip(1..);
    let best: f64 = discounted.map(|(gain, rank)| gain * discount(rank)).sum();
    let reached: f64 = ranking
        .take_while(|block| block.rank < k)
        .map(|block| {
            let mean = block.gain / block.len() as f64;
            let ranks = block.rank + 1..=block.rank + block.within(k);
            mean * ranks.map(discount).sum::<f64>()
        })
        .sum();
    Some(reached / best)
}

/// What a gain at that rank counts.
fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;
    use crate::metric::{Gain, Rows};

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.ndcg_score([[1,0,0,1,0,1]], [[.2,.9,.5,.5,.1,.5]], k=3) = 0.353814182651
        let labels = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let scores = [0.2, 0.9, 0.5, 0.5, 0.1, 0.5];
        let value = grouped(&METRIC, 3, &labels, &scores, &[0; 6]).unwrap();
        assert!((value - 0.353814182651).abs() < 1e-9, "{value}");
    }

    #[test]
    fn labels_may_be_grades() {
        // g = [3,0,2.5,1,0,2]; s = [.2,.9,.5,.5,.1,.5]
        // ndcg_score([g], [s], k=4) and ndcg_score([[2 ** x - 1 for x in g]], [s], k=4):
        // 0.4765220465708201 and 0.3796668681086275, of sklearn.metrics
        let labels = [3.0, 0.0, 2.5, 1.0, 0.0, 2.0];
        let rows = Rows {
            groups: Some(&[0; 6]),
            ..Rows::new(&labels, &[0.2, 0.9, 0.5, 0.5, 0.1, 0.5])
        };
        for (gain, expected) in [
            (Gain::Linear, 0.476_522_046_6),
            (Gain::Exponential, 0.379_666_868_1),
        ] {
            let value = METRIC.of(&rows, &Constants { k: 4, gain }).unwrap();
            assert!((value - expected).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn is_the_mean_of_groups_with_a_positive() {
        // Group 1: positive first, 1; group 2: second of two, 1 / log2(3); group 3: none.
        let labels = [1.0, 0.0, 1.0, 0.0, 0.0];
        let scores = [0.9, 0.1, 0.1, 0.9, 0.5_f32];
        let value = grouped(&METRIC, 10, &labels, &scores, &[1, 1, 2, 2, 3]);
        let expected = (1.0 + 1.0 / 3_f64.log2()) / 2.0;
        assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?}");
        assert_eq!(grouped(&METRIC, 10, &[0.0], &[0.5_f32], &[1]), None);
    }

    #[test]
    fn a_nan_score_shows() {
        assert!(
            grouped(&METRIC, 1, &[1.0], &[f32::NAN], &[1])
                .unwrap()
                .is_nan()
        );
    }
}
