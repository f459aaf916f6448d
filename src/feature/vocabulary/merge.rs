//! Vocabularies of partitions become one, with ids that do not depend on how rows were divided.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::assign::bucket;
use super::{Vocabulary, direct_limit};
use crate::feature::rows::layout::{FIRST_ID, NULL_ID, UNKNOWN_ID};

/// Bounds of vocabularies, as a statement gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Values kept per column.
    pub max_vocabulary: Option<usize>,
    /// Rows a value needs.
    pub min_count: u64,
    /// Distinct values from which on a column is hashed, and into how many ids.
    pub hash_buckets: Option<u32>,
}

/// What one partition knows of one id slot.
pub(crate) struct Provisional {
    pub(crate) vocabulary: Vocabulary,
    /// Training rows per provisional id.
    pub(crate) counts: Vec<u32>,
}

/// One id slot, all partitions together.
pub(crate) struct Merged {
    /// The values with ids of their own, most frequent first; empty for a hashed slot.
    pub(crate) vocabulary: Vocabulary,
    /// Ids that hashes are divided among, for a hashed slot.
    pub(crate) buckets: Option<u32>,
    /// Final id of every provisional id, per partition.
    pub(crate) maps: Vec<Vec<u32>>,
    /// Distinct values in training rows; unknown for a hashed slot.
    pub(crate) distinct: Option<u64>,
    /// Ids that occur in training rows.
    used: usize,
}

impl Merged {
    /// Ids of the slot, unknown and NULL included.
    pub(crate) fn cardinality(&self) -> u64 {
        let values = self.buckets.map_or(self.vocabulary.len() as u64, u64::from);
        u64::from(FIRST_ID) + values
    }

    /// Whether all training rows have the same id.
    pub(crate) fn is_constant(&self) -> bool {
        self.buckets.is_none() && self.used < 2
    }

    /// Why a constant slot is of no use.
    pub(crate) fn constant_reason(&self) -> String {
        match self.distinct {
            Some(0) => "NULL in every training row".to_string(),
            Some(1) => "constant: one value in every training row".to_string(),
            _ => "constant: no value occurs min_count times".to_string(),
        }
    }
}

/// Room that provisional ids of a slot take.
pub(crate) fn provisional_ids(vocabulary: &Vocabulary, bounds: &Bounds) -> usize {
    let values = FIRST_ID as usize + vocabulary.len();
    match bounds.hash_buckets {
        Some(n) if vocabulary.len() > n as usize => values + n as usize,
        _ => values,
    }
}

/// Joins what partitions know of one slot.
pub(crate) fn merge(parts: Vec<Provisional>, bounds: &Bounds) -> Merged {
    let overflown = |v: &Vocabulary| bounds.hash_buckets.is_some_and(|n| v.len() > n as usize);
    if parts.iter().any(|p| overflown(&p.vocabulary)) {
        return hashed(&parts, bounds);
    }
    if parts.len() > 1 && bounds.hash_buckets.is_some() {
        let mut all = Vocabulary::default();
        for part in &parts {
            (0..part.vocabulary.len()).for_each(|i| {
                all.merge(&part.vocabulary, i);
            });
        }
        if overflown(&all) {
            return hashed(&parts, bounds);
        }
    }
    exact(parts, bounds)
}

fn hashed(parts: &[Provisional], bounds: &Bounds) -> Merged {
    let buckets = bounds.hash_buckets.unwrap_or(1);
    let map = |part: &Provisional| {
        let vocabulary = &part.vocabulary;
        let mut map = vec![UNKNOWN_ID, NULL_ID];
        map.extend((0..vocabulary.len()).map(|i| FIRST_ID + bucket(vocabulary.hash(i), buckets)));
        if vocabulary.len() > buckets as usize {
            map.extend((0..buckets).map(|b| FIRST_ID + b));
        }
        map
    };
    Merged {
        vocabulary: Vocabulary::default(),
        buckets: Some(buckets),
        maps: parts.iter().map(map).collect(),
        distinct: None,
        used: 0,
    }
}

fn exact(parts: Vec<Provisional>, bounds: &Bounds) -> Merged {
    let nulls: u64 = parts
        .iter()
        .map(|p| u64::from(p.counts[NULL_ID as usize]))
        .sum();
    let mut maps = Vec::with_capacity(parts.len());
    let mut counts: Vec<u64> = Vec::new();
    let mut all: Option<Vocabulary> = None;
    for part in parts {
        let own = &part.counts[FIRST_ID as usize..];
        match &mut all {
            None => {
                counts.extend(own.iter().map(|c| u64::from(*c)));
                maps.push((0..own.len() as u32).collect::<Vec<_>>());
                all = Some(part.vocabulary);
            }
            Some(all) => {
                let map = own.iter().enumerate().map(|(i, count)| {
                    let to = all.merge(&part.vocabulary, i);
                    counts.resize(all.len(), 0);
                    counts[to as usize] += u64::from(*count);
                    to
                });
                maps.push(map.collect());
            }
        }
    }
    let all = all.unwrap_or_default();
    let (kept, distinct) = rank(&all, &counts, bounds);
    let mut ids = vec![UNKNOWN_ID; all.len()];
    for (at, &i) in kept.iter().enumerate() {
        ids[i as usize] = FIRST_ID + at as u32;
    }
    for map in &mut maps {
        let values: Vec<_> = map.iter().map(|i| ids[*i as usize]).collect();
        *map = [UNKNOWN_ID, NULL_ID].into_iter().chain(values).collect();
    }
    let unknown = (kept.len() as u64) < distinct;
    Merged {
        used: kept.len() + usize::from(nulls > 0) + usize::from(unknown),
        vocabulary: reordered(&all, &kept),
        buckets: None,
        maps,
        distinct: Some(distinct),
    }
}

