//! Normalized discounted cumulative gain of the first k rows of each group.
//! K. Järvelin, J. Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", ACM TOIS 20, 2002.

use super::ranking::{has_nan, ties};
use super::{GroupMetric, Score};

/// Mean over groups of DCG@k / the best possible DCG@k, a positive at rank r gaining 1 / log2(r + 1); groups without a
/// positive are left out; `None` when none is left.
#[derive(Clone, Copy, Debug)]
pub struct NdcgAt(pub usize);

impl GroupMetric for NdcgAt {
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)> {
        let Self(k) = *self;
        if positives.is_empty() {
            return None;
        }
        if has_nan(positives, negatives) {
            return Some((f64::NAN, 1.0));
        }
        let best = discounts(0, positives.len().min(k));
        let gain: f64 = ties(positives, negatives)
            .take_while(|block| block.rank < k)
            .map(|block| {
                let share = block.positives as f64 / block.len() as f64;
                share * discounts(block.rank, block.within(k))
            })
            .sum();
        Some((gain / best, 1.0))
    }
}

/// Sum of the gains of so many positives behind so many rows.
fn discounts(rank: usize, count: usize) -> f64 {
    let ranks = rank + 1..=rank + count;
    ranks.map(|rank| 1.0 / (rank as f64 + 1.0).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::group_mean;

    fn ndcg_at<S: Score>(k: usize, labels: &[f32], scores: &[S], groups: &[u32]) -> Option<f64> {
        group_mean(&NdcgAt(k), labels, scores, groups)
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.ndcg_score([[1,0,0,1,0,1]], [[.2,.9,.5,.5,.1,.5]], k=3) = 0.353814182651
        let labels = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let scores = [0.2, 0.9, 0.5, 0.5, 0.1, 0.5];
        let value = ndcg_at(3, &labels, &scores, &[0; 6]).unwrap();
        assert!((value - 0.353814182651).abs() < 1e-9, "{value}");
    }

    #[test]
    fn is_the_mean_of_groups_with_a_positive() {
        // Group 1: positive first, 1; group 2: second of two, 1 / log2(3); group 3: none.
        let value = ndcg_at(
            10,
            &[1.0, 0.0, 1.0, 0.0, 0.0],
            &[0.9, 0.1, 0.1, 0.9, 0.5_f32],
            &[1, 1, 2, 2, 3],
        );
        let expected = (1.0 + 1.0 / 3_f64.log2()) / 2.0;
        assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?}");
        assert_eq!(ndcg_at(10, &[0.0], &[0.5_f32], &[1]), None);
    }

    #[test]
    fn a_nan_score_shows() {
        assert!(ndcg_at(1, &[1.0], &[f32::NAN], &[1]).unwrap().is_nan());
    }
}
