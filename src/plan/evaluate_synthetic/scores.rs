//! The metrics of generated rows, each beside its floor and that of independent columns.

use super::tables::Judged;
use crate::error::Result;
use crate::metric::synthetic::column_shapes::column_shape;
use crate::metric::synthetic::dcr::{Distance, closer_to_train, median};
use crate::metric::synthetic::exact_copies::exact_copies;
use crate::metric::synthetic::label_tv::label_tv;
use crate::metric::synthetic::pair_trends::pairs;
use crate::metric::synthetic::{Column, mean, rows};

/// Rows at the most that distances are measured from, and to.
const DISTANCE_ROWS: usize = 3000;

/// Something of each kind of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Three<T> {
    /// Of the rows to be judged.
    pub synthetic: T,
    /// Of real rows: what sampling alone costs.
    pub floor: T,
    /// Of real rows with every column in an order of its own.
    pub independent: T,
}

impl<T> Three<T> {
    /// What `of` makes of each.
    pub fn map<U>(&self, mut of: impl FnMut(&T) -> U) -> Three<U> {
        Three {
            synthetic: of(&self.synthetic),
            floor: of(&self.floor),
            independent: of(&self.independent),
        }
    }
}

/// One row of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The metric.
    pub metric: &'static str,
    /// The column, pair of columns, task or rule; `None` for all of them.
    pub subject: Option<String>,
    /// Its values.
    pub values: Three<Option<f64>>,
}

impl Score {
    /// The scores of several subjects, and their mean.
    pub fn with_mean(metric: &'static str, of: Vec<(String, Three<Option<f64>>)>) -> Vec<Self> {
        let values =
            |get: fn(&Three<Option<f64>>) -> Option<f64>| mean(of.iter().map(|s| get(&s.1)));
        let all = Three {
            synthetic: values(|v| v.synthetic),
            floor: values(|v| v.floor),
            independent: values(|v| v.independent),
        };
        let one = |(subject, values)| Self {
            metric,
            subject: Some(subject),
            values,
        };
        let mut scores: Vec<_> = of.into_iter().map(one).collect();
        scores.push(Self::of_all(metric, all));
        scores
    }

    /// A score without subject.
    pub fn of_all(metric: &'static str, values: Three<Option<f64>>) -> Self {
        Self {
            metric,
            subject: None,
            values,
        }
    }
}

/// The rows that are compared.
pub struct Tables<'a> {
    /// The columns of all of them.
    pub columns: &'a [Judged],
    /// Positions of the labels.
    pub labels: &'a [usize],
    /// Real rows that a generator may learn from.
    pub train: Vec<Column>,
    /// Real rows that it may not.
    pub holdout: Vec<Column>,
    /// Generated rows.
    pub synthetic: Vec<Column>,
    /// The rows to learn from with every column in an order of its own.
    pub independent: Vec<Column>,
}

impl Tables<'_> {
    /// What is compared with the rows held out.
    fn against_holdout(&self) -> Three<&[Column]> {
        Three {
            synthetic: &self.synthetic,
            floor: &self.train,
            independent: &self.independent,
        }
    }

    /// Shapes of columns, and their mean.
    pub fn column_shapes(&self) -> Vec<Score> {
        let rows = self.against_holdout();
        let shapes = self.columns.iter().enumerate().map(|(at, column)| {
            let shape = |table: &&[Column]| column_shape(&self.holdout[at], &table[at]);
            (column.name.clone(), rows.map(shape))
        });
        Score::with_mean("column_shapes", shapes.collect())
    }

    /// Trends of pairs, their mean, and the same of the pairs that are associated in the rows held out.
    ///
    /// # Errors
    /// Those of `go_on`, which is called before every pair.
    pub fn pair_trends(&self, go_on: &dyn Fn() -> Result<()>) -> Result<Vec<Score>> {
        let Three {
            synthetic,
            floor,
            independent,
        } = self.against_holdout();
        let others = [synthetic, floor, independent];
        let (mut all, mut associated) = (Vec::new(), Vec::new());
        for pair in pairs(&self.holdout, others, go_on)? {
            let [a, b] = pair.columns.map(|at| &self.columns[at].name);
            let [synthetic, floor, independent] = pair.similarities;
            let score = Three {
                synthetic,
                floor,
                independent,
            };
            if pair.is_associated {
                associated.push((format!("{a}, {b}"), score));
            }
            all.push((format!("{a}, {b}"), score));
        }
        let mut scores = Score::with_mean("pair_trends", all);
        scores.extend(Score::with_mean("pair_trends_associated", associated));
        Ok(scores)
    }

    /// Total variation of the joint table of labels.
    pub fn label_tv(&self) -> Score {
        let real = picked(&self.holdout, self.labels);
        let distance = |table: &&[Column]| label_tv(&real, &picked(table, self.labels));
        Score::of_all("label_tv", self.against_holdout().map(distance))
    }

    /// Shares of rows that are copies of rows to learn from; the floor is that of the rows held out.
    pub fn exact_copies(&self) -> Score {
        let rows = Three {
            synthetic: &self.synthetic,
            floor: &self.holdout,
            independent: &self.independent,
        };
        Score::of_all(
            "exact_copies",
            rows.map(|table| exact_copies(&self.train, table)),
        )
    }

    /// Median distance to the closest row to learn from, and the share of rows that such a row is closer
    /// to than one held out, of as many. The floor is that of other rows held out.
    pub fn distances(&self) -> [Score; 2] {
        let half = rows(&self.holdout) / 2;
        let compared = half.min(rows(&self.train)).min(DISTANCE_ROWS);
        let part = |table: &[Column], from: usize, count: usize| -> Vec<Column> {
            table.iter().map(|c| c.slice(from, count)).collect()
        };
        let train = part(&self.train, 0, compared);
        let holdout = part(&self.holdout, 0, compared);
        let from = Three {
            synthetic: part(&self.synthetic, 0, DISTANCE_ROWS),
            floor: part(&self.holdout, half, DISTANCE_ROWS),
            independent: part(&self.independent, 0, DISTANCE_ROWS),
        };
        let distance = Distance::new(&self.train);
        let to = |real: &[Column]| from.map(|table| distance.closest(table, real));
        let (to_train, to_holdout) = (to(&train), to(&holdout));
        let closer = Three {
            synthetic: closer_to_train(&to_train.synthetic, &to_holdout.synthetic),
            floor: closer_to_train(&to_train.floor, &to_holdout.floor),
            independent: closer_to_train(&to_train.independent, &to_holdout.independent),
        };
        [
            Score::of_all("dcr", to_train.map(|distances| median(distances))),
            Score::of_all("dcr_closer_to_train", closer),
        ]
    }
}

