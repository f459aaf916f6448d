//! The rows of every epoch of a generator's training, judged by the same metrics.

use std::ops::Range;

use arrow::array::RecordBatch;

use super::columns::Shape;
use super::tables::Reader;
use crate::error::{Error, Result};
use crate::feature::table::{Allowed, Codec, Coded, Decoder};
use crate::feature::{ColumnOptions, find_name};
use crate::metric::synthetic::closeness::Closeness;
use crate::random::Draws;
use crate::train::adversarial::Judge;

/// Compares the rows of an epoch with real ones that were held back.
pub struct EpochJudge<'a> {
    shape: Shape,
    /// Positions in a row of the columns of the shape.
    at: Vec<usize>,
    rows: &'a RecordBatch,
    decoder: Decoder,
    seed: u64,
    go_on: &'a dyn Fn() -> Result<()>,
}

impl<'a> EpochJudge<'a> {
    /// A judge of rows like `rows`, which `codec` codes and whose columns are what `options` say. `go_on`
    /// is an error when the training is cancelled.
    ///
    /// # Errors
    /// `Plan` for a column of a type that can't be judged.
    pub fn new(
        codec: &Codec,
        rows: &'a RecordBatch,
        options: &ColumnOptions,
        seed: u64,
        go_on: &'a dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let schema = codec.schema()?;
        let shape = Shape::of_generated(&schema, options)?;
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let lost = || Error::internal("a column of the generator is gone");
        let at = shape.columns.iter();
        let at = at.map(|column| find_name(names(), &column.name).ok_or_else(lost));
        Ok(Self {
            at: at.collect::<Result<_>>()?,
            shape,
            rows,
            decoder: Decoder::new(codec)?,
            seed,
            go_on,
        })
    }

    fn compare(&self, real: Range<usize>, other: &RecordBatch) -> Result<Closeness> {
        let mut reader = Reader::new(&self.shape.columns);
        let real = reader.read(&self.rows.slice(real.start, real.len()).project(&self.at)?)?;
        let other = reader.read(&other.project(&self.at)?)?;
        Closeness::of(&real, &other, &self.shape.labels, self.go_on)
    }
}

impl Judge for EpochJudge<'_> {
    fn drawn(&self, real: Range<usize>, drawn: &Coded) -> Result<Closeness> {
        let mut draws = Draws::new(&[self.seed, u64::MAX, 1]);
        let drawn = self
            .decoder
            .decode(drawn, &Allowed::default(), &mut draws)?;
        self.compare(real, &drawn)
    }

    fn others(&self, real: Range<usize>, others: Range<usize>) -> Result<Closeness> {
        self.compare(real, &self.rows.slice(others.start, others.len()))
    }
}
