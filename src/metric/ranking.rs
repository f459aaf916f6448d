//! What metrics of the order of rows by score share.
//!
//! Rows with equal scores have no order among them. Metrics of the first k rows take the mean over all orders, so that
//! they neither depend on the order of the rows nor reward a model that gives all rows one score.

use super::{Factor, Parameter, Score, Scored};

/// The arguments of metrics of the first k rows of each group.
pub const OF_FIRST_ROWS: &[Parameter] = &[
    Parameter::K,
    Parameter::BinaryLabel,
    Parameter::Score,
    Parameter::Group,
    Parameter::Weight,
];

/// Rows of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// How many they are.
    pub rows: usize,
    /// The sum of their weights, which is their number where they have none.
    pub weight: f64,
}

impl Part {
    /// Counts a row.
    fn add(&mut self, weight: impl Factor) {
        self.rows += 1;
        self.weight += weight.get();
    }
}

/// Rows of one score: they stand at the ranks `rank + 1` to `rank + len()`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ties {
    /// Number of rows with a higher score.
    pub rank: usize,
    /// The positives among them.
    pub positives: Part,
    /// The negatives among them.
    pub negatives: Part,
    /// The sum of the gains of the positives, which is their number where labels have no grades.
    pub gain: f64,
    /// The weight of the negatives with a higher score.
    pub above: f64,
}

impl Ties {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.positives.rows + self.negatives.rows
    }

    /// How many of the rows stand among the first k of the ranking.
    pub fn within(&self, k: usize) -> usize {
        self.len().min(k.saturating_sub(self.rank))
    }
}

/// Rows in the order of their scores, as the blocks of equal scores in which there is a positive, from the highest score to
/// the lowest.
pub trait Ranking: Iterator<Item = Ties> {
    /// All positives.
    fn positives(&self) -> Part;

    /// All negatives.
    fn negatives(&self) -> Part;

    /// The k largest gains of the positives from the largest to the smallest, or all of them.
    fn largest_gains(&self, k: usize) -> Vec<f64>;
}

/// How many positives stand among the first k rows; k is at least 1.
pub fn positives_within(ranking: &mut dyn Ranking, k: usize) -> f64 {
    ranking
        .take_while(|block| block.rank < k)
        .map(|block| block.positives.rows as f64 * block.within(k) as f64 / block.len() as f64)
        .sum()
}

/// Rows in memory, each class sorted by score.
struct Sorted<'a, S, W, G> {
    positives: &'a [Scored<S, W, G>],
    negatives: &'a [Scored<S, W, G>],
    /// How many of each have been passed.
    passed: [usize; 2],
    /// The weight of the negatives that have been passed.
    above: f64,
}

/// What `metric` comes to over rows of these classes; NaN where it is defined and a score is NaN. It sorts both slices.
pub fn of_classes<S: Score, W: Factor, G: Factor>(
    positives: &mut [Scored<S, W, G>],
    negatives: &mut [Scored<S, W, G>],
    metric: impl FnOnce(&mut dyn Ranking) -> Option<f64>,
) -> Option<f64> {
    positives.sort_unstable_by(|a, b| b.score.order(&a.score));
    negatives.sort_unstable_by(|a, b| b.score.order(&a.score));
    // A NaN stands at one of the ends.
    let ends = [&*positives, &*negatives].map(|class| [class.first(), class.last()]);
    let mut ends = ends.as_flattened().iter().flatten();
    let has_nan = ends.any(|row| row.score.widen().is_nan());
    let value = metric(&mut Sorted {
        positives,
        negatives,
        passed: [0; 2],
        above: 0.0,
    })?;
    Some(if has_nan { f64::NAN } else { value })
}

/// Number and weight of these rows.
fn part<S, W: Factor, G>(rows: &[Scored<S, W, G>]) -> Part {
    Part {
        rows: rows.len(),
        weight: W::sum(rows.iter().map(|row| row.weight)),
    }
}

impl<S: Score, W: Factor, G: Factor> Iterator for Sorted<'_, S, W, G> {
    type Item = Ties;

    fn next(&mut self) -> Option<Ties> {
        let Self {
            positives,
            negatives,
            passed: [p, n],
            above,
        } = self;
        let score = positives.get(*p)?.score;
        let is_above = |row: &&Scored<S, W, G>| row.score.order(&score).is_gt();
        while let Some(row) = negatives.get(*n).filter(is_above) {
            *above += row.weight.get();
            *n += 1;
        }
        let mut ties = Ties {
            rank: *p + *n,
            positives: Part::default(),
            negatives: Part::default(),
            gain: 0.0,
            above: *above,
        };
        let is_tie = |row: &&Scored<S, W, G>| row.score.order(&score).is_eq();
        while let Some(row) = positives.get(*p).filter(is_tie) {
            ties.positives.add(row.weight);
            ties.gain += row.gain.get();
            *p += 1;
        }
        while let Some(row) = negatives.get(*n).filter(is_tie) {
            ties.negatives.add(row.weight);
            *n += 1;
        }
        *above += ties.negatives.weight;
        Some(ties)
    }
}

impl<S: Score, W: Factor, G: Factor> Ranking for Sorted<'_, S, W, G> {
    fn positives(&self) -> Part {
        part(self.positives)
    }

    fn negatives(&self) -> Part {
        part(self.negatives)
    }

    fn largest_gains(&self, k: usize) -> Vec<f64> {
        if !G::CARRIED {
            return vec![1.0; self.positives.len().min(k)];
        }
        let mut gains: Vec<f64> = self.positives.iter().map(|row| row.gain.get()).collect();
        gains.sort_unstable_by(|a, b| b.total_cmp(a));
        gains.truncate(k);
        gains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(f64, f64)]) -> Vec<Scored<f64, f64>> {
        let row = |&(score, weight): &(f64, f64)| Scored::new(score, weight, 1.0);
        rows.iter().map(row).collect()
    }

    #[test]
    fn walks_down_the_ranking_in_blocks_with_positives() {
        let mut positives = rows(&[(0.5, 1.0), (0.9, 2.0), (0.5, 3.0)]);
        let mut negatives = rows(&[(0.5, 0.5), (0.1, 0.25), (0.95, 4.0)]);
        let mut blocks = Vec::new();
        let part = |rows, weight| Part { rows, weight };
        of_classes(&mut positives, &mut negatives, |ranking| {
            assert_eq!(ranking.positives(), part(3, 6.0));
            assert_eq!(ranking.negatives(), part(3, 4.75));
            blocks.extend(ranking);
            None
        });
        let block = |rank, positives: Part, negatives, above| Ties {
            rank,
            positives,
            negatives,
            gain: positives.rows as f64,
            above,
        };
        let expected = [
            block(1, part(1, 2.0), part(0, 0.0), 4.0),
            block(2, part(2, 4.0), part(1, 0.5), 4.0),
        ];
        assert_eq!(blocks, expected);
        assert_eq!(blocks[1].within(4), 2);
        assert_eq!(blocks[1].within(2), 0);
    }

    #[test]
    fn a_nan_score_shows_where_the_metric_is_defined() {
        let value = |defined: Option<f64>| {
            let mut positives = rows(&[(0.5, 1.0), (f64::NAN, 1.0), (0.2, 1.0)]);
            of_classes(&mut positives, &mut rows(&[(0.1, 1.0)]), |_| defined)
        };
        assert!(value(Some(0.5)).is_some_and(f64::is_nan));
        assert_eq!(value(None), None);
    }

    #[test]
    fn rows_without_factors_are_their_scores() {
        assert_eq!(size_of::<Scored<f32>>(), size_of::<f32>());
    }
}
