//! Decides what is in use and where it stands: ids first, then numbers.

use super::Shared;
use super::moments::{Cell, Moments};
use crate::error::{Error, Result};
use crate::feature::apply::fitted::{ColumnStats, FittedFeature, FittedSpec};
use crate::feature::column::part::{IdPart, ListPart};
use crate::feature::column::spec::Role;
use crate::feature::column::{Feature, Placed, Plan, Seen};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::finisher::Finisher;
use crate::feature::rows::layout::{IdColumn, Layout, Target, Task, TaskKind};
use crate::feature::vocabulary::merge::Merged;

/// Which id slots are kept.
pub(crate) struct Ids {
    /// Slots of the record, in the order of the layout.
    pub(crate) kept: Vec<usize>,
    pub(crate) layout: Layout,
    /// Lists of the record that are kept, in the order of the layout.
    pub(crate) kept_lists: Vec<usize>,
    /// Per slot of the record: its part of the layout.
    parts: Vec<Option<IdPart>>,
    /// Per list of the record: its part of the layout.
    lists: Vec<Option<ListPart>>,
}

impl Ids {
    /// Keeps what differs between rows, and what tells scenarios, users and items apart.
    ///
    /// # Errors
    /// `Resources` when there are more ids than a table can have.
    pub(crate) fn new(
        shared: &Shared,
        merged: &[Merged],
        plans: &mut [Box<dyn Plan>],
        tasks: Vec<Task>,
    ) -> Result<Self> {
        let mut ids = Self {
            kept: Vec::new(),
            layout: Layout {
                tasks,
                ..Layout::default()
            },
            kept_lists: Vec::new(),
            parts: Vec::with_capacity(merged.len()),
            lists: Vec::new(),
        };
        let record = &shared.record;
        let (id_slots, lists) = record.slots.split_at(record.ids);
        let (of_ids, of_lists) = merged.split_at(record.ids);
        for (slot, (id, merged)) in id_slots.iter().zip(of_ids).enumerate() {
            let role = shared.spec.columns[id.column].role;
            let needed = matches!(role, Role::Scenario | Role::User | Role::Item);
            if merged.is_constant() && !needed {
                ids.parts.push(None);
                continue;
            }
            let at = ids.layout.add_ids(id.name.clone(), merged.cardinality())?;
            match role {
                Role::Scenario => ids.layout.scenario = Some(at),
                Role::User => ids.layout.user = Some(at),
                Role::Item => ids.layout.item = Some(at),
                _ => {}
            }
            ids.parts.push(Some(IdPart {
                slot: at,
                buckets: merged.buckets,
            }));
            ids.kept.push(slot);
        }
        for (feature, plan) in record.features.iter().zip(plans) {
            plan.ids(&shared.spec.columns[feature.column], &mut ids.layout)?;
        }
        for (list, (slot, merged)) in lists.iter().zip(of_lists).enumerate() {
            if merged.is_constant() {
                ids.lists.push(None);
                continue;
            }
            let name = slot.name.clone();
            ids.lists.push(Some(ListPart {
                list: ids.layout.add_list(name, merged.cardinality())?,
                buckets: merged.buckets,
            }));
            ids.kept_lists.push(list);
        }
        Ok(ids)
    }

    /// Lists of the record.
    pub(crate) fn lists(&self) -> usize {
        self.lists.len()
    }

    /// The slots that are kept, those of lists behind the others, each with its first id.
    pub(crate) fn kept_slots(&self, ids: usize) -> Vec<(usize, u32)> {
        let offset = |column: &IdColumn| column.offset;
        let slots = self
            .kept
            .iter()
            .copied()
            .zip(self.layout.ids.iter().map(offset));
        let lists = self.kept_lists.iter().map(|list| ids + list);
        let lists = lists.zip(self.layout.lists.iter().map(offset));
        slots.chain(lists).collect()
    }
}

/// The numbers of a record whose mean and deviation are asked for: those of the features, then those to be
/// predicted.
pub(crate) fn cells(shared: &Shared, plans: &[Box<dyn Plan>]) -> Vec<Cell> {
    let record = &shared.record;
    let of_features = plans.iter().flat_map(|plan| plan.cells());
    let of_features = of_features.map(|cell| cell.behind(record.ids));
    let tasks = shared.spec.tasks.iter().enumerate();
    let targets = tasks.filter(|(_, task)| matches!(task.kind, TaskKind::Regression(_)));
    let targets = targets.map(|(at, _)| Cell::Narrow(record.labels + at));
    of_features.chain(targets).collect()
}

/// Features, their statistics, and how rows are finished.
///
/// # Errors
/// `Execution` for values that a column's kind can't learn from, and when no feature is left.
pub(crate) fn assemble(
    shared: &Shared,
    ids: Ids,
    merged: &[Merged],
    nulls: Vec<u64>,
    plans: &[Box<dyn Plan>],
    moments: &[Moments],
) -> Result<(FittedSpec, Finisher)> {
    let (spec, record) = (&shared.spec, &shared.record);
    let stats = nulls.into_iter().map(|n| ColumnStats {
        nulls: Some(n),
        ..ColumnStats::default()
    });
    let mut columns: Vec<_> = stats.collect();
    let mut draft = Draft::new(ids.layout, ids.kept.len());
    let mut features: Vec<(usize, Box<dyn Feature>)> = Vec::new();
    let mut moments = moments.iter();
    for (slots, plan) in record.features.iter().zip(plans) {
        let of_plan: Vec<_> = moments.by_ref().take(plan.cells().len()).collect();
        let seen = Seen {
            column: &spec.columns[slots.column],
            merged,
            ids: &ids.parts,
            lists: &ids.lists,
            moments: &of_plan,
        };
        let Placed {
            feature,
            distinct,
            chosen,
        } = plan.place(&seen, &mut draft)?;
        let stats = &mut columns[slots.column];
        stats.distinct = distinct;
        stats.chosen = chosen;
        match feature {
            Ok(feature) => features.push((slots.column, feature)),
            Err(why) => stats.dropped = Some(why),
        }
    }
    draft.finish_numbers();
    let features = features.into_iter().map(|(column, mut feature)| {
        feature.place_last(&spec.columns[column], &mut draft);
        FittedFeature::new(column, feature)
    });
    let features: Vec<_> = features.collect();
    let Draft {
        mut layout,
        mut finisher,
        ..
    } = draft;
    let targets = layout.tasks.iter_mut().enumerate();
    let targets = targets.filter_map(|(at, task)| match &mut task.kind {
        TaskKind::Regression(Target { scale, .. }) => Some((at, scale)),
        _ => None,
    });
    for ((at, scale), moments) in targets.zip(moments) {
        *scale = moments.scale();
        finisher.targets.push((at, *scale));
    }
    if features.is_empty() {
        return Err(Error::execution(
            "no feature left to train on: every feature is constant or NULL in all training rows",
        ));
    }
    finisher.ids = layout.ids.len();
    finisher.labels = ids.kept.len() + record.labels - record.ids;
    finisher.lists = layout.lists.len();
    finisher.tasks = layout.tasks.len();
    let fitted = FittedSpec {
        spec: spec.clone(),
        layout,
        features,
        columns,
    };
    Ok((fitted, finisher))
}
