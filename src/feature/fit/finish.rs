//! The end of the pass: one vocabulary, one order of rows, whatever way they came.

use super::assemble::{Ids, assemble, cells};
use super::census::{self, Census, Totals};
use super::parallel;
use super::stage::Stage;
use super::{Fitter, PartitionFitter, Shared};
use crate::error::{Error, Result};
use crate::feature::apply::encoder::Encoder;
use crate::feature::rows::budget::Charge;
use crate::feature::rows::finisher::Finisher;
use crate::feature::rows::{Memory, RowSet, Store};
use crate::feature::value::label::{LabelCount, join_classes};
use crate::feature::vocabulary::Vocabulary;
use crate::feature::vocabulary::merge::{Merged, Provisional, merge, provisional_ids};

use std::sync::Arc;

/// What a fit gives.
pub struct Fitted {
    /// Encodes rows as the training rows were.
    pub encoder: Encoder,
    /// The rows to train on.
    pub train: RowSet,
    /// The rows that are held back; none when nothing is.
    pub eval: RowSet,
}

impl Fitter {
    /// Ends the pass. The result depends on the rows, the options and the seed, not on their order,
    /// their partitions or the memory. Keeps up to [`FitOptions::threads`](super::FitOptions)
    /// threads busy until it returns.
    ///
    /// # Errors
    /// `Execution` when there are no rows, a label is constant or NULL, a side of the split is
    /// empty or no feature is left; `Resources` when the vocabularies outgrow the budget; `Io` when
    /// spilling fails; `Cancelled`.
    pub fn finish(self, partitions: Vec<PartitionFitter>) -> Result<Fitted> {
        let shared = self.shared;
        let mut pass = Pass::new(&shared, partitions);
        let rows = pass
            .partitions
            .iter()
            .map(PartitionFitter::rows)
            .sum::<u64>();
        if rows == 0 {
            return Err(Error::execution(
                "no rows to train on: the query returned 0 rows",
            ));
        }
        let (rule, repeats) = census::rule(&shared, &pass.partitions, rows)?;
        let room = census::sketch_bytes(&shared, &pass.partitions);
        // Little beside the rows, and can't be done without.
        pass.ensure(room)?;
        let sketches = pass.charge.split_off(room);
        let (tasks, classes) = {
            let readers: Vec<_> = pass.partitions.iter().map(|p| &p.labels[..]).collect();
            join_classes(&shared.spec.tasks, &readers)?
        };
        let found = (&tasks[..], &classes);
        let mut censuses = census::take(&shared, &pass.partitions, found, rule, &repeats)?;
        let totals = Totals::of(&censuses, &tasks);
        totals.check(&tasks, rule)?;
        let nulls = pass.nulls();
        let mut plans = census::plans(&shared, &mut censuses);
        drop(sketches);
        let mut merged = pass.merge(censuses)?;
        let ids = Ids::new(&shared, &merged, &mut plans, tasks)?;
        pass.make_room_for_training(&ids)?;
        let kept = ids.kept_slots(shared.record.ids);
        let maps = take_maps(&mut merged, &kept, pass.partitions.len());
        let cells = cells(&shared, &plans);
        let stage = Stage {
            shared: &shared,
            rule,
            repeats: &repeats,
            kept: &ids.kept,
            lists: &ids.kept_lists,
            maps: &maps,
            classes: &classes,
            cells: &cells,
        };
        let spilled = pass.spilled_bytes();
        let staged = if spilled > 0 {
            stage.on_disk(&mut pass.partitions, &mut pass.charge)?
        } else {
            stage.in_memory(&mut pass.partitions)?
        };
        let vocabularies = take_vocabularies(&mut merged, &ids);
        drop(maps);
        let (fitted, finisher) = assemble(&shared, ids, &merged, nulls, &plans, &staged.moments)?;
        let mut charge = pass.charge;
        let train = row_set(
            &shared,
            staged.train,
            &totals.train,
            totals.train_rows,
            &finisher,
            &mut charge,
        )?;
        let eval = row_set(
            &shared,
            staged.eval,
            &totals.eval,
            totals.eval_rows,
            &finisher,
            &mut charge,
        )?;
        let held = vocabularies.iter().map(Vocabulary::bytes).sum();
        Ok(Fitted {
            encoder: Encoder::new(fitted, vocabularies, Some(charge.split_off(held))),
            train,
            eval,
        })
    }
}

/// All partitions, with one charge for what they hold.
struct Pass<'a> {
    shared: &'a Shared,
    partitions: Vec<PartitionFitter>,
    charge: Charge,
}

impl<'a> Pass<'a> {
    fn new(shared: &'a Shared, mut partitions: Vec<PartitionFitter>) -> Self {
        let mut charge = Charge::new(Arc::clone(&shared.budget));
        for partition in &mut partitions {
            charge.absorb(partition.release());
        }
        Self {
            shared,
            partitions,
            charge,
        }
    }

    fn nulls(&self) -> Vec<u64> {
        let columns = 0..self.shared.spec.columns.len();
        let sum = |c: usize| self.partitions.iter().map(|p| p.nulls[c]).sum();
        columns.map(sum).collect()
    }

    fn spilled_bytes(&self) -> u64 {
        self.partitions
            .iter()
            .map(|p| p.chunks.spilled_bytes())
            .sum()
    }

    fn row_bytes(&self) -> usize {
        self.partitions.iter().map(|p| p.chunks.bytes()).sum()
    }