/// The values that get ids of their own, by falling count and then by value; and how many
/// distinct values training rows have.
fn rank(all: &Vocabulary, counts: &[u64], bounds: &Bounds) -> (Vec<u32>, u64) {
    let distinct = counts.iter().filter(|c| **c > 0).count() as u64;
    let least = bounds.min_count.max(1);
    // Most values are told apart by what is sorted, without a look at the values themselves.
    let mut order: Vec<(Reverse<u32>, u64, u32)> = (0..all.len())
        .filter(|i| counts[*i] >= least)
        .map(|i| {
            (
                Reverse(counts[i].min(u32::MAX.into()) as u32),
                all.prefix(i),
                i as u32,
            )
        })
        .collect();
    order.sort_unstable_by(|a, b| {
        let (i, j) = (a.2 as usize, b.2 as usize);
        (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| all.order(i, j))
    });
    order.truncate(bounds.max_vocabulary.unwrap_or(usize::MAX));
    (order.into_iter().map(|(_, _, i)| i).collect(), distinct)
}

/// A vocabulary of some values of another, in this order.
fn reordered(all: &Vocabulary, order: &[u32]) -> Vocabulary {
    let limit = direct_limit(order.len(), all.max_integer());
    let mut vocabulary = Vocabulary::with_capacity(order.len(), limit);
    for &i in order {
        vocabulary.append(all, i as usize);
    }
    vocabulary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::vocabulary::{DIRECT_LIMIT, Entry};

    const BOUNDS: Bounds = Bounds {
        max_vocabulary: None,
        min_count: 1,
        hash_buckets: None,
    };

    fn part(values: &[(i64, u32)], nulls: u32) -> Provisional {
        let mut vocabulary = Vocabulary::new(DIRECT_LIMIT);
        let mut counts = vec![0, nulls];
        for (value, count) in values {
            vocabulary.add_integer(*value);
            counts.push(*count);
        }
        Provisional { vocabulary, counts }
    }

    fn values(merged: &Merged) -> Vec<i64> {
        (0..merged.vocabulary.len())
            .map(|i| {
                merged.vocabulary.visit(i, |e| match e {
                    Entry::Integer(v) => v,
                    _ => i64::MIN,
                })
            })
            .collect()
    }

    #[test]
    fn ids_go_by_count_and_then_by_value() {
        let parts = || {
            vec![
                part(&[(9, 1), (5, 2), (-3, 1)], 1),
                part(&[(-3, 1), (4, 2)], 0),
            ]
        };
        let merged = merge(parts(), &BOUNDS);
        assert_eq!(values(&merged), [-3, 4, 5, 9]);
        assert_eq!(merged.maps, [vec![0, 1, 5, 4, 2], vec![0, 1, 2, 3]]);
        assert_eq!((merged.distinct, merged.cardinality()), (Some(4), 6));

        let rare = merge(
            parts(),
            &Bounds {
                min_count: 2,
                ..BOUNDS
            },
        );
        assert_eq!(rare.maps, [vec![0, 1, 0, 4, 2], vec![0, 1, 2, 3]]);
        let few = merge(
            parts(),
            &Bounds {
                max_vocabulary: Some(1),
                ..BOUNDS
            },
        );
        assert_eq!(values(&few), [-3]);
    }

    #[test]
    fn values_of_no_training_row_are_unknown() {
        let merged = merge(vec![part(&[(9, 0), (5, 3)], 0)], &BOUNDS);
        assert_eq!(merged.maps, [[0, 1, 0, 2]]);
        assert!(merged.is_constant());
        assert!(!merge(vec![part(&[(5, 3)], 1)], &BOUNDS).is_constant());
        assert!(merge(vec![part(&[], 1)], &BOUNDS).is_constant());
    }

    #[test]
    fn hashing_does_not_depend_on_partitions() {
        let bounds = Bounds {
            hash_buckets: Some(3),
            ..BOUNDS
        };
        let whole = merge(vec![part(&[(1, 1), (2, 1), (3, 1), (4, 1)], 0)], &bounds);
        let halves = merge(
            vec![part(&[(3, 1), (4, 1)], 0), part(&[(1, 1), (2, 1)], 0)],
            &bounds,
        );
        assert_eq!((whole.cardinality(), halves.cardinality()), (5, 5));
        assert_eq!(whole.maps[0][2..4], halves.maps[1][2..4]);
        assert_eq!(whole.maps[0][4..6], halves.maps[0][2..4]);
        let small = merge(
            vec![part(&[(1, 1), (2, 1)], 0), part(&[(1, 1), (3, 1)], 0)],
            &bounds,
        );
        assert_eq!(small.buckets, None);
    }
}
