//! Points of the ROC curve: what happens to positives and negatives when rows from a threshold on are called positive.
//! T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.
//!
//! Scores come from the highest to the lowest, each once with its counts, and may be as many as they like: a fixed
//! number of points is kept, which lie nearly evenly among the rows. Their counts are exact.

/// Points that are kept at the most.
const KEPT: usize = 1 << 16;

/// The most points that [`RocCurve::finish`] can be asked for, far fewer than are kept.
pub const MAX_POINTS: usize = 10_000;

/// One threshold and the rows whose score is at least that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// The threshold; infinity for the point without rows.
    pub threshold: f64,
    /// Positives from the threshold on.
    pub true_positives: u64,
    /// Negatives from the threshold on.
    pub false_positives: u64,
}

impl RocPoint {
    /// Rows from the threshold on.
    fn rows(&self) -> u64 {
        self.true_positives + self.false_positives
    }
}

/// The curve so far.
#[derive(Clone, Debug)]
pub struct RocCurve {
    /// All rows so far.
    last: RocPoint,
    /// Of the points with equal `rows / step` the first.
    kept: Vec<RocPoint>,
    step: u64,
}

impl Default for RocCurve {
    fn default() -> Self {
        let none = RocPoint {
            threshold: f64::INFINITY,
            true_positives: 0,
            false_positives: 0,
        };
        Self {
            last: none,
            kept: vec![none],
            step: 1,
        }
    }
}

impl RocCurve {
    /// Adds the rows of a score, which is lower than those before.
    pub fn add(&mut self, score: f64, positives: u64, negatives: u64) {
        if positives + negatives == 0 {
            return;
        }
        self.last = RocPoint {
            threshold: score,
            true_positives: self.last.true_positives + positives,
            false_positives: self.last.false_positives + negatives,
        };
        self.keep(self.last);
        while self.kept.len() > KEPT {
            self.step *= 2;
            for point in std::mem::take(&mut self.kept) {
                self.keep(point);
            }
        }
    }

    fn keep(&mut self, point: RocPoint) {
        let place = |point: &RocPoint| point.rows() / self.step;
        if self.kept.last().map(place) != Some(place(&point)) {
            self.kept.push(point);
        }
    }

    /// At most so many points, 2 to [`MAX_POINTS`], with rising counts: all there are, or else the nearest to quantiles
    /// of the scores. The first has no rows and the last all of them; there are none when there was no row.
    pub fn finish(self, points: usize) -> Vec<RocPoint> {
        let Self { last, kept, step } = self;
        if last.rows() == 0 {
            return Vec::new();
        }
        if step == 1 && kept.len() <= points {
            return kept;
        }
        let steps = points.max(2) as u128 - 1;
        let mut chosen: Vec<RocPoint> = Vec::with_capacity(points);
        for i in 0..=steps {
            let rows = (i * u128::from(last.rows())).div_ceil(steps);
            let at = kept.partition_point(|point| u128::from(point.rows()) < rows);
            // Not all rows may have been kept.
            let point = match kept.get(at) {
                Some(point) if i < steps => *point,
                _ => last,
            };
            if chosen.last().map(RocPoint::rows) != Some(point.rows()) {
                chosen.push(point);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(counts: &[(f64, u64, u64)]) -> RocCurve {
        let mut curve = RocCurve::default();
        for &(score, positives, negatives) in counts {
            curve.add(score, positives, negatives);
        }
        curve
    }

    fn triples(points: &[RocPoint]) -> Vec<(f64, u64, u64)> {
        let triple = |p: &RocPoint| (p.threshold, p.true_positives, p.false_positives);
        points.iter().map(triple).collect()
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.roc_curve([0,1,1,0,1,0,0,1], [.1,.4,.35,.8,.8,.35,.2,.9], drop_intermediate=False) times 4
        let counts = [
            (0.9, 1, 0),
            (0.8, 1, 1),
            (0.4, 1, 0),
            (0.35, 1, 1),
            (0.2, 0, 1),
            (0.1, 0, 1),
        ];
        let expected = [
            (f64::INFINITY, 0, 0),
            (0.9, 1, 0),
            (0.8, 2, 1),
            (0.4, 3, 1),
            (0.35, 4, 2),
            (0.2, 4, 3),
            (0.1, 4, 4),
        ];
        assert_eq!(triples(&curve(&counts).finish(7)), expected);
        // Of 8 rows the first with at least 0, 4 and 8.
        let three = [expected[0], expected[3], expected[6]];
        assert_eq!(triples(&curve(&counts).finish(3)), three);
        let ends = [expected[0], expected[6]];
        assert_eq!(triples(&curve(&counts).finish(2)), ends);
    }

    #[test]
    fn of_many_scores_some_are_kept_with_exact_counts() {
        let n = 300_000_u64;
        let mut curve = RocCurve::default();
        for i in 0..n {
            curve.add((n - i) as f64, u64::from(i % 3 == 0), u64::from(i % 3 != 0));
        }
        assert!(curve.kept.len() <= KEPT);
        let points = curve.finish(101);
        assert_eq!(points.len(), 101);
        for (i, point) in (0..).zip(&points) {
            let rows = point.rows();
            // Within one step of the quantile, which is 8 here.
            assert!((i * n / 100..i * n / 100 + 8).contains(&rows), "{i} {rows}");
            assert_eq!(point.true_positives, rows.div_ceil(3));
            if rows > 0 {
                assert_eq!(point.threshold, (n - rows + 1) as f64);
            }
        }
        assert_eq!(points[100].rows(), n);
    }

    #[test]
    fn one_score_has_both_ends_and_no_row_none() {
        let one = curve(&[(0.5, 3, 4)]).finish(100);
        assert_eq!(triples(&one), [(f64::INFINITY, 0, 0), (0.5, 3, 4)]);
        assert_eq!(curve(&[]).finish(100), []);
        assert_eq!(curve(&[(0.5, 0, 0)]).finish(2), []);
    }
}
