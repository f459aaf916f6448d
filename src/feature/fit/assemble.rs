//! Decides what is in use and where it stands: ids first, then numbers.

use super::Shared;
use super::record::Slots;
use super::scale::{Finisher, Moments, NumberPart, Scale, VectorPart};
use crate::error::{Error, Result};
use crate::feature::apply::fitted::{
    ColumnStats, FittedFeature, FittedKind, FittedSpec, IdPart, NumberParts,
};
use crate::feature::column::number::bucket::{BucketPart, PiecePart};
use crate::feature::column::number::choice::{Choice, Float};
use crate::feature::column::pixels;
use crate::feature::column::spec::{EncoderSpec, Kind, Role};
use crate::feature::rows::layout::{FIRST_ID, IdColumn, Layout, Target, Task, TaskKind};
use crate::feature::value::class::Class;
use crate::feature::vocabulary::merge::Merged;

/// Which id slots are kept.
pub(crate) struct Ids {
    /// Slots of the record, in the order of the layout.
    pub(crate) kept: Vec<usize>,
    pub(crate) layout: Layout,
    /// Per slot of the record: its part of the layout.
    parts: Vec<Option<IdPart>>,
    /// Per feature: its buckets, should it be a number that has some.
    buckets: Vec<Option<BucketPart>>,
}

impl Ids {
    /// Keeps what differs between rows, and what tells scenarios, users and items apart.
    ///
    /// # Errors
    /// `Resources` when there are more ids than a table can have.
    pub(crate) fn new(
        shared: &Shared,
        merged: &[Merged],
        choices: &[Choice],
        tasks: Vec<Task>,
    ) -> Result<Self> {
        let mut ids = Self {
            kept: Vec::new(),
            layout: Layout {
                tasks,
                ..Layout::default()
            },
            parts: Vec::with_capacity(merged.len()),
            buckets: Vec::with_capacity(choices.len()),
        };
        for (slot, (id, merged)) in shared.record.ids.iter().zip(merged).enumerate() {
            let role = shared.spec.columns[id.column].role;
            let needed = matches!(role, Role::Scenario | Role::User | Role::Item);
            if merged.is_constant() && !needed {
                ids.parts.push(None);
                continue;
            }
            let at = ids.add(id.name.clone(), merged.cardinality())?;
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
        for (feature, choice) in shared.record.features.iter().zip(choices) {
            let name = &shared.spec.columns[feature.column].name;
            let part = choice.buckets.clone().map(|edges| {
                let cardinality = u64::from(FIRST_ID) + edges.len() as u64 + 1;
                Ok::<_, Error>(BucketPart {
                    slot: ids.add(format!("{name} (bucket)"), cardinality)?,
                    edges,
                })
            });
            ids.buckets.push(part.transpose()?);
        }
        Ok(ids)
    }

    /// Appends an id column; returns its place.
    fn add(&mut self, name: String, cardinality: u64) -> Result<usize> {
        let layout = &mut self.layout;
        let offset = layout.table_rows;
        layout.table_rows += cardinality;
        if layout.table_rows > i32::MAX as u64 {
            return Err(Error::resources(format!(
                "the categories up to column \"{name}\" have {} values together, more than {}; set max_vocabulary, min_count or hash_buckets",
                layout.table_rows,
                i32::MAX
            )));
        }
        layout.ids.push(IdColumn {
            name,
            offset: offset as u32,
            cardinality: cardinality as u32,
        });
        Ok(layout.ids.len() - 1)
    }
}

/// Features, their statistics, and how rows are finished.
pub(crate) fn assemble(
    shared: &Shared,
    ids: Ids,
    merged: &[Merged],
    nulls: Vec<u64>,
    choices: &[Choice],
    moments: &[Moments],
) -> Result<(FittedSpec, Finisher)> {
    let record = &shared.record;
    let shift = record.ids.len() - ids.kept.len();
    let mut columns: Vec<_> = nulls
        .into_iter()
        .map(|n| ColumnStats {
            nulls: Some(n),
            ..ColumnStats::default()
        })
        .collect();
    let mut numbers = Numbers {
        layout: ids.layout,
        finisher: Finisher::default(),
    };
    let mut features = Vec::new();
    let mut moments = moments.iter();
    let mut take = |n: usize| moments.by_ref().take(n).collect::<Vec<_>>();
    let buckets = ids.buckets.into_iter();
    for ((feature, choice), bucket) in record.features.iter().zip(choices).zip(buckets) {
        let name = shared.spec.columns[feature.column].name.as_str();
        let stats = &mut columns[feature.column];
        let kind = match feature.slots {
            Slots::Category { id } => {
                stats.distinct = merged[id].distinct;
                ids.parts[id]
                    .clone()
                    .map(FittedKind::Category)
                    .ok_or_else(|| merged[id].constant_reason())
            }
            Slots::Number { word } => {
                stats.distinct = choice.distinct;
                stats.chosen.clone_from(&choice.why);
                numbers
                    .encoded(name, word - shift, take(1)[0], choice, bucket)
                    .map(FittedKind::Number)
            }
            Slots::Time {
                hour,
                weekday,
                word,
            } => {
                let is_date = shared.spec.columns[feature.column].class != Class::Time;
                let part = if is_date { " (age)" } else { " (hours)" };
                let float = if is_date {
                    Float::Backwards
                } else {
                    Float::Plain
                };
                let value = numbers.number(name, part, word - shift, take(1)[0], float, true);
                let hour = ids.parts[hour].clone();
                let weekday = weekday.and_then(|w| ids.parts[w].clone());
                match value {
                    Err(why) if hour.is_none() && weekday.is_none() => Err(why),
                    value => Ok(FittedKind::Time {
                        hour,
                        weekday,
                        value: value.ok(),
                    }),
                }
            }
            Slots::Vector { word, len }
                if matches!(shared.spec.columns[feature.column].kind, Kind::Pixels(_)) =>
            {
                let scale = pixels::scale(name, &take(len))?;
                Ok(FittedKind::Vector(numbers.pixels(
                    name,
                    word - shift,
                    len,
                    scale,
                )))
            }
            Slots::Vector { word, len } => numbers
                .vector(name, word - shift, &take(len))
                .map(FittedKind::Vector),
        };
        match kind {
            Ok(kind) => features.push(FittedFeature {
                column: feature.column,
                kind,
            }),
            Err(why) => stats.dropped = Some(why),
        }
    }
    numbers.place_pieces(&shared.spec, &mut features);
    let Numbers {
        mut layout,
        mut finisher,
    } = numbers;
    for (at, task) in layout.tasks.iter_mut().enumerate() {
        if let TaskKind::Regression(Target { scale, .. }) = &mut task.kind {
            *scale = take(1)[0].scale();
            finisher.targets.push((at, *scale));
        }
    }
    if features.is_empty() {
        return Err(Error::execution(
            "no feature left to train on: every feature is constant or NULL in all training rows",
        ));
    }
    finisher.ids = layout.ids.len();
    finisher.labels = record.labels - shift;
    finisher.tasks = layout.tasks.len();
    let spec = shared.spec.clone();
    Ok((
        FittedSpec {
            spec,
            layout,
            features,
            columns,
        },
        finisher,
    ))
}

/// Numbers on their way into the layout.
struct Numbers {
    layout: Layout,
    finisher: Finisher,
}

impl Numbers {
    /// A number in the encodings chosen, unless it is constant: then the reason.
    fn encoded(
        &mut self,
        name: &str,
        word: usize,
        moments: &Moments,
        choice: &Choice,
        bucket: Option<BucketPart>,
    ) -> Result<NumberParts, String> {
        if moments.is_constant() && bucket.is_none() {
            return Err(constant_reason(moments).to_string());
        }
        // A bucket of its own says already what is missing.
        let flagged = bucket.is_none();
        let float = choice
            .float
            .and_then(|float| self.number(name, "", word, moments, float, flagged).ok());
        if let Some(part) = &bucket {
            let first = self.layout.ids[part.slot].offset;
            self.finisher.buckets.push((word, first, part.clone()));
        }
        let pieces = choice.bins.clone().map(|bounds| PiecePart {
            dense: 0,
            bounds,
            flag: moments
                .has_missing()
                .then(|| self.add(format!("{name} (missing)"))),
        });
        if let Some(part) = &pieces {
            self.finisher.pieces.push((word, part.clone()));
        }
        Ok(NumberParts {
            float,
            bucket,
            pieces,
        })
    }

