//! What metrics of the first k rows of a ranking share.
//!
//! Rows with equal scores have no order among them. The metrics take the mean over all orders, so that they neither
//! depend on the order of the rows nor reward a model that gives all rows one score.

use std::iter;

use super::Score;

/// Rows of one score: they stand at the ranks `rank + 1` to `rank + positives + negatives`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ties {
    /// Number of rows with a higher score.
    pub rank: usize,
    /// Number of positives among them.
    pub positives: usize,
    /// Number of negatives among them.
    pub negatives: usize,
}

impl Ties {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.positives + self.negatives
    }

    /// How many of the rows stand among the first k of the ranking.
    pub fn within(&self, k: usize) -> usize {
        self.len().min(k.saturating_sub(self.rank))
    }
}

/// Blocks of equal scores from the highest to the lowest. It sorts both slices.
pub fn ties<S: Score>(positives: &mut [S], negatives: &mut [S]) -> impl Iterator<Item = Ties> {
    positives.sort_unstable_by(|a, b| b.order(a));
    negatives.sort_unstable_by(|a, b| b.order(a));
    let (positives, negatives) = (&*positives, &*negatives);
    let (mut p, mut n) = (0, 0);
    iter::from_fn(move || {
        let heads = positives.get(p).into_iter().chain(negatives.get(n));
        let highest = heads.max_by(|a, b| a.order(b))?;
        let equal = |class: &[S]| {
            class
                .iter()
                .take_while(|s| s.order(highest).is_eq())
                .count()
        };
        let block = Ties {
            rank: p + n,
            positives: equal(&positives[p..]),
            negatives: equal(&negatives[n..]),
        };
        p += block.positives;
        n += block.negatives;
        Some(block)
    })
}

/// Whether the metric of a group is NaN because one of its scores is.
pub fn has_nan<S: Score>(positives: &[S], negatives: &[S]) -> bool {
    let mut scores = positives.iter().chain(negatives);
    scores.any(|score| score.widen().is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_down_the_ranking_in_blocks_of_equal_scores() {
        let blocks: Vec<_> = ties(&mut [0.5, 0.9, 0.5], &mut [0.5, 0.1]).collect();
        let block = |rank, positives, negatives| Ties {
            rank,
            positives,
            negatives,
        };
        assert_eq!(blocks, [block(0, 1, 0), block(1, 2, 1), block(4, 0, 1)]);
        assert_eq!(blocks[1].within(3), 2);
        assert_eq!(blocks[2].within(3), 0);
    }
}
