//! The codes of a table, fitted on its rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::category::Category;
use super::number::{Number, Piece, Spans};
use super::roles::{How, TableColumn, TableSpec};
use super::value::{is_number, to_numbers, to_texts};
use crate::error::{Error, Result};
use crate::feature::column::spec::Role;
use crate::feature::value::label::check_binary;
use crate::feature::{FeatureInfo, numbers};
use crate::random::Draws;

/// Different numbers of a column that are still taken as categories.
const FEW: usize = 50;

/// Rows that each of them must have on average.
const ROWS_EACH: usize = 20;

/// Tuples of labels at the most: with more, the label with the most values leaves the tuple.
const MOST_TUPLES: usize = 512;

/// Slots of all units at the most.
const MOST_SLOTS: usize = 4096;

/// How to code.
#[derive(Clone, Copy, Debug)]
pub struct CodecOptions {
    /// Categories of a column that have slots of their own.
    pub keep: usize,
    /// Groups that the others are divided among.
    pub groups: usize,
    /// Whether slots stand in the order of their values, or numbers are modes of a mixture.
    pub ordered: bool,
    /// Of everything random.
    pub seed: u64,
}

/// The codes of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Codec {
    pub(super) columns: Vec<Column>,
    /// What rows are coded as.
    pub units: Vec<Unit>,
}

/// As it was written; nothing is known of where it comes from.
#[derive(Deserialize)]
struct Unchecked {
    columns: Vec<Column>,
    units: Vec<Unit>,
}

impl TryFrom<Unchecked> for Codec {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let codec = Self {
            columns: read.columns,
            units: read.units,
        };
        match codec.is_consistent() {
            true => Ok(codec),
            false => Err("the parts of the codes do not fit together"),
        }
    }
}

/// One column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    /// As Arrow writes it.
    pub(super) data_type: String,
    nullable: bool,
    pub(super) role: Role,
    reason: String,
    nulls: u64,
    distinct: Option<u64>,
    pub(super) coding: Coding,
}

/// What its values are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Coding {
    Category(Category),
    Number(Number),
}

/// One unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// What it stands for.
    pub kind: UnitKind,
    /// Training rows of each slot.
    pub counts: Vec<u64>,
}

/// What a unit stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// Labels: their columns, and the slots of each of these in every tuple.
    Labels {
        /// Positions of the columns.
        columns: Vec<usize>,
        /// In the order of their values.
        tuples: Vec<Vec<u32>>,
    },
    /// One column.
    Column(usize),
}

/// Coded rows.
#[derive(Clone, Debug, Default)]
pub struct Coded {
    /// How many.
    pub rows: usize,
    /// Of each unit the slot of every row.
    pub slots: Vec<Vec<u32>>,
    /// Of each unit the place of every row, 0 where the slot is no span; empty where none is.
    pub places: Vec<Vec<f32>>,
}

impl Codec {
    /// Fits the codes on rows of the columns of `spec`, and codes them.
    ///
    /// # Errors
    /// `Plan` for a column that would need too many slots, or whose values are nearly all different.
    pub fn fit(
        spec: &TableSpec,
        rows: &RecordBatch,
        options: &CodecOptions,
    ) -> Result<(Self, Coded)> {
        let mut columns = Vec::new();
        let mut slots = Vec::new();
        let mut places = Vec::new();
        for (at, column) in spec.columns.iter().enumerate() {
            let array = rows.column(at);
            let label = spec.labels.contains(&at);
            let (fitted, slot, place) = fit_column(column, array, label, at as u64, options)?;
            columns.push(fitted);
            slots.push(slot);
            places.push(place);
        }
        funnel(spec, &mut columns, &mut slots);
        let (mut units, mut coded) = (Vec::new(), Coded::default());
        coded.rows = rows.num_rows();
        let tuple = in_tuple(spec, &columns, &slots);
        if !tuple.is_empty() {
            let (unit, slots) = tuples(tuple.clone(), &columns, &slots);
            units.push(unit);
            coded.slots.push(slots);
            coded.places.push(Vec::new());
        }
        let scenario_first = |at: &usize| columns[*at].role != Role::Scenario;
        let mut others: Vec<_> = (0..columns.len())
            .filter(|at| !tuple.contains(at))
            .collect();
        others.sort_by_key(scenario_first);
        for at in others {
            let slots = std::mem::take(&mut slots[at]);
            let mut counts = vec![0; columns[at].coding.slots()];
            slots.iter().for_each(|slot| counts[*slot as usize] += 1);
            units.push(Unit {
                kind: UnitKind::Column(at),
                counts,
            });
            coded.slots.push(slots);
            coded.places.push(std::mem::take(&mut places[at]));
        }
        let codec = Self { columns, units };
        codec.check_width()?;
        Ok((codec, coded))
    }

    /// Whether each slot of a unit is a span.
    pub fn spans(&self, unit: usize) -> Vec<bool> {
        let none = || vec![false; self.units[unit].counts.len()];
        match &self.units[unit].kind {
            UnitKind::Column(at) => match &self.columns[*at].coding {
                Coding::Number(number) => number.spans(),
                Coding::Category(_) => none(),
            },
            UnitKind::Labels { .. } => none(),
        }
    }

