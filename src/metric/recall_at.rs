//! Recall of the first k rows of each group: the share of its positives that stand there.

use super::ranking::{has_nan, ties};
use super::{GroupMetric, Score};

/// Mean over groups of positives among the first k rows / all positives; groups without a positive are left out; `None`
/// when none is left.
#[derive(Clone, Copy, Debug)]
pub struct RecallAt(pub usize);

impl GroupMetric for RecallAt {
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)> {
        let Self(k) = *self;
        if positives.is_empty() {
            return None;
        }
        if has_nan(positives, negatives) {
            return Some((f64::NAN, 1.0));
        }
        let all = positives.len() as f64;
        let found: f64 = ties(positives, negatives)
            .take_while(|block| block.rank < k)
            .map(|block| block.positives as f64 * block.within(k) as f64 / block.len() as f64)
            .sum();
        Some((found / all, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::group_mean;

    fn recall_at<S: Score>(k: usize, labels: &[f32], scores: &[S], groups: &[u32]) -> Option<f64> {
        group_mean(&RecallAt(k), labels, scores, groups)
    }

    #[test]
    fn is_the_share_of_positives_among_the_first() {
        let labels = [1.0, 1.0, 0.0, 1.0];
        let scores = [0.9, 0.2, 0.8, 0.1_f32];
        assert_eq!(recall_at(2, &labels, &scores, &[0; 4]), Some(1.0 / 3.0));
        assert_eq!(recall_at(9, &labels, &scores, &[0; 4]), Some(1.0));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // Two of four equal rows are seen: half of the positives.
        assert_eq!(
            recall_at(2, &[1.0, 0.0, 0.0, 0.0], &[0.5_f32; 4], &[7; 4]),
            Some(0.5)
        );
    }
}
