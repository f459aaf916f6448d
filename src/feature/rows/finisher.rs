//! How records whose ids are final become rows as models read them.

use super::block::join;
use super::lists;
use crate::feature::column::number::bucket::{BLOCK, BucketPart, PiecePart, filled};
use crate::feature::column::part::{NumberPart, VectorPart};
use crate::feature::value::scale::Scale;

/// Turns records whose ids are final into rows as models read them: ids, numbers, labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finisher {
    /// Id columns.
    pub(crate) ids: usize,
    /// First word of the labels before, and how many.
    pub(crate) labels: usize,
    pub(crate) tasks: usize,
    /// Lists of ids. Where they stand is said behind the labels, before and afterwards.
    pub(crate) lists: usize,
    /// Numbers afterwards; the last ones are the places in `pieces`.
    pub(crate) dense: usize,
    pub(crate) numbers: Vec<(usize, NumberPart)>,
    pub(crate) vectors: Vec<(usize, VectorPart)>,
    /// Numbers to be predicted: the task, and how its labels are standardised.
    pub(crate) targets: Vec<(usize, Scale)>,
    /// Buckets, with the first id of their column.
    pub(crate) buckets: Vec<(usize, u32, BucketPart)>,
    /// Numbers that fill bins: a row keeps the place of each, from which its values follow.
    pub(crate) pieces: Vec<(usize, PiecePart)>,
}

impl Finisher {
    /// Words of a row before.
    pub(crate) fn staged_words(&self) -> usize {
        self.labels + self.tasks + lists::words(self.lists)
    }

    /// Words of a row afterwards.
    pub(crate) fn words(&self) -> usize {
        self.labels_at() + self.tasks + lists::words(self.lists)
    }

    /// First word of the labels afterwards.
    pub(crate) fn labels_at(&self) -> usize {
        self.ids + self.dense
    }

    /// Where the lists of a finished row stand, and their lengths.
    pub(crate) fn lists_of<'a>(&self, row: &'a [u32]) -> (u64, &'a [u32]) {
        let words = &row[self.labels_at() + self.tasks..];
        (join(words[0], words[1]), &words[2..])
    }

    /// Moves the lists of a finished row: `position` is that of their first value.
    pub(crate) fn move_lists(&self, row: &mut [u32], position: u64) {
        let words = &mut row[self.labels_at() + self.tasks..];
        words[0] = position as u32;
        words[1] = (position >> 32) as u32;
    }

    /// Finds the ids of buckets and the places in bins of up to [`BLOCK`] rows, so many for each part.
    fn search(&self, staged: &[u32], found: &mut Vec<u32>) {
        found.resize((self.buckets.len() + self.pieces.len()) * BLOCK, 0);
        let read = |word: usize| {
            let rows = staged.chunks_exact(self.staged_words());
            let values = rows.map(|row| f64::from_bits(join(row[word], row[word + 1])));
            values.collect::<Vec<_>>()
        };
        let (ids, places) = found.split_at_mut(self.buckets.len() * BLOCK);
        for (ids, (word, first, part)) in ids.chunks_exact_mut(BLOCK).zip(&self.buckets) {
            part.ids(*first, &read(*word), ids);
        }
        for (places, (word, part)) in places.chunks_exact_mut(BLOCK).zip(&self.pieces) {
            part.places(&read(*word), places);
        }
    }

    /// Writes one row; `found` has what was searched for it, [`BLOCK`] apart.
    fn row(&self, staged: &[u32], found: &[u32], out: &mut [u32]) {
        let mut found = found.iter().step_by(BLOCK).copied();
        let value = |word: usize| f64::from_bits(join(staged[word], staged[word + 1]));
        let missing = |value: f64| f32::from(u8::from(value.is_nan())).to_bits();
        let categories = self.ids - self.buckets.len();
        out[..categories].copy_from_slice(&staged[..categories]);
        for (id, found) in out[categories..self.ids].iter_mut().zip(&mut found) {
            *id = found;
        }
        let dense = &mut out[self.ids..self.ids + self.dense];
        for (word, part) in &self.numbers {
            let value = value(*word);
            dense[part.dense] = part.apply(value).to_bits();
            if let Some(flag) = part.flag {
                dense[flag] = missing(value);
            }
        }
        let plain = self.dense - self.pieces.len();
        for (place, found) in dense[plain..].iter_mut().zip(found) {
            *place = found;
        }
        for (word, part) in &self.pieces {
            if let Some(flag) = part.flag {
                dense[flag] = missing(value(*word));
            }
        }
        for (word, part) in &self.vectors {
            let mut missing = false;
            for (i, scale) in part.scales.iter().enumerate() {
                let value = f32::from_bits(staged[word + i]);
                missing |= value.is_nan();
                dense[part.dense + i] = scale.apply(value.into()).to_bits();
            }
            if let Some(flag) = part.flag {
                dense[flag] = f32::from(u8::from(missing)).to_bits();
            }
        }
        // Where lists stand is behind the labels.
        let labels = &mut out[self.labels_at()..];
        labels.copy_from_slice(&staged[self.labels..]);
        for (task, scale) in &self.targets {
            let value = f32::from_bits(labels[*task]);
            if !value.is_nan() {
                labels[*task] = scale.apply(value.into()).to_bits();
            }
        }
    }

    /// Appends the numbers of a finished row, as models read them.
    #[inline]
    pub(crate) fn numbers_of(&self, row: &[u32], out: &mut Vec<f32>) {
        let dense = &row[self.ids..self.ids + self.dense];
        let (plain, places) = dense.split_at(self.dense - self.pieces.len());
        out.extend(plain.iter().map(|w| f32::from_bits(*w)));
        for (place, (_, part)) in places.iter().zip(&self.pieces) {
            let (place, bins) = (f32::from_bits(*place), part.bins());
            out.extend((0..bins).map(|bin| filled(place, bin, bins)));
        }
    }

    /// Turns rows, in their place; returns how many words are left of meaning.
    pub(crate) fn in_place(&self, rows: &mut [u32]) -> usize {
        let (before, after) = (self.staged_words(), self.words());
        let count = rows.len() / before.max(1);
        if self.dense == 0 && self.buckets.is_empty() && self.targets.is_empty() && before == after
        {
            return count * after;
        }
        let (mut row, mut found) = (vec![0; after], Vec::new());
        for i in 0..count {
            let staged = &rows[i * before..];
            if i % BLOCK == 0 {
                self.search(&staged[..BLOCK.min(count - i) * before], &mut found);
            }
            let found = found.get(i % BLOCK..).unwrap_or_default();
            self.row(&staged[..before], found, &mut row);
            rows[i * after..(i + 1) * after].copy_from_slice(&row);
        }
        count * after
    }
}
