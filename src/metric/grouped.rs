//! What metrics over groups of rows share: rows kept by group and class, and a mean over groups.

use super::ranking::{Ranking, of_classes};
use super::{Constants, Factor, Score, Scored};

/// Largest number of groups that [`GroupedScores`] can tell apart.
pub const MAX_GROUPS: usize = 1 << 31;

/// A metric over groups of rows.
#[derive(Clone, Copy, Debug)]
pub struct Groups {
    /// The value of one group; `None` leaves the group out.
    pub of_group: fn(&mut dyn Ranking, &Constants) -> Option<f64>,
    /// What the values of the groups come to together.
    pub join: Join,
}

/// What the values of groups come to. Where rows have weights, a group weighs the sum of those of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Their mean; without weights every group weighs the same.
    Mean,
    /// Their mean; without weights a group weighs as much as it has rows.
    MeanByRows,
    /// How many groups have a value.
    Count,
}

impl Groups {
    /// Value and weight of one group, from the rows of its classes, which it reorders.
    fn of_classes<S: Score, W: Factor, G: Factor>(
        &self,
        constants: &Constants,
        positives: &mut [Scored<S, W, G>],
        negatives: &mut [Scored<S, W, G>],
    ) -> Option<(f64, f64)> {
        let mut weight = 1.0;
        let value = of_classes(positives, negatives, |ranking| {
            if W::CARRIED || self.join == Join::MeanByRows {
                weight = ranking.positives().weight + ranking.negatives().weight;
            }
            (self.of_group)(ranking, constants)
        })?;
        Some((value, weight))
    }

    /// What values and weights of the groups come to.
    fn joined(&self, groups: Vec<(f64, f64)>) -> Option<f64> {
        match self.join {
            Join::Count => Some(groups.len() as f64),
            Join::Mean | Join::MeanByRows => weighted_mean(groups),
        }
    }
}

/// Rows with the group and the class that each belongs to, in 8 (`f32`) or 12 (`f64`) bytes a row, and 8 more for weights
/// and for gains other than 0 and 1, where there are any.
#[derive(Clone, Debug)]
pub struct GroupedScores<S> {
    is_weighted: bool,
    /// Twice the number of the group, plus one for a positive.
    codes: Vec<u32>,
    scores: Vec<S>,
    /// Empty unless rows are weighted.
    weights: Vec<f64>,
    /// Empty as long as there was none but 0 and 1.
    gains: Vec<f64>,
}

impl<S: Score> GroupedScores<S> {
    /// No rows, which will have weights or not.
    pub fn new(is_weighted: bool) -> Self {
        Self {
            is_weighted,
            codes: Vec::new(),
            scores: Vec::new(),
            weights: Vec::new(),
            gains: Vec::new(),
        }
    }

    /// Adds a row of the group with this number, below [`MAX_GROUPS`]. It is a positive where its label gains something.
    pub fn push(&mut self, group: u32, gain: f64, score: S, weight: f64) {
        let is_positive = gain > 0.0;
        if !self.gains.is_empty() || (is_positive && gain != 1.0) {
            // Those of negatives do not matter.
            self.gains.resize(self.codes.len(), 1.0);
            self.gains.push(gain);
        }
        self.codes.push(group << 1 | u32::from(is_positive));
        self.scores.push(score.one_zero());
        if self.is_weighted {
            self.weights.push(weight);
        }
    }

    /// The code of every row, which is twice the number of its group, plus one for a positive, its score, and its weight
    /// and gain where rows have such.
    pub fn take(&mut self) -> (Vec<u32>, Vec<S>, Vec<f64>, Vec<f64>) {
        let rows = std::mem::replace(self, Self::new(self.is_weighted));
        (rows.codes, rows.scores, rows.weights, rows.gains)
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.codes.capacity() * size_of::<u32>()
            + self.scores.capacity() * size_of::<S>()
            + (self.weights.capacity() + self.gains.capacity()) * size_of::<f64>()
    }

    /// What `metric` comes to over the groups with numbers below `num_groups`; `None` when no group counts.
    pub fn value(&self, metric: &Groups, constants: &Constants, num_groups: usize) -> Option<f64> {
        match (self.is_weighted, self.gains.is_empty()) {
            (false, true) => self.of_groups::<(), ()>(metric, constants, num_groups),
            (false, false) => self.of_groups::<(), f64>(metric, constants, num_groups),
            (true, true) => self.of_groups::<f64, ()>(metric, constants, num_groups),
            (true, false) => self.of_groups::<f64, f64>(metric, constants, num_groups),
        }
    }

    fn of_groups<W: Factor, G: Factor>(
        &self,
        metric: &Groups,
        constants: &Constants,
        num_groups: usize,
    ) -> Option<f64> {
        let mut groups = Vec::new();
        self.for_each_group::<W, G>(num_groups, |positives, negatives| {
            groups.extend(metric.of_classes(constants, positives, negatives));
        });
        metric.joined(groups)
    }

    /// Calls `visit` with the positives and the negatives of every group, in the order of the groups' numbers. It may
    /// reorder them: they are copies.
    fn for_each_group<W: Factor, G: Factor>(
        &self,
        num_groups: usize,
        mut visit: impl FnMut(&mut [Scored<S, W, G>], &mut [Scored<S, W, G>]),
    ) {
        // Counting sort by code: within a group the negatives come first.
        let mut next = vec![0_usize; 2 * num_groups + 1];
        for &code in &self.codes {
            next[code as usize + 1] += 1;
        }
        for i in 1..next.len() {
            next[i] += next[i - 1];
        }
        let mut sorted = vec![Scored::default(); self.scores.len()];
        let factor = |factors: &[f64], row: usize| factors.get(row).copied().unwrap_or(1.0);
        for (row, (&code, &score)) in self.codes.iter().zip(&self.scores).enumerate() {
            let place = &mut next[code as usize];
            let (weight, gain) = (factor(&self.weights, row), factor(&self.gains, row));
            sorted[*place] = Scored::new(score, weight, gain);
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
        let mut rows = GroupedScores::new(false);
        for (group, gain, score) in [(2, 1.0, 0.1), (0, 0.0, 0.2), (2, 0.0, 0.3), (2, 1.0, 0.4)] {
            rows.push(group, gain, score, 1.0);
        }
        assert!(rows.take().3.is_empty());
        for (group, gain, score) in [(2, 1.0, 0.1), (0, 0.0, 0.2), (2, 0.0, 0.3), (2, 3.0, 0.4)] {
            rows.push(group, gain, score, 1.0);
        }
        let mut seen = Vec::new();
        rows.for_each_group::<(), f64>(3, |positives, negatives| {
            let scores = |rows: &[Scored<f64, (), f64>]| -> Vec<(f64, f64)> {
                rows.iter().map(|row| (row.score, row.gain)).collect()
            };
            seen.push((
                scores(positives),
                negatives.iter().map(|row| row.score).collect(),
            ));
        });
        assert_eq!(
            seen,
            [
                (vec![], vec![0.2]),
                (vec![], vec![]),
                (vec![(0.1, 1.0), (0.4, 3.0)], vec![0.3])
            ]
        );
    }

    #[test]
    fn a_mean_of_nothing_is_undefined() {
        assert_eq!(weighted_mean(vec![]), None);
    }
}
