//! A layout that takes in the numbers of one column after the other, with what turns records into rows of
//! that layout.

use super::finisher::Finisher;
use super::layout::Layout;
use crate::feature::column::number::bucket::{BucketPart, PiecePart};
use crate::feature::column::part::{Float, NumberPart, VectorPart};
use crate::feature::fit::moments::Moments;
use crate::feature::value::scale::Scale;

/// Numbers on their way into a layout. Words are counted from the first number of a record.
pub(crate) struct Draft {
    pub(crate) layout: Layout,
    pub(crate) finisher: Finisher,
    /// Word of the first number, once ids are final.
    first: usize,
}

impl Draft {
    /// No numbers yet; `ids` ids stand before the numbers of a record.
    pub(crate) fn new(layout: Layout, ids: usize) -> Self {
        Self {
            layout,
            finisher: Finisher::default(),
            first: ids,
        }
    }

    /// A standardised number, unless it is constant: then the reason.
    pub(crate) fn number(
        &mut self,
        name: &str,
        part: &str,
        word: usize,
        moments: &Moments,
        float: Float,
        flagged: bool,
    ) -> Result<NumberPart, String> {
        if moments.is_constant() {
            return Err(moments.constant_reason().to_string());
        }
        let mut scale = moments.scale();
        if float == Float::Backwards {
            scale.factor = -scale.factor;
        }
        let part = NumberPart {
            dense: self.add(format!("{name}{part}")),
            log: float == Float::Log,
            scale,
            flag: self.flag(name, flagged && moments.has_missing()),
        };
        let word = self.first + word;
        self.finisher.numbers.push((word, part.clone()));
        Ok(part)
    }

    /// The ids of buckets, whose column is in the layout already.
    pub(crate) fn bucket(&mut self, word: usize, part: &BucketPart) {
        let first = self.layout.ids[part.slot].offset;
        let word = self.first + word;
        self.finisher.buckets.push((word, first, part.clone()));
    }

    /// How far a number fills bins. The places of the values are given by [`Draft::bins`], when all other
    /// numbers have theirs.
    pub(crate) fn pieces(
        &mut self,
        name: &str,
        word: usize,
        bounds: Vec<f64>,
        missing: bool,
    ) -> PiecePart {
        let part = PiecePart {
            dense: 0,
            bounds,
            flag: self.flag(name, missing),
        };
        let word = self.first + word;
        self.finisher.pieces.push((word, part.clone()));
        part
    }

    /// All numbers have their places, but the values of bins: those stand behind, and a row keeps one
    /// number for each list of bins instead.
    pub(crate) fn finish_numbers(&mut self) {
        self.finisher.dense = self.layout.dense.len() + self.finisher.pieces.len();
    }

    /// The places of the values of `bins` bins; returns the first one.
    pub(crate) fn bins(&mut self, name: &str, bins: usize) -> usize {
        let first = self.layout.dense.len();
        for bin in 1..=bins {
            self.add(format!("{name} (bin {bin})"));
        }
        first
    }

    /// A vector, unless all of its elements are constant.
    pub(crate) fn vector(
        &mut self,
        name: &str,
        word: usize,
        moments: &[&Moments],
    ) -> Result<VectorPart, String> {
        if moments.iter().all(|m| m.is_constant()) {
            let first = moments.first().map_or("constant", |m| m.constant_reason());
            return Err(first.to_string());
        }
        let scales = moments.iter().map(|m| m.scale()).collect();
        let missing = moments.iter().any(|m| m.has_missing());
        Ok(self.elements(name, word, scales, missing))
    }

    /// Numbers that stand side by side, each scaled as its place in `scales` says.
    pub(crate) fn elements(
        &mut self,
        name: &str,
        word: usize,
        scales: Vec<Scale>,
        missing: bool,
    ) -> VectorPart {
        let dense = self.layout.dense.len();
        for i in 0..scales.len() {
            self.add(format!("{name}[{i}]"));
        }
        let part = VectorPart {
            dense,
            scales,
            flag: self.flag(name, missing),
        };
        let word = self.first + word;
        self.finisher.vectors.push((word, part.clone()));
        part
    }

    fn flag(&mut self, name: &str, missing: bool) -> Option<usize> {
        missing.then(|| self.add(format!("{name} (missing)")))
    }

    fn add(&mut self, name: String) -> usize {
        self.layout.dense.push(name);
        self.layout.dense.len() - 1
    }
}
