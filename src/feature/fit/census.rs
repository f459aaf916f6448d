//! What the rows of all partitions are like, before any of them is moved.

use std::collections::HashMap;

use super::parallel;
use super::repeats::Repeats;
use super::sketch::Sketch;
use super::split::{Rule, SplitMethod, eval_rows, threshold};
use super::{PartitionFitter, Shared};
use crate::error::{Error, Result};
use crate::feature::column::Plan;
use crate::feature::column::spec::Role;
use crate::feature::rows::block::join;
use crate::feature::rows::chunks::BUCKETS;
use crate::feature::rows::layout::{Task, UNKNOWN_ID};
use crate::feature::value::label::{self, ClassMaps, LabelCount, fill_funnel, place_classes};
use crate::feature::vocabulary::merge::provisional_ids;

/// Decides which rows are held back; copies in `repeats` are decided there.
///
/// # Errors
/// `Execution` when the split column has the same value in every row, `Io` when spilled rows can't
/// be read.
pub(crate) fn rule(
    shared: &Shared,
    partitions: &[PartitionFitter],
    rows: u64,
) -> Result<(Rule, Repeats)> {
    let method = shared.options.split;
    let wanted = eval_rows(method, rows);
    let by_hash = matches!(method, SplitMethod::Auto | SplitMethod::Random { .. });
    if !by_hash || wanted == 0 {
        let rule = ordered_rule(shared, partitions, rows, wanted)?;
        return Ok((rule, Repeats::default()));
    }
    let repeats = Repeats::find(shared, partitions, wanted as f64 / rows as f64)?;
    let wanted = wanted.saturating_sub(repeats.total_held());
    let divided: u64 = (0..BUCKETS).map(|b| repeats.rows_of(b)).sum();
    let others = rows - divided;
    // Without other rows, or none of them wanted, no hash is high enough.
    let threshold = match others == 0 || wanted == 0 {
        true => Some(u64::MAX),
        false => hash_threshold(shared, partitions, others, wanted, &repeats)?,
    };
    match threshold {
        Some(hash) => Ok((Rule::Hash(hash), repeats)),
        // Auto holds back what can be held back; the rows are equal here.
        None if method == SplitMethod::Auto || repeats.total_held() > 0 => {
            Ok((Rule::Hash(u64::MAX), repeats))
        }
        None => Err(Error::execution(format!(
            "no rows can be held back at random: all {rows} rows are equal"
        ))),
    }
}

/// The rule of methods that don't go by hash.
fn ordered_rule(
    shared: &Shared,
    partitions: &[PartitionFitter],
    rows: u64,
    wanted: u64,
) -> Result<Rule> {
    let method = shared.options.split;
    if method == SplitMethod::Custom {
        return Ok(Rule::Flag);
    }
    if wanted == 0 {
        return Ok(Rule::AllTrain);
    }
    key_rule(shared, partitions, rows, wanted)
}

fn key_rule(
    shared: &Shared,
    partitions: &[PartitionFitter],
    rows: u64,
    wanted: u64,
) -> Result<Rule> {
    let low = partitions.iter().map(|p| p.keys.0).min().unwrap_or(0);
    let high = partitions.iter().map(|p| p.keys.1).max().unwrap_or(0);
    let record = &shared.record;
    let key = threshold(wanted, rows, (low.min(high), high), |take| {
        for partition in partitions {
            for bucket in 0..BUCKETS {
                partition.chunks.visit(bucket, |records| {
                    let rows = record.all(records);
                    rows.for_each(|row| take(record.key_of(row)));
                    Ok(())
                })?;
            }
        }
        Ok(())
    })?;
    key.map(Rule::Key).ok_or_else(|| {
        let column = shared.spec.role_column(Role::Split);
        let name = column.map_or("", |c| c.name.as_str());
        Error::execution(format!(
            "data_split_col \"{name}\" has the same value in every row, so no rows can be held back by it"
        ))
    })
}

