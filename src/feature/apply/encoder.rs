//! The fitted encoder: the same reading of values as in training, ids looked up instead of made.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::fitted::{FittedFeature, FittedKind, FittedSpec, IdPart};
use crate::error::{Error, Result};
use crate::feature::column::number::bucket::{PiecePart, filled};
use crate::feature::column::vector;
use crate::feature::fit::scale::{NumberPart, VectorPart};
use crate::feature::rows::budget::Charge;
use crate::feature::rows::layout::{EncodedBatch, Layout};
use crate::feature::rows::scratch::{Scratch, column, for_each_tile};
use crate::feature::value::category;
use crate::feature::value::{number, time};
use crate::feature::vocabulary::Vocabulary;
use crate::feature::vocabulary::assign::{Fixed, NoHashes};

/// Rows that are encoded at once.
const BLOCK_ROWS: usize = 8192;

/// Turns feature columns into model inputs. Cloning shares the vocabularies.
#[derive(Clone)]
pub struct Encoder {
    inner: Arc<Inner>,
}

struct Inner {
    fitted: FittedSpec,
    /// One per id column of the layout.
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
        out.rows = rows;
        out.ids.clear();
        out.dense.clear();
        out.labels.clear();
        let mut stats = EncodeStats::default();
        if rows <= BLOCK_ROWS {
            self.encode_block(inputs, rows, out, &mut stats)?;
            return Ok(stats);
        }
        for from in (0..rows).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(rows - from);
            let slices: Vec<_> = inputs.iter().map(|a| a.slice(from, count)).collect();
            self.encode_block(&slices, count, out, &mut stats)?;
        }
        Ok(stats)
    }

    fn encode_block(
        &self,
        inputs: &[ArrayRef],
        rows: usize,
        out: &mut EncodedBatch,
        stats: &mut EncodeStats,
    ) -> Result<()> {
        let layout = self.layout();
        let (ids, width) = (layout.ids.len(), layout.ids.len() + layout.dense.len());
        out.scratch.resize(width, rows);
        for (feature, array) in self.inner.fitted.features.iter().zip(inputs) {
            stats.unseen += self.encode_feature(feature, array, rows, &mut out.scratch)?;
        }
        let Scratch { words, stride, .. } = &out.scratch;
        for_each_tile(words, *stride, 0..ids, rows, |_, tile| {
            out.ids.extend(tile.iter().map(|w| *w as i32));
        });
        for_each_tile(words, *stride, ids..width, rows, |_, tile| {
            out.dense.extend(tile.iter().map(|w| f32::from_bits(*w)));
        });
        Ok(())
    }

    /// Encodes one feature; returns how many values were unseen.
    fn encode_feature(
        &self,
        feature: &FittedFeature,
        array: &ArrayRef,
        rows: usize,
        scratch: &mut Scratch,
    ) -> Result<u64> {
        let Scratch {
            words,
            stride,
            numbers,
            times,
            ..
        } = scratch;
        let stride = *stride;
        let mut unseen = 0;
        match &feature.kind {
            FittedKind::Category(part) => {
                let mut fixed = self.fixed(part);
                let ids = column(words, stride, part.slot, rows);
                category::read(array, &mut fixed, &mut NoHashes, ids)?;
                unseen += fixed.unseen;
            }
            FittedKind::Number(parts) => {
                number::read(array, numbers)?;
                if let Some(part) = &parts.float {
                    self.put_number(part, numbers, words, stride);
                }
                if let Some(part) = &parts.bucket {
                    let first = self.layout().ids[part.slot].offset;
                    part.ids(first, numbers, column(words, stride, part.slot, rows));
                }
                if let Some(part) = &parts.pieces {
                    self.put_pieces(part, numbers, words, stride);
                }
            }
            FittedKind::Time {
                hour,
                weekday,
                value,
            } => {
                times.read(array)?;
                for (part, values) in [(hour, &times.hour), (weekday, &times.weekday)] {
                    if let Some(part) = part {
                        let mut fixed = self.fixed(part);
                        let ids = column(words, stride, part.slot, rows);
                        time::assign_parts(values, &mut fixed, &mut NoHashes, ids);
                        unseen += fixed.unseen;
                    }
                }
                if let Some(part) = value {
                    self.put_number(part, &times.value, words, stride);
                }
            }
            FittedKind::Vector(part) => {
                let kind = self.inner.fitted.spec.columns[feature.column].kind;
                vector::read_kind(kind, array, part.scales.len(), numbers)?;
                self.put_vector(part, numbers, words, stride);
            }
        }
        Ok(unseen)
    }

    fn fixed(&self, part: &IdPart) -> Fixed<'_> {
        Fixed {
            vocabulary: &self.inner.vocabularies[part.slot],
            buckets: part.buckets,
            offset: self.layout().ids[part.slot].offset,
            unseen: 0,
        }
    }

    fn put_number(&self, part: &NumberPart, values: &[f64], words: &mut [u32], stride: usize) {
        let first = self.layout().ids.len();
        let out = column(words, stride, first + part.dense, values.len());
        part.apply_all(values, out);
        self.put_flag(part.flag, values, words, stride);
    }

    fn put_pieces(&self, part: &PiecePart, values: &[f64], words: &mut [u32], stride: usize) {
        let first = self.layout().ids.len() + part.dense;
        let bins = part.bins();
        let mut places = vec![0; values.len()];
        part.places(values, &mut places);
        for bin in 0..bins {
            let out = column(words, stride, first + bin, values.len());
            for (out, place) in out.iter_mut().zip(&places) {
                *out = filled(f32::from_bits(*place), bin, bins).to_bits();
            }
        }
        self.put_flag(part.flag, values, words, stride);
    }

    /// Tells which values are missing.
    fn put_flag(&self, flag: Option<usize>, values: &[f64], words: &mut [u32], stride: usize) {
        if let Some(flag) = flag {
            let at = self.layout().ids.len() + flag;
            let out = column(words, stride, at, values.len());
            for (out, value) in out.iter_mut().zip(values) {
                *out = f32::from(u8::from(value.is_nan())).to_bits();
            }
        }
    }

    fn put_vector(&self, part: &VectorPart, elements: &[f64], words: &mut [u32], stride: usize) {
        let first = self.layout().ids.len();
        let len = part.scales.len();
        let rows = elements.len() / len.max(1);
        for (i, scale) in part.scales.iter().enumerate() {
            let out = column(words, stride, first + part.dense + i, rows);
            for (out, value) in out.iter_mut().zip(elements.iter().skip(i).step_by(len)) {
                *out = scale.apply(vector::narrow(*value).into()).to_bits();
            }
        }
        if let Some(flag) = part.flag {
            let out = column(words, stride, first + flag, rows);
            for (out, elements) in out.iter_mut().zip(elements.chunks_exact(len)) {
                let missing = elements.iter().any(|v| v.is_nan());
                *out = f32::from(u8::from(missing)).to_bits();
            }
        }
    }
}
