//! Columns of categories: a slot for each of the most frequent values, and groups by hash of all others,
//! out of which a value is drawn by how often it was seen.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{ArrayRef, StringArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::value::from_texts;
use crate::error::Result;
use crate::feature::vocabulary::hash::text_hash;
use crate::random::{Draws, sums};

/// The values of a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Category {
    /// Values as texts, NULL among them: first those with slots of their own, then group by group.
    pub(super) values: Vec<Option<String>>,
    /// Rows of each.
    pub(super) counts: Vec<u64>,
    /// How many have slots of their own.
    pub(super) kept: usize,
    /// Where the groups begin in `values`.
    pub(super) groups: Vec<usize>,
}

impl Category {
    /// The values of `texts`; returns the slot of each row too. The `keep` most frequent have slots of
    /// their own, in order of value; `numbers` are ordered as such.
    pub(super) fn fit(
        texts: &StringArray,
        keep: usize,
        groups: usize,
        numbers: bool,
    ) -> (Self, Vec<u32>) {
        let mut counts: HashMap<Option<&str>, u64> = HashMap::new();
        for text in texts {
            *counts.entry(text).or_default() += 1;
        }
        let mut found: Vec<_> = counts.into_iter().collect();
        found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let rare = match found.len() > keep {
            true => found.split_off(keep),
            false => Vec::new(),
        };
        found.sort_unstable_by(|a, b| order(a.0, b.0, numbers));
        let group = |text: Option<&str>| {
            let hash = text.map_or(0, |text| text_hash(text.as_bytes()));
            (hash % groups.max(1) as u64) as usize
        };
        let mut members = vec![Vec::new(); groups.max(1)];
        for entry in rare {
            members[group(entry.0)].push(entry);
        }
        members.retain(|members| !members.is_empty());
        let kept = found.len();
        let mut starts = Vec::new();
        for mut members in members {
            starts.push(found.len());
            members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            found.extend(members);
        }
        let category = Self {
            values: found.iter().map(|(v, _)| v.map(str::to_string)).collect(),
            counts: found.iter().map(|(_, count)| *count).collect(),
            kept,
            groups: starts,
        };
        let slots: HashMap<_, _> = found
            .iter()
            .enumerate()
            .map(|(at, (text, _))| (*text, category.slot(at)))
            .collect();
        let rows = texts.iter().map(|text| slots[&text]).collect();
        (category, rows)
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.kept + self.groups.len()
    }

    /// The slot of the value at `at`.
    pub(super) fn slot(&self, at: usize) -> u32 {
        match at < self.kept {
            true => at as u32,
            false => {
                let group = self.groups.partition_point(|start| *start <= at);
                (self.kept + group - 1) as u32
            }
        }
    }

    /// Where a value stands.
    pub(super) fn find(&self, text: Option<&str>) -> Option<usize> {
        self.values.iter().position(|v| v.as_deref() == text)
    }

    /// Whether all positions point to something: a damaged manifest must not cause a panic.
    pub(super) fn is_consistent(&self) -> bool {
        let ends = self
            .groups
            .iter()
            .skip(1)
            .copied()
            .chain([self.values.len()]);
        let rising = self.groups.iter().zip(ends).all(|(from, to)| *from < to);
        let first = self.groups.first().copied().unwrap_or(self.values.len());
        self.values.len() == self.counts.len() && rising && first == self.kept && self.slots() > 0
    }
}

/// NULL first, then numbers by value or texts by letter.
fn order(a: Option<&str>, b: Option<&str>, numbers: bool) -> Ordering {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    match (numbers, number(a), number(b)) {
        (true, Some(x), Some(y)) => x.total_cmp(&y),
        _ => a.cmp(&b),
    }
}

/// A category's values in their own type.
pub(super) struct Values {
    array: ArrayRef,
    kept: usize,
    groups: Vec<usize>,
    /// Within each group.
    sums: Vec<Vec<f64>>,
}

impl Values {
    /// Those of `category`.
    ///
    /// # Errors
    /// `Arrow` when a text is no value of the type.
    pub(super) fn new(category: &Category, data_type: &DataType) -> Result<Self> {
        let ends = category.groups.iter().skip(1).copied();
        let ends = ends.chain([category.values.len()]);
        let weights =
            category.groups.iter().zip(ends).map(|(&from, to)| {
                sums(category.counts[from..to].iter().map(|&count| count as f64))
            });
        Ok(Self {
            array: from_texts(
                category.values.iter().map(Option::as_deref).collect(),
                data_type,
            )?,
            kept: category.kept,
            sums: weights.collect(),
            groups: category.groups.clone(),
        })
    }

    /// The values of slots; all rows of a group have the one at `exact` where that is given.
    ///
    /// # Errors
    /// `Arrow`, which a user can't cause.
    pub(super) fn decode(
        &self,
        slots: &[u32],
        exact: Option<usize>,
        draws: &mut Draws,
    ) -> Result<ArrayRef> {
        let index = slots.iter().map(|&slot| {
            if let Some(exact) = exact {
                return exact as u32;
            }
            match (slot as usize).checked_sub(self.kept) {
                None => slot,
                Some(group) => (self.groups[group] + draws.by_sums(&self.sums[group])) as u32,
            }
        });
        let index: UInt32Array = index.collect();
        Ok(take(&self.array, &index, None)?)
    }
}