/// As buckets are in the order of hashes, one of them has to be looked at.
fn hash_threshold(
    shared: &Shared,
    partitions: &[PartitionFitter],
    rows: u64,
    wanted: u64,
    repeats: &Repeats,
) -> Result<Option<u64>> {
    let rows_of = |b: usize| {
        let all: u64 = partitions.iter().map(|p| p.chunks.bucket_rows(b)).sum();
        all - repeats.rows_of(b)
    };
    let mut above = 0;
    let mut bucket = BUCKETS - 1;
    while bucket > 0 && above + rows_of(bucket) < wanted {
        above += rows_of(bucket);
        bucket -= 1;
    }
    let record = &shared.record;
    let low = (bucket as u64) << 56;
    let high = low | (u64::MAX >> 8);
    let inside = threshold(wanted - above, rows - above, (low, high), |take| {
        for partition in partitions {
            partition.chunks.visit(bucket, |records| {
                let hashes = record.all(records).map(|row| record.hash_of(row));
                hashes
                    .filter(|h| !repeats.contains(*h))
                    .for_each(&mut *take);
                Ok(())
            })?;
        }
        Ok(())
    })?;
    // Equal rows that fill a bucket and all below it stay in training.
    Ok(inside.or_else(|| high.checked_add(1).filter(|_| above > 0)))
}

/// Counts of the rows of one partition.
pub(crate) struct Census {
    /// Training rows per id slot and provisional id; of a list how often each id occurs.
    pub(crate) counts: Vec<Vec<u32>>,
    /// Of the training rows, per number whose encoding depends on its values.
    pub(crate) sketches: Vec<Sketch>,
    /// Per task, of training and of held-back rows.
    pub(crate) train: Vec<LabelCount>,
    pub(crate) eval: Vec<LabelCount>,
    pub(crate) train_rows: u64,
    pub(crate) eval_rows: u64,
}

/// Counts the rows of every partition.
///
/// # Errors
/// `Io` when spilled rows can't be read, `Cancelled`.
pub(crate) fn take(
    shared: &Shared,
    partitions: &[PartitionFitter],
    (tasks, classes): (&[Task], &ClassMaps),
    rule: Rule,
    repeats: &Repeats,
) -> Result<Vec<Census>> {
    let all = partitions.iter().enumerate().collect();
    parallel::map(all, shared.options.threads, |(at, partition)| {
        let place = |labels: &mut [u32]| place_classes(&classes[at], labels);
        count(
            shared,
            partition,
            tasks,
            place,
            rule,
            repeats.of_partition(at),
        )
    })
}

/// `place` brings labels to their final numbers; `held` says how many copies of some contents are held
/// back.
fn count(
    shared: &Shared,
    partition: &PartitionFitter,
    tasks: &[Task],
    place: impl Fn(&mut [u32]),
    rule: Rule,
    mut held: HashMap<u64, u32>,
) -> Result<Census> {
    let record = &shared.record;
    let none: Vec<_> = tasks.iter().map(|t| LabelCount::new(&t.kind)).collect();
    let mut words = vec![0; tasks.len()];
    let mut labels = vec![0.; tasks.len()];
    let slots = partition.vocabularies.iter();
    let sketched = sketched(shared);
    let mut census = Census {
        counts: slots
            .map(|v| vec![0; provisional_ids(v, &shared.spec.bounds)])
            .collect(),
        sketches: vec![Sketch::default(); sketched.len()],
        train: none.clone(),
        eval: none,
        train_rows: 0,
        eval_rows: 0,
    };
    for bucket in 0..BUCKETS {
        shared.check_stop()?;
        partition.chunks.visit(bucket, |records| {
            let mut train = Vec::with_capacity(records.len() / record.words);
            for row in record.all(records) {
                words.copy_from_slice(&row[record.labels..record.hash]);
                place(&mut words);
                for (label, word) in labels.iter_mut().zip(&words) {
                    *label = f32::from_bits(*word);
                }
                fill_funnel(&shared.options.funnel, &mut labels);
                let hash = record.hash_of(row);
                let is_eval = match held.get_mut(&hash) {
                    Some(left) => {
                        let is_eval = *left > 0;
                        *left = left.saturating_sub(1);
                        is_eval
                    }
                    None => rule.is_eval(hash, record.key_of(row)),
                };
                if is_eval {
                    census.eval_rows += 1;
                    let counts = census.eval.iter_mut().zip(&labels);
                    counts.for_each(|(count, label)| count.add(*label));
                    continue;
                }
                census.train_rows += 1;
                let counts = census.train.iter_mut().zip(&labels);
                counts.for_each(|(count, label)| count.add(*label));
                let (of_ids, of_lists) = census.counts.split_at_mut(record.ids);
                for (counts, id) in of_ids.iter_mut().zip(row) {
                    add_one(counts, *id);
                }
                for (counts, list) in of_lists.iter_mut().zip(record.lists(row)) {
                    list.iter().for_each(|id| add_one(counts, *id));
                }
                train.push(row);
            }
            // One at a time, since what a sketch holds is not small.
            for (sketch, &(_, word)) in census.sketches.iter_mut().zip(&sketched) {
                for row in &train {
                    sketch.add(f64::from_bits(join(row[word], row[word + 1])));
                }
            }
            Ok(())
        })?;
    }
    debug_assert!(census.counts.iter().all(|c| c[UNKNOWN_ID as usize] == 0));
    Ok(census)
}