    fn spill(&mut self) -> Result<()> {
        let before = self.row_bytes();
        for partition in &mut self.partitions {
            partition.chunks.spill()?;
        }
        let held = self.charge.bytes();
        self.charge.shrink_to(held.saturating_sub(before));
        Ok(())
    }

    /// Holds `bytes` more, if need be by bringing the rows to disk.
    fn ensure(&mut self, bytes: usize) -> Result<bool> {
        let held = self.charge.bytes();
        if self.charge.ensure(held + bytes) {
            return Ok(true);
        }
        if self.row_bytes() == 0 {
            return Ok(false);
        }
        self.spill()?;
        let held = self.charge.bytes();
        Ok(self.charge.ensure(held + bytes))
    }

    /// Joins the vocabularies of the partitions, a slot at a time on every thread.
    fn merge(&mut self, censuses: Vec<Census>) -> Result<Vec<Merged>> {
        let bounds = self.shared.spec.bounds;
        let before: usize = self.partitions.iter().map(|p| p.vocabulary_bytes()).sum();
        let vocabularies = self.partitions.iter().flat_map(|p| &p.vocabularies);
        let ids: usize = vocabularies.map(|v| provisional_ids(v, &bounds)).sum();
        // Counts, maps, what is sorted, and the finished vocabularies beside the provisional ones.
        if !self.ensure(before + 24 * ids)? {
            return Err(too_many_values(&self.partitions));
        }
        let slots = self.shared.record.slots.len();
        let mut parts: Vec<Vec<Provisional>> = (0..slots).map(|_| Vec::new()).collect();
        for (partition, census) in self.partitions.iter_mut().zip(censuses) {
            let vocabularies = std::mem::take(&mut partition.vocabularies);
            let all = vocabularies.into_iter().zip(census.counts);
            for (slot, (vocabulary, counts)) in parts.iter_mut().zip(all) {
                slot.push(Provisional { vocabulary, counts });
            }
        }
        let merged = parallel::map(parts, self.shared.options.threads, |slot| {
            self.shared.check_stop()?;
            Ok(merge(slot, &bounds))
        })?;
        let after: usize = merged.iter().map(|m| m.vocabulary.bytes()).sum();
        self.charge.shrink_to(self.row_bytes() + after + 4 * ids);
        Ok(merged)
    }

    /// Brings the rows to disk when training would find no memory beside them.
    fn make_room_for_training(&mut self, ids: &Ids) -> Result<()> {
        let Some(reserve) = &self.shared.options.reserve else {
            return Ok(());
        };
        let bytes = reserve(&ids.layout);
        let held = self.charge.bytes();
        if self.charge.ensure(held + bytes) {
            self.charge.shrink_to(held);
            return Ok(());
        }
        if self.row_bytes() > 0 {
            self.spill()
        } else {
            Ok(())
        }
    }
}

/// The error of vocabularies that outgrow the memory: names the worst partition's largest one.
fn too_many_values(partitions: &[PartitionFitter]) -> Error {
    let worst = partitions.iter().max_by_key(|p| p.vocabulary_bytes());
    match worst {
        Some(partition) => partition.too_many_values(),
        None => Error::internal("no partition to encode"),
    }
}

/// Final ids of the kept slots, which are given with their first ids: per partition and slot.
fn take_maps(
    merged: &mut [Merged],
    kept: &[(usize, u32)],
    partitions: usize,
) -> Vec<Vec<Vec<u32>>> {
    let mut maps: Vec<Vec<Vec<u32>>> = (0..partitions).map(|_| Vec::new()).collect();
    for &(slot, first) in kept {
        let of_partitions = std::mem::take(&mut merged[slot].maps);
        for (partition, mut map) in maps.iter_mut().zip(of_partitions) {
            map.iter_mut().for_each(|id| *id += first);
            partition.push(map);
        }
    }
    maps
}

/// A vocabulary for each id column, empty where buckets have no values, then one for each list.
fn take_vocabularies(merged: &mut [Merged], ids: &Ids) -> Vec<Vocabulary> {
    let slots = merged.len() - ids.lists();
    let mut take = |slot: usize| std::mem::take(&mut merged[slot].vocabulary);
    let mut vocabularies: Vec<_> = ids.kept.iter().map(|slot| take(*slot)).collect();
    vocabularies.resize_with(ids.layout.ids.len(), Vocabulary::default);
    vocabularies.extend(ids.kept_lists.iter().map(|list| take(slots + list)));
    vocabularies
}

/// Standardises rows in memory; rows on disk are standardised when they are read.
fn row_set(
    shared: &Shared,
    store: Store,
    labels: &[LabelCount],
    rows: u64,
    finisher: &Finisher,
    charge: &mut Charge,
) -> Result<RowSet> {
    let (store, bytes) = match store {
        Store::Memory(Memory { parts, values }) => {
            let parts = parallel::map(parts, shared.options.threads, |mut part| {
                let words = finisher.in_place(&mut part);
                part.truncate(words);
                part.shrink_to_fit();
                Ok(part)
            })?;
            let words = parts.iter().chain(&values).map(Vec::capacity);
            let bytes = words.sum::<usize>() * 4;
            (Store::Memory(Memory { parts, values }), bytes)
        }
        disk => (disk, 0),
    };
    let charge = charge.split_off(bytes);
    let set = RowSet::new(store, rows, labels.to_vec(), finisher.clone(), charge);
    Ok(set.with_funnel(shared.options.funnel.clone()))
}
