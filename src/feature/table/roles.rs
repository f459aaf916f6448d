//! What every column of a generator's query is for.

use arrow::datatypes::{DataType, Field, Schema};

use super::value;
use crate::error::{Error, Result};
use crate::feature::column::Single;
use crate::feature::column::infer::{Named, reject_duplicate_names, tasks};
use crate::feature::column::spec::{ColumnOptions, Role, find_name};
use crate::feature::rows::layout::TaskKind;
use crate::feature::value::class::Class;

/// The columns that are generated, before anything is fitted.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// In the query's order.
    pub columns: Vec<TableColumn>,
    /// Positions in `columns` of the labels, in the order of the option.
    pub labels: Vec<usize>,
    /// Positions in `columns` of the labels that follow from one another, in order of depth.
    pub funnel: Vec<usize>,
}

/// A column that is generated.
#[derive(Clone, Debug)]
pub struct TableColumn {
    /// Its position in the query.
    pub(super) at: usize,
    /// Its name and type.
    pub(super) field: Field,
    /// What it is for.
    pub(super) role: Role,
    /// How it is coded.
    pub(super) how: How,
    /// Whether it is a binary label.
    pub(super) is_binary: bool,
    /// Why so.
    pub(super) reason: String,
}

/// How a column is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As categories.
    Category,
    /// As numbers.
    Number,
    /// As numbers unless there are only a few.
    Either,
}

impl TableSpec {
    /// The columns but for the labels.
    pub fn features(&self) -> Schema {
        let columns = self.columns.iter().enumerate();
        let features = columns.filter(|(at, _)| !self.labels.contains(at));
        Schema::new(
            features
                .map(|(_, column)| column.field.clone())
                .collect::<Vec<_>>(),
        )
    }

    /// The names of the labels.
    pub fn label_names(&self) -> Vec<&str> {
        let labels = self.labels.iter();
        labels
            .map(|at| self.columns[*at].field.name().as_str())
            .collect()
    }

    /// Decides from a schema and the options.
    ///
    /// # Errors
    /// `Plan` for an unknown or ambiguous column, one named for two purposes, or of a type that can't be
    /// generated, a funnel over labels that are not binary, and when no column is left.
    pub fn infer(schema: &Schema, options: &ColumnOptions, funnel: &[String]) -> Result<Self> {
        reject_duplicate_names(schema)?;
        let named = Named::resolve(schema, options)?;
        let tasks = tasks(schema, &named.labels, options)?;
        let mut columns = Vec::new();
        let mut labels = vec![0; named.labels.len()];
        for (at, field) in schema.fields().iter().enumerate() {
            let decided = named.decide(schema, at, options)?;
            if decided.role == Role::Excluded {
                continue;
            }
            let label = named.labels.iter().position(|label| *label == at);
            if let Some(label) = label {
                labels[label] = columns.len();
            }
            let asked =
                |names: &[String]| find_name(names.iter().map(|n| &n[..]), field.name()).is_some();
            let how = match (label.map(|label| &tasks[label].kind), decided.single()) {
                (Some(TaskKind::Regression(_)), _) => How::Number,
                (Some(_), _) | (None, Some(Single::Category)) => How::Category,
                // NULL in every row.
                (None, None) if !decided.is_input() && decided.role == Role::Feature => {
                    How::Category
                }
                // BOOLEAN, which other models read as a number where they are asked to.
                (None, Some(Single::Number)) if !value::is_number(field.data_type()) => {
                    How::Category
                }
                (None, Some(Single::Number)) if asked(&options.numeric_cols) => How::Number,
                (None, Some(Single::Number | Single::Time)) => How::Either,
                (None, None) => return Err(unusable(field)),
            };
            if !can_be(how, field.data_type()) {
                return Err(unusable(field));
            }
            columns.push(TableColumn {
                at,
                field: field.as_ref().clone(),
                role: decided.role,
                how,
                is_binary: label.is_some_and(|label| tasks[label].kind == TaskKind::Binary),
                reason: decided.reason,
            });
        }
        if columns.is_empty() {
            return Err(Error::plan("no column is left to generate"));
        }
        let binary = |name: &String| {
            let at = tasks.iter().position(|task| task.name == *name);
            match at.map(|at| (at, &tasks[at].kind)) {
                Some((at, TaskKind::Binary)) => Ok(labels[at]),
                Some((_, kind)) => Err(Error::plan(format!(
                    "option funnel: {name:?} is a {} label; only binary ones follow from one another",
                    kind.name()
                ))),
                None => Err(Error::plan(format!("unknown label {name:?} in funnel"))),
            }
        };
        let funnel = funnel.iter().map(binary).collect::<Result<_>>()?;
        Ok(Self {
            columns,
            labels,
            funnel,
        })
    }
}

/// Whether values of the type can be coded so.
fn can_be(how: How, data_type: &DataType) -> bool {
    match how {
        How::Category => matches!(
            Class::of(data_type),
            Class::Null | Class::Text | Class::Number | Class::Date | Class::Time
        ),
        How::Number | How::Either => value::is_number(data_type),
    }
}

fn unusable(field: &Field) -> Error {
    let name = field.name();
    Error::plan(format!(
        "column \"{name}\" is of type {}, which can't be generated; leave it out with exclude_cols = \
         ['{name}']",
        field.data_type()
    ))
}