#[inline(always)]
fn add_one(counts: &mut [u32], id: u32) {
    if let Some(count) = counts.get_mut(id as usize) {
        *count = count.saturating_add(1);
    }
}

/// The features whose encoding depends on their values: number of the feature, and first word.
fn sketched(shared: &Shared) -> Vec<(usize, usize)> {
    let record = &shared.record;
    let features = record.features.iter().enumerate();
    let sketched = features.filter_map(|(at, feature)| {
        let word = feature.slots.sketched()?;
        Some((at, record.ids + word))
    });
    sketched.collect()
}

/// Memory that the sketches of all partitions take at the most.
pub(crate) fn sketch_bytes(shared: &Shared, partitions: &[PartitionFitter]) -> usize {
    let bytes: usize = partitions.iter().map(|p| Sketch::bytes(p.rows())).sum();
    bytes * sketched(shared).len()
}

/// What each feature becomes; frees the sketches.
pub(crate) fn plans(shared: &Shared, censuses: &mut [Census]) -> Vec<Box<dyn Plan>> {
    let features = &shared.record.features;
    let mut sketches = vec![Sketch::default(); features.len()];
    for (at, (feature, _)) in sketched(shared).into_iter().enumerate() {
        for census in &mut *censuses {
            sketches[feature].merge(&std::mem::take(&mut census.sketches[at]));
        }
    }
    let plans = features.iter().zip(&sketches);
    plans.map(|(f, sketch)| f.slots.plan(sketch)).collect()
}

/// Counts of all partitions together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) train: Vec<LabelCount>,
    pub(crate) eval: Vec<LabelCount>,
    pub(crate) train_rows: u64,
    pub(crate) eval_rows: u64,
}

impl Totals {
    pub(crate) fn of(censuses: &[Census], tasks: &[Task]) -> Self {
        let none: Vec<_> = tasks.iter().map(|t| LabelCount::new(&t.kind)).collect();
        let mut totals = Self {
            train: none.clone(),
            eval: none,
            ..Self::default()
        };
        for census in censuses {
            totals.train_rows += census.train_rows;
            totals.eval_rows += census.eval_rows;
            let pairs = totals.train.iter_mut().zip(&census.train);
            pairs.for_each(|(all, c)| all.merge(c));
            let pairs = totals.eval.iter_mut().zip(&census.eval);
            pairs.for_each(|(all, c)| all.merge(c));
        }
        totals
    }

    /// Checks that there is something to learn, and something to evaluate on when asked for.
    ///
    /// # Errors
    /// `Execution` naming the label, or the side of the split that has no rows.
    pub(crate) fn check(&self, tasks: &[Task], rule: Rule) -> Result<()> {
        for ((task, train), eval) in tasks.iter().zip(&self.train).zip(&self.eval) {
            let mut all = train.clone();
            all.merge(eval);
            label::check(task, &all, "")?;
        }
        if rule != Rule::AllTrain {
            for (rows, part, purpose) in [
                (self.train_rows, "training", "train on"),
                (self.eval_rows, "evaluation", "evaluate on"),
            ] {
                if rows == 0 {
                    return Err(Error::execution(format!(
                        "the split leaves no rows to {purpose}: the {part} part is empty"
                    )));
                }
            }
        }
        for (task, train) in tasks.iter().zip(&self.train) {
            label::check(task, train, " in the training part")?;
        }
        Ok(())
    }
}