    /// The columns of what is decoded.
    ///
    /// # Errors
    /// `Execution` when a type is not known.
    pub fn schema(&self) -> Result<SchemaRef> {
        let fields = self.columns.iter().map(|column| {
            Ok(Field::new(
                &column.name,
                column.data_type()?,
                column.nullable,
            ))
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
    }

    /// What became of every column, and why.
    pub fn feature_info(&self) -> Vec<FeatureInfo> {
        let info = self.columns.iter().map(|column| FeatureInfo {
            column: column.name.clone(),
            data_type: column.data_type.clone(),
            role: column.role.to_string(),
            encoding: column.coding.describe(),
            distinct: column.distinct,
            nulls: Some(column.nulls),
            reason: column.reason.clone(),
        });
        info.collect()
    }

    /// A clear refusal where networks would become too wide.
    fn check_width(&self) -> Result<()> {
        let total: usize = self.units.iter().map(|unit| unit.counts.len()).sum();
        if total <= MOST_SLOTS {
            return Ok(());
        }
        let widest = self
            .columns
            .iter()
            .max_by_key(|column| column.coding.slots());
        let (name, slots) = widest.map_or(("", 0), |c| (&c.name[..], c.coding.slots()));
        Err(Error::plan(format!(
            "the columns take {total} slots, {MOST_SLOTS} at the most; \"{name}\" alone takes {slots}: a lower \
             max_vocabulary, or exclude_cols = ['{name}']"
        )))
    }

    fn is_consistent(&self) -> bool {
        let mut seen = vec![false; self.columns.len()];
        let mut once = |at: usize| match seen.get_mut(at) {
            Some(seen) => !std::mem::replace(seen, true),
            None => false,
        };
        let units = self.units.iter().all(|unit| match &unit.kind {
            UnitKind::Column(at) => {
                once(*at) && unit.counts.len() == self.columns[*at].coding.slots()
            }
            UnitKind::Labels { columns, tuples } => {
                let category = |at: &usize| matches!(self.columns[*at].coding, Coding::Category(_));
                columns.iter().all(|at| once(*at))
                    && columns.iter().all(category)
                    && unit.counts.len() == tuples.len()
                    && tuples.iter().all(|tuple| {
                        let slots = columns.iter().map(|at| self.columns[*at].coding.slots());
                        tuple.len() == columns.len()
                            && tuple
                                .iter()
                                .zip(slots)
                                .all(|(slot, n)| (*slot as usize) < n)
                    })
            }
        });
        let codings = self.columns.iter().all(|column| match &column.coding {
            Coding::Category(category) => category.is_consistent(),
            Coding::Number(number) => number.is_consistent(),
        });
        units && codings && seen.into_iter().all(|seen| seen)
    }
}

impl Column {
    pub(super) fn data_type(&self) -> Result<DataType> {
        self.data_type.parse().map_err(|_| {
            Error::execution(format!(
                "unknown type {:?} of column \"{}\"",
                self.data_type, self.name
            ))
        })
    }
}

impl Coding {
    fn slots(&self) -> usize {
        match self {
            Self::Category(category) => category.slots(),
            Self::Number(number) => number.pieces.len(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Category(category) => match category.groups.len() {
                0 => "category".into(),
                n => format!("category, rare values in {n} groups"),
            },
            Self::Number(number) => {
                let count = |is: fn(&Piece) -> bool| number.pieces.iter().filter(|p| is(p)).count();
                let spans = count(|piece| matches!(piece, Piece::Span(_)));
                match count(|piece| matches!(piece, Piece::Spike(_))) {
                    0 => format!("number, {spans} spans"),
                    n => format!("number, {spans} spans and {n} single values"),
                }
            }
        }
    }
}

/// Codes one column: slot and place of each row too.
fn fit_column(
    column: &TableColumn,
    array: &ArrayRef,
    label: bool,
    at: u64,
    options: &CodecOptions,
) -> Result<(Column, Vec<u32>, Vec<f32>)> {
    let (field, rows) = (&column.field, array.len());
    if field.data_type().to_string().parse().ok().as_ref() != Some(field.data_type()) {
        return Err(Error::plan(format!(
            "column \"{}\" is of type {}, which can't be stored; cast it, or leave it out with exclude_cols",
            field.name(),
            field.data_type()
        )));
    }
    if column.is_binary {
        check_binary(field.name(), &numbers(array)?)?;
    }
    let texts = match column.how {
        How::Number => None,
        _ => Some(to_texts(array)?),
    };
    let distinct = texts.as_ref().map(distinct);
    let few = distinct.is_some_and(|n| n <= FEW && n * ROWS_EACH <= rows);
    let mut reason = column.reason.clone();
    let number = column.how == How::Number || (column.how == How::Either && !few);
    let (coding, slots, places) = match texts {
        Some(texts) if !number => {
            let keep = match label {
                true => usize::MAX,
                false => options.keep,
            };
            let distinct = distinct.unwrap_or_default();
            check_distinct(column, distinct, &texts, keep)?;
            if column.how == How::Either {
                reason = format!("{reason} with {distinct} different values");
            }
            let numbers = is_number(field.data_type());
            let (category, slots) = Category::fit(&texts, keep, options.groups, numbers);
            (Coding::Category(category), slots, Vec::new())
        }
        _ => {
            let spans = match options.ordered {
                true => Spans::Ordered,
                false => Spans::Mixture,
            };
            let mut draws = Draws::new(&[options.seed, at]);
            let (number, slots, places) = Number::fit(&to_numbers(array)?, spans, &mut draws);
            (Coding::Number(number), slots, places)
        }
    };
    let nulls = arrow::compute::is_null(array)?.true_count() as u64;
    let fitted = Column {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
        role: column.role,
        reason,
        nulls,
        distinct: distinct.map(|n| n as u64),
        coding,
    };
    Ok((fitted, slots, places))
}

/// Different values, NULL left out.
fn distinct(texts: &StringArray) -> usize {
    let values: std::collections::HashSet<_> = texts.iter().flatten().collect();
    values.len()
}

/// A clear refusal of columns whose values are nearly all different: what could be drawn are copies.
fn check_distinct(
    column: &TableColumn,
    distinct: usize,
    texts: &StringArray,
    keep: usize,
) -> Result<()> {
    let (name, known) = (column.field.name(), texts.len() - texts.null_count());
    let named = !matches!(column.role, Role::Feature | Role::Label);
    if distinct <= keep.min(MOST_SLOTS) || (named || 2 * distinct <= known) && keep != usize::MAX {
        return Ok(());
    }
    Err(Error::plan(format!(
        "column \"{name}\" has {distinct} different values in {known} rows, too many to learn which are \
         drawn together with what; leave it out with exclude_cols = ['{name}']"
    )))
}

/// Makes the labels of a funnel products: none is 1 where the one before is 0.
fn funnel(spec: &TableSpec, columns: &mut [Column], slots: &mut [Vec<u32>]) {
    let value = |column: &Column, texts: [&str; 3]| {
        let Coding::Category(category) = &column.coding else {
            return None;
        };
        let found = texts.iter().find_map(|text| category.find(Some(text)));
        found.map(|at| at as u32)
    };
    let no = |column: &Column| value(column, ["0", "false", "0.0"]);
    let yes = |column: &Column| value(column, ["1", "true", "1.0"]);
    for pair in spec.funnel.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        let (Some(stopped), Some(from), Some(to)) = (
            no(&columns[before]),
            yes(&columns[after]),
            no(&columns[after]),
        ) else {
            continue;
        };
        let mut changed = 0;
        for row in 0..slots[after].len() {
            if slots[before][row] == stopped && slots[after][row] == from {
                slots[after][row] = to;
                changed += 1;
            }
        }
        if changed > 0 {
            let name = columns[before].name.clone();
            let reason = &mut columns[after].reason;
            *reason = format!("{reason}; {changed} rows without {name} count as 0");
        }
    }
}

/// The labels whose tuples are one unit.
fn in_tuple(spec: &TableSpec, columns: &[Column], slots: &[Vec<u32>]) -> Vec<usize> {
    let category = |at: &usize| matches!(columns[*at].coding, Coding::Category(_));
    let mut labels: Vec<_> = spec.labels.iter().copied().filter(category).collect();
    let many = |labels: &[usize]| {
        let rows = 0..slots[labels[0]].len();
        let tuple = |row| labels.iter().map(|at| slots[*at][row]).collect::<Vec<_>>();
        let tuples: std::collections::HashSet<_> = rows.map(tuple).collect();
        tuples.len() > MOST_TUPLES
    };
    while labels.len() > 1 && many(&labels) {
        let widest = (0..labels.len()).max_by_key(|i| columns[labels[*i]].coding.slots());
        labels.remove(widest.unwrap_or_default());
    }
    labels
}

/// The unit of the labels in `columns`, and the tuple of each row.
fn tuples(columns: Vec<usize>, all: &[Column], slots: &[Vec<u32>]) -> (Unit, Vec<u32>) {
    debug_assert!(columns.iter().all(|at| *at < all.len()));
    let rows = slots[columns[0]].len();
    let tuple = |row: usize| columns.iter().map(|at| slots[*at][row]).collect::<Vec<_>>();
    let mut counts: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
    for row in 0..rows {
        *counts.entry(tuple(row)).or_default() += 1;
    }
    let place: HashMap<_, _> = counts.keys().cloned().zip(0u32..).collect();
    let slots = (0..rows).map(|row| place[&tuple(row)]).collect();
    let unit = Unit {
        counts: counts.values().copied().collect(),
        kind: UnitKind::Labels {
            columns,
            tuples: counts.into_keys().collect(),
        },
    };
    (unit, slots)
}
