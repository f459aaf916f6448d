//! How close rows come to real ones, in a few numbers that cost little: what training follows.

use super::column_shapes::column_shape;
use super::label_tv::label_tv;
use super::pair_trends::pairs;
use super::{Column, mean};

/// Scores of rows; `None` where nothing defines one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Closeness {
    /// Mean over the columns, 0 to 1.
    pub column_shapes: Option<f64>,
    /// Mean over the pairs of columns, 0 to 1.
    pub pair_trends: Option<f64>,
    /// The same over the pairs that are associated in the real rows.
    pub pair_trends_associated: Option<f64>,
    /// Total variation of the joint table of labels, 0 to 1: the lower the better.
    pub label_tv: Option<f64>,
}

impl Closeness {
    /// How close `other` rows come to `real` ones. `labels` are the positions of the labels.
    ///
    /// # Errors
    /// Those of `go_on`, which is called before every pair.
    pub fn of<E>(
        real: &[Column],
        other: &[Column],
        labels: &[usize],
        go_on: &dyn Fn() -> Result<(), E>,
    ) -> Result<Self, E> {
        let shapes = real.iter().zip(other).map(|(a, b)| column_shape(a, b));
        let column_shapes = mean(shapes);
        let pairs = pairs(real, [other], go_on)?;
        let associated = pairs.iter().filter(|pair| pair.is_associated);
        let of_labels = |table: &[Column]| -> Vec<Column> {
            labels.iter().map(|at| table[*at].clone()).collect()
        };
        let (real, other) = (of_labels(real), of_labels(other));
        Ok(Self {
            column_shapes,
            pair_trends: mean(pairs.iter().map(|pair| pair.similarities[0])),
            pair_trends_associated: mean(associated.map(|pair| pair.similarities[0])),
            label_tv: label_tv(
                &real.iter().collect::<Vec<_>>(),
                &other.iter().collect::<Vec<_>>(),
            ),
        })
    }

    /// All in one number, 0 to 1: the mean of shapes, trends of associated pairs, or of all where none is,
    /// and 1 less the total variation of labels.
    pub fn quality(&self) -> f64 {
        let trends = self.pair_trends_associated.or(self.pair_trends);
        mean([self.column_shapes, trends, self.label_tv.map(|tv| 1. - tv)]).unwrap_or(0.)
    }

    /// Those that are defined, by name, and the quality.
    pub fn scores(&self) -> Vec<(&'static str, f64)> {
        let scores = [
            ("column_shapes", self.column_shapes),
            ("pair_trends", self.pair_trends),
            ("pair_trends_associated", self.pair_trends_associated),
            ("label_tv", self.label_tv),
            ("quality", Some(self.quality())),
        ];
        let defined = scores.into_iter();
        defined
            .filter_map(|(name, score)| Some((name, score?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closeness(real: &[&[u32]], other: &[&[u32]], labels: &[usize]) -> Closeness {
        let table = |columns: &[&[u32]]| -> Vec<_> {
            columns
                .iter()
                .map(|c| Column::Categories(c.to_vec()))
                .collect()
        };
        let go_on = || Ok::<_, ()>(());
        Closeness::of(&table(real), &table(other), labels, &go_on).unwrap()
    }

    #[test]
    fn real_rows_are_as_close_as_can_be() {
        let real: [&[u32]; 2] = [&[1, 1, 2, 2], &[1, 1, 2, 2]];
        let found = closeness(&real, &real, &[1]);
        assert_eq!(found.quality(), 1.);
        assert_eq!(found.label_tv, Some(0.));
        assert_eq!(found.scores().len(), 5);
    }

    #[test]
    fn the_quality_is_the_mean_of_shapes_trends_and_labels() {
        // Every second row says the other value of the label.
        let real: [&[u32]; 2] = [&[1, 1, 2, 2, 1, 1, 2, 2], &[1, 1, 2, 2, 1, 1, 2, 2]];
        let other: [&[u32]; 2] = [&[1, 1, 2, 2, 1, 1, 2, 2], &[2, 1, 1, 2, 2, 1, 1, 1]];
        let found = closeness(&real, &other, &[1]);
        // The label has 5 ones in place of 4; of the pairs half are where they belong.
        assert_eq!(found.column_shapes, Some((1. + 0.875) / 2.));
        assert_eq!(found.label_tv, Some(0.125));
        assert_eq!(found.pair_trends_associated, Some(0.375));
        let quality = (0.9375 + 0.375 + 0.875) / 3.;
        assert!((found.quality() - quality).abs() < 1e-12);
        // Without labels the other two are left.
        let found = closeness(&real, &other, &[]);
        assert_eq!(found.label_tv, None);
        assert!((found.quality() - (0.9375 + 0.375) / 2.).abs() < 1e-12);
    }
}
