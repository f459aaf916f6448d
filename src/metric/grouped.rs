//! What metrics over groups of rows share: rows kept by group and class, and a mean over groups.

use std::fmt::Debug;

use super::{Score, is_positive};

/// Largest number of groups that [`GroupedScores`] can tell apart.
pub const MAX_GROUPS: usize = 1 << 31;

/// A metric that is a weighted mean over groups of rows.
pub trait GroupMetric: Debug + Send + Sync + 'static {
    /// Value and weight of one group, from the scores of its classes; `None` leaves the group out. It may reorder the
    /// scores, and finds no -0 among them.
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)>;

    /// What values and weights of the groups come to together: their mean.
    fn join(groups: Vec<(f64, f64)>) -> Option<f64> {
        weighted_mean(groups)
    }
}

/// What `metric` comes to over the groups that `groups` names row by row; `None` when no group counts.
pub fn group_mean<S: Score, G: Copy + Ord>(
    metric: &impl GroupMetric,
    labels: &[f32],
    scores: &[S],
    groups: &[G],
) -> Option<f64> {
    let mut known = groups.to_vec();
    known.sort_unstable();
    known.dedup();

    let mut rows = GroupedScores::default();
    for ((&label, &score), group) in labels.iter().zip(scores).zip(groups) {
        if label.is_nan() {
            continue;
        }
        if let Ok(group) = known.binary_search(group) {
            rows.push(group as u32, is_positive(f64::from(label)), score);
        }
    }
    rows.mean(metric, known.len())
}

/// Scores with the group and the class that each belongs to, in 8 (`f32`) or 12 (`f64`) bytes a row.
#[derive(Clone, Debug, Default)]
pub struct GroupedScores<S> {
    /// Twice the number of the group, plus one for a positive.
    codes: Vec<u32>,
    scores: Vec<S>,
}

impl<S: Score> GroupedScores<S> {
    /// Adds a row of the group with this number, below [`MAX_GROUPS`].
    pub fn push(&mut self, group: u32, positive: bool, score: S) {
        self.codes.push(group << 1 | u32::from(positive));
        self.scores.push(score.one_zero());
    }

    /// The code of every row, which is twice the number of its group, plus one for a positive, and its score.
    pub fn take(&mut self) -> (Vec<u32>, Vec<S>) {
        (
            std::mem::take(&mut self.codes),
            std::mem::take(&mut self.scores),
        )
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.codes.capacity() * size_of::<u32>() + self.scores.capacity() * size_of::<S>()
    }

    /// What `metric` comes to over the groups with numbers below `num_groups`; `None` when no group counts.
    pub fn mean<M: GroupMetric>(&self, metric: &M, num_groups: usize) -> Option<f64> {
        let mut terms = Vec::new();
        self.for_each_group(num_groups, |positives, negatives| {
            terms.extend(metric.of_group(positives, negatives));
        });
        M::join(terms)
    }

    /// Calls `visit` with the scores of the positives and of the negatives of every group, in the order of the groups'
    /// numbers. It may reorder them: they are copies.
    fn for_each_group(&self, num_groups: usize, mut visit: impl FnMut(&mut [S], &mut [S])) {
        // Counting sort by code: within a group the negatives come first.
        let mut next = vec![0_usize; 2 * num_groups + 1];
        for &code in &self.codes {
            next[code as usize + 1] += 1;
        }
        for i in 1..next.len() {
            next[i] += next[i - 1];
        }
        let mut sorted = vec![S::default(); self.scores.len()];
        for (&code, &score) in self.codes.iter().zip(&self.scores) {
            let place = &mut next[code as usize];
            sorted[*place] = score;
            *place += 1;
        }
        // Every start has moved to the end of its range by now.
        let mut start = 0;
        for ends in next[..2 * num_groups].chunks_exact(2) {
            let group = &mut sorted[start..ends[1]];
            let (negatives, positives) = group.split_at_mut(ends[0] - start);
            visit(positives, negatives);
            start = ends[1];
        }
    }
}

/// Sum of weighted values and sum of weights; the digits do not depend on the order in which the terms came.
fn weighted_mean(mut terms: Vec<(f64, f64)>) -> Option<f64> {
    terms.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let weights: f64 = terms.iter().map(|(_, weight)| weight).sum();
    let values: f64 = terms.iter().map(|(value, weight)| value * weight).sum();
    (weights > 0.0).then(|| values / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_every_group_in_order_with_its_classes() {
        let mut rows = GroupedScores::default();
        for (group, positive, score) in [
            (2, true, 0.1),
            (0, false, 0.2),
            (2, false, 0.3),
            (2, true, 0.4),
        ] {
            rows.push(group, positive, score);
        }
        let mut seen = Vec::new();
        rows.for_each_group(3, |positives, negatives| {
            seen.push((positives.to_vec(), negatives.to_vec()));
        });
        assert_eq!(
            seen,
            [
                (vec![], vec![0.2]),
                (vec![], vec![]),
                (vec![0.1, 0.4], vec![0.3])
            ]
        );
    }

    #[test]
    fn a_mean_of_nothing_is_undefined() {
        assert_eq!(weighted_mean(vec![]), None);
    }
}
