//! What fitting found out, apart from the vocabularies: enough to plan a prediction.

use std::fmt;

use arrow::datatypes::{DataType, Schema};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::feature::column::number::bucket::{BucketPart, PiecePart};
use crate::feature::column::spec::{Bounds, ColumnSpec, EncoderSpec, Kind, find_name, name_list};
use crate::feature::fit::scale::{NumberPart, Scale, VectorPart};
use crate::feature::rows::layout::{FIRST_ID, Layout};
use crate::feature::value::class::Class;

/// Roles, encodings and statistics of a fitted encoder. Reading one checks that it is consistent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct FittedSpec {
    /// Roles and encodings of the training query's columns.
    pub spec: EncoderSpec,
    /// Shape of the encoded rows.
    pub layout: Layout,
    /// The features that are in use, in the order of the training query.
    pub features: Vec<FittedFeature>,
    /// What was counted, per column of `spec`.
    pub columns: Vec<ColumnStats>,
}

/// As it was written; nothing is known of where it comes from.
#[derive(Deserialize)]
struct Unchecked {
    spec: EncoderSpec,
    layout: Layout,
    features: Vec<FittedFeature>,
    columns: Vec<ColumnStats>,
}

impl TryFrom<Unchecked> for FittedSpec {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let fitted = Self {
            spec: read.spec,
            layout: read.layout,
            features: read.features,
            columns: read.columns,
        };
        if fitted.is_consistent() {
            Ok(fitted)
        } else {
            Err("the parts of the encoder do not fit together")
        }
    }
}

/// A feature in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedFeature {
    /// Position of its column in [`EncoderSpec::columns`].
    pub column: usize,
    /// How it is encoded.
    pub kind: FittedKind,
}

/// How a feature becomes model inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FittedKind {
    /// One id.
    Category(IdPart),
    /// One number, in one encoding or more.
    Number(NumberParts),
    /// Hour, weekday and age; for a time of day hour and hours. Constant parts are left out.
    Time {
        /// Id of the hour.
        hour: Option<IdPart>,
        /// Id of the weekday.
        weekday: Option<IdPart>,
        /// Age, or hours since midnight.
        value: Option<NumberPart>,
    },
    /// Several numbers.
    Vector(VectorPart),
}

/// What a number becomes; one of these at least.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberParts {
    /// A standardised number.
    pub float: Option<NumberPart>,
    /// An id.
    pub bucket: Option<BucketPart>,
    /// A number for each of some bins.
    pub pieces: Option<PiecePart>,
}

impl fmt::Display for NumberParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(part) = &self.bucket {
            parts.push(format!("quantile ({} buckets)", part.buckets()));
        }
        if let Some(part) = &self.pieces {
            parts.push(format!("piecewise ({} bins)", part.bins()));
        }
        if let Some(part) = &self.float {
            parts.push(if part.log { "log" } else { "standardize" }.to_string());
        }
        f.write_str(&parts.join(" + "))
    }
}

/// An id column among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdPart {
    /// Position in [`Layout::ids`].
    pub slot: usize,
    /// Ids that hashes are divided among, for a hashed column.
    pub buckets: Option<u32>,
}

/// What was counted in a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    /// Distinct values in training rows, where they are known.
    pub distinct: Option<u64>,
    /// NULLs in all rows, where they were counted.
    pub nulls: Option<u64>,
    /// Why a number is encoded as it is, where the statement leaves it open.
    pub chosen: Option<String>,
    /// Why a feature is not in use.
    pub dropped: Option<String>,
}

/// A row of FEATURE_INFO.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureInfo {
    /// The column's name.
    pub column: String,
    /// Its type in the training query.
    pub data_type: String,
    /// What it is for.
    pub role: String,
    /// How it is encoded.
    pub encoding: String,
    /// Distinct values in training rows, where they are known.
    pub distinct: Option<u64>,
    /// NULLs in all rows, where they were counted.
    pub nulls: Option<u64>,
    /// Why so.
    pub reason: String,
}

/// Where a query has the columns that a model needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    positions: Vec<usize>,
}

impl Binding {
    /// Positions in the query's schema, in the order of [`FittedSpec::inputs`].
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }
}