    /// A standardised number, unless it is constant: then the reason.
    fn number(
        &mut self,
        name: &str,
        part: &str,
        word: usize,
        moments: &Moments,
        float: Float,
        flagged: bool,
    ) -> Result<NumberPart, String> {
        if moments.is_constant() {
            return Err(constant_reason(moments).to_string());
        }
        let mut scale = moments.scale();
        if float == Float::Backwards {
            scale.factor = -scale.factor;
        }
        let dense = self.add(format!("{name}{part}"));
        let flag =
            (flagged && moments.has_missing()).then(|| self.add(format!("{name} (missing)")));
        let part = NumberPart {
            dense,
            log: float == Float::Log,
            scale,
            flag,
        };
        self.finisher.numbers.push((word, part.clone()));
        Ok(part)
    }

    /// Gives the values of bins their places, behind all other numbers.
    fn place_pieces(&mut self, spec: &EncoderSpec, features: &mut [FittedFeature]) {
        self.finisher.dense = self.layout.dense.len() + self.finisher.pieces.len();
        for feature in features {
            if let FittedKind::Number(parts) = &mut feature.kind
                && let Some(part) = &mut parts.pieces
            {
                part.dense = self.layout.dense.len();
                let name = &spec.columns[feature.column].name;
                for bin in 1..=part.bins() {
                    self.add(format!("{name} (bin {bin})"));
                }
            }
        }
    }

    /// A vector, unless all of its elements are constant.
    fn vector(
        &mut self,
        name: &str,
        word: usize,
        moments: &[&Moments],
    ) -> Result<VectorPart, String> {
        if moments.iter().all(|m| m.is_constant()) {
            let first = moments.first().map_or("constant", |m| constant_reason(m));
            return Err(first.to_string());
        }
        let dense = self.layout.dense.len();
        for i in 0..moments.len() {
            self.add(format!("{name}[{i}]"));
        }
        let missing = moments.iter().any(|m| m.has_missing());
        let part = VectorPart {
            dense,
            scales: moments.iter().map(|m| m.scale()).collect(),
            flag: missing.then(|| self.add(format!("{name} (missing)"))),
        };
        self.finisher.vectors.push((word, part.clone()));
        Ok(part)
    }

    /// An image: as many pixels, all scaled alike.
    fn pixels(&mut self, name: &str, word: usize, len: usize, scale: Scale) -> VectorPart {
        let dense = self.layout.dense.len();
        for i in 0..len {
            self.add(format!("{name}[{i}]"));
        }
        let part = VectorPart {
            dense,
            scales: vec![scale; len],
            flag: None,
        };
        self.finisher.vectors.push((word, part.clone()));
        part
    }

    fn add(&mut self, name: String) -> usize {
        self.layout.dense.push(name);
        self.layout.dense.len() - 1
    }
}

fn constant_reason(moments: &Moments) -> &'static str {
    if moments.is_empty() {
        "missing in every training row"
    } else {
        "constant: one value in every training row"
    }
}
