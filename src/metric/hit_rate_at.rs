//! Hit rate of the first k rows of each group: whether a positive stands among them.

use super::ranking::{has_nan, ties};
use super::{GroupMetric, Score};

/// Share of groups with a positive among their first k rows; groups without a positive at all are left out; `None` when
/// none is left.
#[derive(Clone, Copy, Debug)]
pub struct HitRateAt(pub usize);

impl GroupMetric for HitRateAt {
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)> {
        let Self(k) = *self;
        if positives.is_empty() {
            return None;
        }
        if has_nan(positives, negatives) {
            return Some((f64::NAN, 1.0));
        }
        let first = ties(positives, negatives).find(|block| block.positives > 0)?;
        // Drawing without replacement: all rows seen of the first block with a positive are negatives.
        let miss: f64 = (0..first.within(k))
            .map(|drawn| {
                first.negatives.saturating_sub(drawn) as f64 / (first.len() - drawn) as f64
            })
            .product();
        Some((1.0 - miss, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::group_mean;

    fn hit_rate_at<S: Score>(
        k: usize,
        labels: &[f32],
        scores: &[S],
        groups: &[u32],
    ) -> Option<f64> {
        group_mean(&HitRateAt(k), labels, scores, groups)
    }

    #[test]
    fn is_the_share_of_groups_with_a_hit() {
        let labels = [0.0, 1.0, 1.0, 0.0, 0.0];
        let scores = [0.9, 0.1, 0.9, 0.1, 0.5_f32];
        let groups = [1, 1, 2, 2, 3];
        assert_eq!(hit_rate_at(1, &labels, &scores, &groups), Some(0.5));
        assert_eq!(hit_rate_at(2, &labels, &scores, &groups), Some(1.0));
    }

    #[test]
    fn ties_count_as_their_mean_over_all_orders() {
        // Two of four equal rows are seen, two are positive: 1 - (2 / 4) * (1 / 3).
        let value = hit_rate_at(2, &[1.0, 1.0, 0.0, 0.0], &[0.5_f32; 4], &[7; 4]).unwrap();
        assert!((value - 5.0 / 6.0).abs() < 1e-12, "{value}");
    }
}