fn picked<'t>(table: &'t [Column], at: &[usize]) -> Vec<&'t Column> {
    at.iter().map(|at| &table[*at]).collect()
}

/// Brings scores into the order of the result: by metric and subject, that of all subjects last.
pub fn sort(scores: &mut [Score]) {
    scores.sort_by_cached_key(|s| (s.metric, s.subject.is_none(), s.subject.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(columns: &[Judged]) -> Tables<'_> {
        let table = |numbers: &[f64], categories: &[u32]| {
            vec![
                Column::Numbers(numbers.to_vec()),
                Column::Categories(categories.to_vec()),
            ]
        };
        Tables {
            columns,
            labels: &[1],
            train: table(&[0., 1., 8., 9.], &[1, 1, 2, 2]),
            holdout: table(&[0., 2., 8., 10.], &[1, 1, 2, 2]),
            synthetic: table(&[0., 1., 8., 9.], &[1, 1, 2, 2]),
            independent: table(&[9., 0., 1., 8.], &[1, 2, 1, 2]),
        }
    }

    fn columns() -> Vec<Judged> {
        [("price", false), ("click", true)]
            .map(|(name, is_category)| Judged {
                name: name.into(),
                is_category,
            })
            .to_vec()
    }

    fn three(synthetic: f64, floor: f64, independent: f64) -> Three<Option<f64>> {
        Three {
            synthetic,
            floor,
            independent,
        }
        .map(|v| Some(*v))
    }

    #[test]
    fn synthetic_rows_that_are_the_real_ones_sit_at_the_floor() {
        let columns = columns();
        let tables = tables(&columns);
        let shapes = tables.column_shapes();
        assert_eq!(shapes[0].values, three(0.75, 0.75, 0.75));
        assert_eq!(shapes[1].values, three(1., 1., 1.));
        assert_eq!(
            shapes[2],
            Score::of_all("column_shapes", three(0.875, 0.875, 0.875))
        );
        // Bins 1, 3, 9, 10 against 1, 2, 9, 10; independent columns agree in one row of four.
        let trends = tables.pair_trends(&|| Ok(())).unwrap();
        assert_eq!(trends[0].subject.as_deref(), Some("price, click"));
        assert_eq!(trends[0].values, three(0.75, 0.75, 0.25));
        assert_eq!(tables.label_tv().values, three(0., 0., 0.));
        // One row held out is a copy of a row to learn from by chance.
        assert_eq!(tables.exact_copies().values, three(1., 0.5, 0.5));
    }

    /// Of 8 rows held out the first 4 are compared with, and the others are the floor.
    #[test]
    fn rows_learnt_by_heart_are_closer_to_the_rows_learnt_from() {
        let columns = &columns()[..1];
        let table = |numbers: &[f64]| vec![Column::Numbers(numbers.to_vec())];
        let mut tables = Tables {
            columns,
            labels: &[],
            train: table(&[0., 2., 4., 6.]),
            holdout: table(&[1., 3., 5., 7., 11., 13., 15., 17.]),
            synthetic: table(&[6., 0., 4.]),
            independent: table(&[3.5, 2., 100., 1.]),
        };
        let [dcr, closer] = tables.distances();
        // 11 is 5 / 6 from 6 and 4 / 6 from 7, the others of the floor are as far as can be from both; 3.5 is
        // as close to 4 as to 3.
        assert_eq!(dcr.values, three(0., 1., 0.125));
        assert_eq!(closer.values, three(1., 0.375, 0.5));
        tables.holdout = table(&[1.]);
        let [dcr, closer] = tables.distances();
        assert_eq!((dcr.values, closer.values), Default::default());
    }

    #[test]
    fn all_subjects_come_after_each() {
        let columns = columns();
        let mut scores = tables(&columns).pair_trends(&|| Ok(())).unwrap();
        scores.extend(tables(&columns).column_shapes());
        sort(&mut scores);
        let order: Vec<_> = scores
            .iter()
            .map(|s| (s.metric, s.subject.as_deref()))
            .collect();
        assert_eq!(
            order[..3],
            [
                ("column_shapes", Some("click")),
                ("column_shapes", Some("price")),
                ("column_shapes", None),
            ]
        );
    }
}
