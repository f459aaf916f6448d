//! What fitting found out, apart from the vocabularies: enough to plan a prediction.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::feature::column::spec::{ColumnSpec, EncoderSpec, find_name, name_list};
use crate::feature::column::{Feature, stored};
use crate::feature::rows::layout::{FIRST_ID, Layout};
use crate::feature::value::class::Class;
use crate::feature::value::scale::Scale;
use crate::feature::vocabulary::merge::Bounds;

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
    features: Vec<UncheckedFeature>,
    columns: Vec<ColumnStats>,
}

#[derive(Deserialize)]
struct UncheckedFeature {
    column: usize,
    kind: Value,
}

/// Why what was written can't be read.
const NO_FIT: &str = "the parts of the encoder do not fit together";

impl TryFrom<Unchecked> for FittedSpec {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let feature = |feature: UncheckedFeature| {
            let column = read.spec.columns.get(feature.column);
            let input = column.and_then(|c| c.kind.as_ref()).ok_or(NO_FIT)?;
            let kind = stored::load(input.as_ref(), feature.kind).map_err(|e| e.to_string())?;
            Ok::<_, String>(FittedFeature::new(feature.column, kind))
        };
        let features = read.features.into_iter().map(feature);
        let fitted = Self {
            features: features.collect::<Result<_, _>>()?,
            spec: read.spec,
            layout: read.layout,
            columns: read.columns,
        };
        match fitted.is_consistent() {
            true => Ok(fitted),
            false => Err(NO_FIT.into()),
        }
    }
}

/// A feature in use.
#[derive(Clone, Debug, Serialize)]
pub struct FittedFeature {
    /// Position of its column in [`EncoderSpec::columns`].
    pub(crate) column: usize,
    /// How it is encoded.
    #[serde(serialize_with = "stored::save")]
    pub(crate) kind: Arc<dyn Feature>,
}

impl PartialEq for FittedFeature {
    fn eq(&self, other: &Self) -> bool {
        let saved = (self.kind.save(), other.kind.save());
        self.column == other.column && matches!(saved, (Ok(a), Ok(b)) if a == b)
    }
}

impl FittedFeature {
    /// A feature that encodes a column of the query.
    pub(crate) fn new(column: usize, feature: Box<dyn Feature>) -> Self {
        Self {
            column,
            kind: Arc::from(feature),
        }
    }
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
            layout: Layout::default(),
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
        self.features.iter().find_map(|f| f.kind.pixel_scale())
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
                encoding: match (feature, task) {
                    (Some(feature), _) => {
                        let described = feature.kind.describe();
                        described.unwrap_or_else(|| feature.kind.kind().name.into())
                    }
                    (None, Some(task)) => self.layout.tasks[task].kind.name().into(),
                    (None, None) => "none".into(),
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
        let ids = self.layout.ids.len();
        let fits = self.features.iter().all(|f| f.kind.fits(&self.layout));
        let mut next = 0;
        let dense_ids = self.layout.ids.iter().chain(&self.layout.lists).all(|c| {
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
    let accepted = match &column.kind {
        Some(input) => input.accepts(column.class, given),
        None => column.class.accepts(given),
    };
    if accepted {
        return Ok(());
    }
    Err(Error::plan(format!(
        "column \"{}\" is of type {data_type}, but the model was trained on {} ({})",
        column.name, column.class, column.data_type
    )))
}
