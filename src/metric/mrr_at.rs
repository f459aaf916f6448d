//! Mean reciprocal rank of the first positive among the first k rows of each group.

use super::ranking::{has_nan, ties};
use super::{GroupMetric, Score};

/// Mean over groups of 1 / rank of the first positive, 0 beyond rank k; groups without a positive are left out; `None`
/// when none is left.
#[derive(Clone, Copy, Debug)]
pub struct MrrAt(pub usize);

impl GroupMetric for MrrAt {
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)> {
        let Self(k) = *self;
        if positives.is_empty() {
            return None;
        }
        if has_nan(positives, negatives) {
            return Some((f64::NAN, 1.0));
        }
        let first = ties(positives, negatives).find(|block| block.positives > 0)?;
        // Drawing without replacement from the block: `miss` is the probability of negatives only so far.
        let (mut miss, mut value) = (1.0, 0.0);
        for drawn in 0..first.within(k) {
            let left = (first.len() - drawn) as f64;
            value += miss * first.positives as f64 / left / (first.rank + drawn + 1) as f64;
            miss *= first.negatives.saturating_sub(drawn) as f64 / left;
            if miss == 0.0 {
                break;
            }
        }
        Some((value, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::group_mean;

    fn mrr_at<S: Score>(k: usize, labels: &[f32], scores: &[S], groups: &[u32]) -> Option<f64> {
        group_mean(&MrrAt(k), labels, scores, groups)
    }

    #[test]
    fn is_the_mean_of_one_over_the_rank() {
        let labels = [0.0, 0.0, 1.0, 1.0, 0.0];
        let scores = [0.9, 0.5, 0.1, 0.9, 0.1_f32];
        let groups = [1, 1, 1, 2, 2];
        assert_eq!(mrr_at(3, &labels, &scores, &groups), Some(2.0 / 3.0));
        assert_eq!(mrr_at(2, &labels, &scores, &groups), Some(0.5));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // One of three equal rows is positive: (1 + 1/2 + 1/3) / 3.
        let value = mrr_at(9, &[1.0, 0.0, 0.0], &[0.5_f32; 3], &[7; 3]).unwrap();
        assert!((value - 11.0 / 18.0).abs() < 1e-12, "{value}");
    }
}
