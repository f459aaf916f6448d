//! The fitted encoder: the same reading of values as in training, ids looked up instead of made.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::fitted::FittedSpec;
use crate::error::{Error, Result};
use crate::feature::rows::budget::Charge;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::{EncodedBatch, Layout};
use crate::feature::rows::scratch::{Scratch, for_each_tile};
use crate::feature::vocabulary::Vocabulary;

/// Rows that are encoded at once.
const BLOCK_ROWS: usize = 8192;

/// Turns feature columns into model inputs. Cloning shares the vocabularies.
#[derive(Clone)]
pub struct Encoder {
    inner: Arc<Inner>,
}

struct Inner {
    fitted: FittedSpec,
    /// One per id column of the layout, then one per list.
    vocabularies: Vec<Vocabulary>,
    _charge: Option<Charge>,
}

/// What was met while encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeStats {
    /// Category values that training has not seen, or too seldom.
    pub unseen: u64,
}

impl Encoder {
    pub(crate) fn new(
        fitted: FittedSpec,
        vocabularies: Vec<Vocabulary>,
        charge: Option<Charge>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                fitted,
                vocabularies,
                _charge: charge,
            }),
        }
    }

    /// Everything but the vocabularies.
    pub fn fitted(&self) -> &FittedSpec {
        &self.inner.fitted
    }

    /// Shape of what [`encode`](Self::encode) gives.
    pub fn layout(&self) -> &Layout {
        &self.inner.fitted.layout
    }

    /// Bytes of the vocabularies.
    pub fn bytes(&self) -> usize {
        self.inner.vocabularies.iter().map(Vocabulary::bytes).sum()
    }

    pub(crate) fn vocabularies(&self) -> &[Vocabulary] {
        &self.inner.vocabularies
    }

    /// Encodes `rows` rows of the columns of [`FittedSpec::inputs`], in that order. Labels are
    /// left empty.
    ///
    /// # Errors
    /// `Plan` for a column of a type that was not trained, `Internal` for a wrong number of
    /// columns or rows.
    pub fn encode(
        &self,
        inputs: &[ArrayRef],
        rows: usize,
        out: &mut EncodedBatch,
    ) -> Result<EncodeStats> {
        let features = &self.inner.fitted.features;
        if inputs.len() != features.len() || inputs.iter().any(|a| a.len() != rows) {
            return Err(Error::internal(format!(
                "expected {} columns of {rows} rows, got {} of {:?}",
                features.len(),
                inputs.len(),
                inputs.iter().map(|a| a.len()).collect::<Vec<_>>()
            )));
        }
        out.clear(self.layout().lists.len());
        out.rows = rows;
        let mut stats = EncodeStats::default();
        if rows <= BLOCK_ROWS {
            self.encode_block(inputs, rows, out, &mut stats)?;
        } else {
            for from in (0..rows).step_by(BLOCK_ROWS) {
                let count = BLOCK_ROWS.min(rows - from);
                let slices: Vec<_> = inputs.iter().map(|a| a.slice(from, count)).collect();
                self.encode_block(&slices, count, out, &mut stats)?;
            }
        }
        // A damaged manifest may have lists that no feature fills.
        out.lists.iter_mut().for_each(|list| list.pad(rows));
        Ok(stats)
    }

    fn encode_block(
        &self,
        arrays: &[ArrayRef],
        rows: usize,
        out: &mut EncodedBatch,
        stats: &mut EncodeStats,
    ) -> Result<()> {
        let layout = self.layout();
        let (ids, width) = (layout.ids.len(), layout.ids.len() + layout.dense.len());
        out.scratch.resize(width, rows);
        let vocabularies = &self.inner.vocabularies;
        let (mut inputs, buffer) = Inputs::new(layout, vocabularies, rows, out);
        for (feature, array) in self.inner.fitted.features.iter().zip(arrays) {
            feature.kind.encode(array, &mut inputs, buffer)?;
        }
        stats.unseen += inputs.unseen;
        let Scratch { words, stride, .. } = &out.scratch;
        for_each_tile(words, *stride, 0..ids, rows, |_, tile| {
            out.ids.extend(tile.iter().map(|w| *w as i32));
        });
        for_each_tile(words, *stride, ids..width, rows, |_, tile| {
            out.dense.extend(tile.iter().map(|w| f32::from_bits(*w)));
        });
        Ok(())
    }
}