impl FittedSpec {
    /// That of a model which predicts nothing.
    pub fn empty() -> Self {
        let bounds = Bounds {
            max_vocabulary: None,
            min_count: 1,
            hash_buckets: None,
        };
        Self {
            spec: EncoderSpec {
                columns: Vec::new(),
                tasks: Vec::new(),
                label_columns: Vec::new(),
                bounds,
            },
            layout: Layout {
                ids: Vec::new(),
                table_rows: 0,
                dense: Vec::new(),
                scenario: None,
                user: None,
                item: None,
                tasks: Vec::new(),
            },
            features: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// The columns that a prediction needs, in the order in which the encoder takes them.
    pub fn inputs(&self) -> Vec<&ColumnSpec> {
        let columns = self.features.iter().map(|f| &self.spec.columns[f.column]);
        columns.collect()
    }

    /// How the pixels of images are scaled, where rows are images.
    pub fn pixel_scale(&self) -> Option<Scale> {
        self.features
            .iter()
            .find_map(|feature| match &feature.kind {
                FittedKind::Vector(part)
                    if matches!(self.spec.columns[feature.column].kind, Kind::Pixels(_)) =>
                {
                    part.scales.first().copied()
                }
                _ => None,
            })
    }

    /// Shape of the encoded rows.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Finds the columns that a prediction needs in a query's schema, by name and in any order.
    ///
    /// # Errors
    /// `Plan` naming a column that is missing, or of another kind than in training.
    pub fn bind(&self, schema: &Schema) -> Result<Binding> {
        let mut positions = Vec::with_capacity(self.features.len());
        for column in self.inputs() {
            let names = schema.fields().iter().map(|f| f.name().as_str());
            let at = find_name(names, &column.name).ok_or_else(|| {
                Error::plan(format!(
                    "model needs column \"{}\", which the query lacks; the model needs: {}; the query has: {}",
                    column.name,
                    self.input_list(),
                    name_list(schema)
                ))
            })?;
            check_type(column, schema.field(at).data_type())?;
            positions.push(at);
        }
        Ok(Binding { positions })
    }

    fn input_list(&self) -> String {
        let names: Vec<_> = self.inputs().iter().map(|c| c.name.as_str()).collect();
        names.join(", ")
    }

    /// What became of every column, and why.
    pub fn feature_info(&self) -> Vec<FeatureInfo> {
        let columns = self.spec.columns.iter().zip(&self.columns);
        let info = columns.enumerate().map(|(at, (column, stats))| {
            let feature = self.features.iter().find(|f| f.column == at);
            let task = self.spec.label_columns.iter().position(|c| *c == at);
            FeatureInfo {
                column: column.name.clone(),
                data_type: column.data_type.clone(),
                role: column.role.to_string(),
                encoding: match feature.map(|f| &f.kind) {
                    Some(FittedKind::Category(part)) if part.buckets.is_some() => "hash".into(),
                    Some(FittedKind::Number(parts)) => parts.to_string(),
                    None if column.is_input() => "none".into(),
                    _ => match task.map(|task| &self.layout.tasks[task].kind) {
                        Some(kind) => kind.name().into(),
                        None => column.kind.to_string(),
                    },
                },
                distinct: stats.distinct,
                nulls: stats.nulls,
                reason: match (&stats.dropped, &stats.chosen) {
                    (Some(why), _) => format!("{}; left out: {why}", column.reason),
                    (None, Some(why)) => format!("{}; {why}", column.reason),
                    (None, None) => column.reason.clone(),
                },
            }
        });
        info.collect()
    }

    /// Whether positions point to something: a damaged manifest must not cause a panic.
    fn is_consistent(&self) -> bool {
        let (ids, dense) = (self.layout.ids.len(), self.layout.dense.len());
        let id = |part: &IdPart| part.slot < ids;
        let number = |p: &NumberPart| p.dense < dense && p.flag.is_none_or(|f| f < dense);
        let bucket = |p: &BucketPart| {
            let column = self.layout.ids.get(p.slot);
            column.is_some_and(|c| c.cardinality as usize == FIRST_ID as usize + p.buckets())
        };
        let pieces = |p: &PiecePart| {
            p.bounds.len() > 1 && p.dense + p.bins() <= dense && p.flag.is_none_or(|f| f < dense)
        };
        let fits = self.features.iter().all(|f| {
            f.column < self.spec.columns.len()
                && match &f.kind {
                    FittedKind::Category(part) => id(part),
                    FittedKind::Number(parts) => {
                        parts.float.as_ref().is_none_or(number)
                            && parts.bucket.as_ref().is_none_or(bucket)
                            && parts.pieces.as_ref().is_none_or(pieces)
                    }
                    FittedKind::Time {
                        hour,
                        weekday,
                        value,
                    } => {
                        [hour, weekday].into_iter().flatten().all(id)
                            && value.as_ref().is_none_or(number)
                    }
                    FittedKind::Vector(part) => {
                        part.dense + part.scales.len() <= dense
                            && part.flag.is_none_or(|f| f < dense)
                    }
                }
        });
        let mut next = 0;
        let dense_ids = self.layout.ids.iter().all(|c| {
            let follows = u64::from(c.offset) == next && c.cardinality >= FIRST_ID;
            next += u64::from(c.cardinality);
            follows
        });
        let roles = [self.layout.scenario, self.layout.user, self.layout.item];
        let counted = self.columns.len() == self.spec.columns.len();
        let tasks = self.layout.tasks.len() == self.spec.label_columns.len();
        fits && dense_ids
            && next == self.layout.table_rows
            && next <= i32::MAX as u64
            && roles.into_iter().flatten().all(|at| at < ids)
            && counted
            && tasks
    }
}

fn check_type(column: &ColumnSpec, data_type: &DataType) -> Result<()> {
    let given = Class::of(data_type);
    // An all-NULL training column says nothing of what its values would be.
    let accepted = match column.kind {
        Kind::Category if column.class == Class::Null => given.is_scalar(),
        Kind::Pixels([height, width]) => match given {
            Class::Vector(len) => len == height * width,
            given => matches!(given, Class::List | Class::Bytes | Class::Null),
        },
        _ => column.class.accepts(given),
    };
    if accepted {
        return Ok(());
    }
    Err(Error::plan(format!(
        "column \"{}\" is of type {data_type}, but the model was trained on {} ({})",
        column.name, column.class, column.data_type
    )))
}
