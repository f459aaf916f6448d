//! Metrics of rows that lie in memory.

use super::classes;
use super::{
    Constants, Factor, GroupedScores, Groups, Kind, Metric, Ranking, Row, Score, Scored,
    is_positive, of_classes,
};

/// Rows that are added to sums at a time, so that they stay in the cache.
const CHUNK: usize = 256;

/// Labels and scores of rows.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, S> {
    /// What happened; NaN outside of the task's sample space.
    pub labels: &'a [f32],
    /// What was predicted, the class for metrics over classes.
    pub scores: &'a [S],
    /// The group of each row; metrics over groups have no value without.
    pub groups: Option<&'a [i32]>,
    /// What each row weighs, a number from 0; 1 each when not given.
    pub weights: Option<&'a [f32]>,
}

impl<'a, S: Score> Rows<'a, S> {
    /// Rows without groups and weights.
    pub fn new(labels: &'a [f32], scores: &'a [S]) -> Self {
        Self {
            labels,
            scores,
            groups: None,
            weights: None,
        }
    }

    /// Place, label, score and weight of every row that has a label.
    fn each(&self) -> impl Iterator<Item = (usize, f64, S, f64)> {
        let pairs = self.labels.iter().zip(self.scores).enumerate();
        let labelled = pairs.filter(|(_, (label, _))| !label.is_nan());
        labelled.map(|(at, (&label, &score))| {
            let weight = self.weights.map_or(1.0, |weights| f64::from(weights[at]));
            (at, f64::from(label), score, weight)
        })
    }

    /// A ranking of all rows.
    fn ranking<W: Factor>(&self, value: fn(&mut dyn Ranking) -> Option<f64>) -> Option<f64> {
        let (mut positives, mut negatives) = (Vec::new(), Vec::new());
        for (_, label, score, weight) in self.each() {
            let class = match is_positive(label) {
                true => &mut positives,
                false => &mut negatives,
            };
            class.push(Scored::<S, W>::new(score, weight, 1.0));
        }
        of_classes(&mut positives, &mut negatives, value)
    }

    /// A ranking of each group.
    fn grouped(&self, metric: &Groups, constants: &Constants) -> Option<f64> {
        let groups = self.groups?;
        let mut known = groups.to_vec();
        known.sort_unstable();
        known.dedup();

        let mut rows = GroupedScores::new(self.weights.is_some());
        for (at, label, score, weight) in self.each() {
            if let Ok(group) = known.binary_search(&groups[at]) {
                let gain = constants.gain.of(label);
                rows.push(group as u32, gain, score, weight);
            }
        }
        rows.value(metric, constants, known.len())
    }
}

impl Metric {
    /// The metric of these rows; `None` where it is undefined.
    pub fn of<S: Score>(&self, rows: &Rows<S>, constants: &Constants) -> Option<f64> {
        let is_weighted = rows.weights.is_some();
        match self.kind {
            Kind::Sums(metric) => {
                let mut sums = vec![0.0; metric.width];
                let mut chunk = Vec::with_capacity(CHUNK);
                for (_, label, score, weight) in rows.each() {
                    chunk.push(Row::new(label, score, weight));
                    if chunk.len() == CHUNK {
                        (metric.add)(&mut sums, &chunk);
                        chunk.clear();
                    }
                }
                (metric.add)(&mut sums, &chunk);
                (metric.value)(&sums)
            }
            Kind::Ranking(value) if is_weighted => rows.ranking::<f64>(value),
            Kind::Ranking(value) => rows.ranking::<()>(value),
            Kind::Groups(metric) => rows.grouped(&metric, constants),
            Kind::Classes(value) => {
                let classes = rows.each().map(|(_, label, class, w)| (label, class, w));
                classes::of_rows(value, classes)
            }
        }
    }
}
