//! Which columns are judged, as what, and how the queries are brought to the same ones.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::Column;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};

use super::tables::Judged;
use crate::error::{Error, Result};
use crate::feature::{ColumnOptions, Single, Task, TaskKind, find_name, infer_columns};

/// The columns that are judged.
#[derive(Clone, Debug)]
pub struct Shape {
    /// In the order of the real query.
    pub columns: Vec<Judged>,
    /// What is to be learnt, in the order of the labels.
    pub tasks: Vec<Task>,
    /// Positions in `columns` of the labels.
    pub labels: Vec<usize>,
    /// The same for a training, whatever the types of the columns become.
    pub options: ColumnOptions,
}

impl Shape {
    /// What the options of a generator's training make of the columns that it generates.
    ///
    /// # Errors
    /// As [`Shape::of`].
    pub fn of_generated(generated: &Schema, options: &ColumnOptions) -> Result<Self> {
        // What these named is not generated.
        let options = ColumnOptions {
            exclude_cols: Vec::new(),
            split_col: None,
            ..options.clone()
        };
        Self::of(generated, &options)
    }

    /// What `options` make of the columns of the real query.
    ///
    /// # Errors
    /// `Plan` for an unknown column, a label of a type that can't be learnt, a column that holds no
    /// single value a row, and when no column is left.
    pub fn of(real: &Schema, options: &ColumnOptions) -> Result<Self> {
        for label in &options.labels {
            let known: Vec<_> = real.fields().iter().map(|f| f.name().as_str()).collect();
            if find_name(known.iter().copied(), label).is_none() {
                return Err(Error::plan(format!(
                    "unknown label {label:?}; the real rows have: {}",
                    known.join(", ")
                )));
            }
        }
        let spec = infer_columns(real, options)?;
        let mut shape = Self {
            columns: Vec::new(),
            tasks: spec.tasks.clone(),
            labels: Vec::new(),
            options: ColumnOptions::default(),
        };
        let mut positions = BTreeMap::new();
        for (at, column) in spec.columns.iter().enumerate() {
            let name = column.name.clone();
            let task = spec.label_columns.iter().position(|label| *label == at);
            let is_category = match (column.single(), task) {
                (_, Some(task)) => !matches!(spec.tasks[task].kind, TaskKind::Regression(_)),
                (None, None) if !column.is_input() => continue,
                (Some(Single::Category), None) => {
                    shape.options.categorical_cols.push(name.clone());
                    true
                }
                (Some(Single::Number), None) => {
                    shape.options.numeric_cols.push(name.clone());
                    false
                }
                (None, None) => {
                    return Err(Error::plan(format!(
                        "column {name:?} is of type {}: rows are judged by columns of one value; \
                         leave it out with exclude_cols => ['{name}']",
                        column.data_type
                    )));
                }
                (Some(Single::Time), None) => false,
            };
            positions.insert(at, shape.columns.len());
            shape.columns.push(Judged { name, is_category });
        }
        if shape.columns.is_empty() {
            return Err(Error::plan("no column is left to judge rows by"));
        }
        shape.labels = spec.label_columns.iter().map(|at| positions[at]).collect();
        let tasks = spec.tasks.iter();
        let kinds = tasks
            .clone()
            .map(|t| (t.name.clone(), t.kind.name().into()));
        shape.options.label_types = kinds.collect();
        shape.options.labels = tasks.map(|t| t.name.clone()).collect();
        Ok(shape)
    }
}

/// One of the queries.
pub struct Input {
    /// What its rows are called in an error.
    pub rows: &'static str,
    /// Its plan.
    pub plan: LogicalPlan,
}

impl Input {
    /// Checks that the real query has all columns of this one.
    ///
    /// # Errors
    /// `Plan` naming a column that it lacks.
    pub fn reject_extra(&self, real: &Schema, excluded: &[String]) -> Result<()> {
        let real: Vec<_> = real.fields().iter().map(|f| f.name().as_str()).collect();
        let known = || {
            real.iter()
                .copied()
                .chain(excluded.iter().map(String::as_str))
        };
        let names = self.plan.schema().fields().iter().map(|f| f.name());
        match names.into_iter().find(|n| find_name(known(), n).is_none()) {
            None => Ok(()),
            Some(extra) => Err(Error::plan(format!(
                "the {} rows have a column {extra:?} that the real rows lack; those have: {}",
                self.rows,
                real.join(", ")
            ))),
        }
    }

    /// The column that is called `name`, and its type.
    fn column(&self, name: &str) -> Result<(Expr, DataType)> {
        let schema = self.plan.schema();
        let names = || schema.fields().iter().map(|f| f.name().as_str());
        let Some(at) = find_name(names(), name) else {
            return Err(Error::plan(format!(
                "the {} rows have no column {name:?}; they have: {}",
                self.rows,
                names().collect::<Vec<_>>().join(", ")
            )));
        };
        let (qualifier, field) = schema.qualified_field(at);
        let column = Column::new(qualifier.cloned(), field.name());
        Ok((Expr::Column(column), field.data_type().clone()))
    }
}

/// The judged columns of every query, in one order and of the same types.
///
/// # Errors
/// `Plan` for a column that a query lacks, or whose types can't be compared.
pub fn aligned(columns: &[Judged], inputs: Vec<Input>) -> Result<Vec<LogicalPlan>> {
    let mut lists: Vec<Vec<Expr>> = inputs.iter().map(|_| Vec::new()).collect();
    for Judged { name, .. } in columns {
        let found: Vec<_> = inputs
            .iter()
            .map(|i| i.column(name))
            .collect::<Result<_>>()?;
        let mut common = plain(&found[0].1);
        for (input, (_, data_type)) in inputs.iter().zip(&found).skip(1) {
            common = comparable(&common, &plain(data_type)).ok_or_else(|| {
                Error::plan(format!(
                    "column {name:?} is {} in the real rows and {data_type} in the {} rows: cast one \
                     of them",
                    found[0].1, input.rows
                ))
            })?;
        }
        for (list, (column, data_type)) in lists.iter_mut().zip(found) {
            let column = match data_type == common {
                true => column,
                false => cast(column, common.clone()),
            };
            list.push(column.alias(name));
        }
    }
    let lists = inputs.into_iter().zip(lists);
    let project = |(input, list): (Input, Vec<Expr>)| {
        Ok(LogicalPlanBuilder::from(input.plan)
            .project(list)?
            .build()?)
    };
    lists.map(project).collect()
}

/// The type that values of two types are compared in; a text is no number and no time.
fn comparable(a: &DataType, b: &DataType) -> Option<DataType> {
    let is_text = |t: &DataType| *t == DataType::Utf8;
    match (a, b) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        _ if is_text(a) != is_text(b) => None,
        // Not decimals, which can't hold every float.
        (float, decimal) | (decimal, float) if float.is_floating() && decimal.is_decimal() => {
            Some(DataType::Float64)
        }
        _ => comparison_coercion(a, b).map(|t| plain(&t)),
    }
}

/// A type of the same values that owns them.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        other => other.clone(),
    }
}
