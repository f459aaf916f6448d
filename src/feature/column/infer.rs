//! Decides from a schema and the options what every column is for, and says why.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::number::encoding::{NumericEncoding, NumericEncodings};
use super::spec::{ColumnOptions, ColumnSpec, EncoderSpec, Role, find_name, name_list};
use super::{ALL, Column, Kind, Source, category, pixels};
use crate::error::{Error, Result};
use crate::feature::rows::layout::Task;
use crate::feature::value::class::Class;
use crate::feature::value::label::task_kind;
use crate::feature::vocabulary::merge::Bounds;

/// Role and encoding of every column of a query with this schema.
///
/// # Errors
/// `Plan` for an unknown or ambiguous column, a column named for two purposes, a label or feature
/// of a type that can't be used, and when no feature is left.
pub fn infer(schema: &Schema, options: &ColumnOptions) -> Result<EncoderSpec> {
    let spec = infer_columns(schema, options)?;
    if spec.tasks.is_empty() && !options.reads_images {
        return Err(Error::plan(format!(
            "input_label_cols names no label; the query has: {}",
            name_list(schema)
        )));
    }
    if options.reads_images {
        pixels::check(&spec.columns)?;
    }
    if spec.features().next().is_none() {
        return Err(Error::plan(format!(
            "no feature left to train on; the query has: {}",
            name_list(schema)
        )));
    }
    Ok(spec)
}

/// As [`infer`], with or without labels and features.
///
/// # Errors
/// As [`infer`], for columns and options.
pub fn infer_columns(schema: &Schema, options: &ColumnOptions) -> Result<EncoderSpec> {
    reject_duplicate_names(schema)?;
    check_bounds(options)?;
    let named = Named::resolve(schema, options)?;
    let positions = 0..schema.fields().len();
    Ok(EncoderSpec {
        columns: positions
            .map(|at| named.decide(schema, at, options))
            .collect::<Result<_>>()?,
        tasks: tasks(schema, &named.labels, options)?,
        label_columns: named.labels,
        bounds: Bounds {
            max_vocabulary: options.max_vocabulary,
            min_count: options.min_count,
            hash_buckets: options.hash_buckets,
        },
    })
}

pub(crate) fn reject_duplicate_names(schema: &Schema) -> Result<()> {
    let mut names: Vec<_> = schema.fields().iter().map(|f| f.name()).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::plan(format!(
            "the query has two columns \"{}\"; give one of them another name with AS",
            pair[0]
        ))),
        None => Ok(()),
    }
}

fn check_bounds(options: &ColumnOptions) -> Result<()> {
    if options.max_vocabulary == Some(0) {
        return Err(Error::plan("max_vocabulary is 0; it has to be at least 1"));
    }
    if options.hash_buckets == Some(0) {
        return Err(Error::plan("hash_buckets is 0; it has to be at least 1"));
    }
    Ok(())
}

pub(crate) fn tasks(
    schema: &Schema,
    labels: &[usize],
    options: &ColumnOptions,
) -> Result<Vec<Task>> {
    let fields: Vec<_> = labels.iter().map(|&at| schema.field(at)).collect();
    let names = || fields.iter().map(|f| f.name().as_str());
    let mut asked: Vec<Option<&str>> = vec![None; labels.len()];
    for (name, kind) in &options.label_types {
        let at = find_name(names(), name).ok_or_else(|| {
            let names: Vec<_> = names().collect();
            Error::plan(format!(
                "unknown label \"{name}\" in tasks; input_label_cols has: {}",
                names.join(", ")
            ))
        })?;
        asked[at] = Some(kind);
    }
    let tasks = fields.iter().zip(asked).map(|(field, asked)| {
        Ok(Task {
            name: field.name().clone(),
            kind: task_kind(field.name(), field.data_type(), asked)?,
        })
    });
    tasks.collect()
}

/// Options by position of the column they name.
pub(crate) struct Named {
    pub(crate) labels: Vec<usize>,
    /// What names each column: role, encoding asked for, option.
    uses: Vec<Vec<Use>>,
    /// The encoding of each column, should it be a number.
    encodings: Vec<NumericEncoding>,
}

#[derive(Clone, Copy)]
struct Use {
    option: &'static str,
    asks: Ask,
}

#[derive(Clone, Copy)]
enum Ask {
    Role(Role),
    Kind(&'static Kind),
}

impl Named {
    pub(crate) fn resolve(schema: &Schema, options: &ColumnOptions) -> Result<Self> {
        let mut named = Self {
            labels: Vec::new(),
            uses: vec![Vec::new(); schema.fields().len()],
            encodings: vec![NumericEncoding::Auto; schema.fields().len()],
        };
        for name in &options.labels {
            let at = named.add(schema, name, "input_label_cols", Ask::Role(Role::Label))?;
            if named.labels.contains(&at) {
                return Err(Error::plan(format!(
                    "label \"{name}\" is twice in input_label_cols"
                )));
            }
            named.labels.push(at);
        }
        for (name, option, role) in [
            (&options.split_col, "data_split_col", Role::Split),
            (&options.scenario_col, "scenario_col", Role::Scenario),
            (&options.user_col, "user_col", Role::User),
            (&options.item_col, "item_col", Role::Item),
        ] {
            if let Some(name) = name {
                named.add(schema, name, option, Ask::Role(role))?;
            }
        }
        for name in &options.exclude_cols {
            named.add(schema, name, "exclude_cols", Ask::Role(Role::Excluded))?;
        }
        for &kind in ALL {
            let by_option = kind.by_option.iter().flat_map(|by| by.options);
            for (option, of_option) in by_option {
                for name in of_option(options) {
                    named.add(schema, name, option, Ask::Kind(kind))?;
                }
            }
        }
        let names = schema.fields().iter().map(|f| f.name().as_str());
        match &options.numeric_encoding {
            NumericEncodings::All(encoding) => named.encodings.fill(*encoding),
            NumericEncodings::ByColumn(columns) => {
                for (name, encoding) in columns {
                    if let Some(at) = find_name(names.clone(), name) {
                        named.encodings[at] = *encoding;
                    }
                }
            }
        }
        Ok(named)
    }

    /// Notes that `option` names a column, and checks that no other option contradicts it.
    fn add(
        &mut self,
        schema: &Schema,
        name: &str,
        option: &'static str,
        asks: Ask,
    ) -> Result<usize> {
        let names = schema.fields().iter().map(|f| f.name().as_str());
        let at = find_name(names, name).ok_or_else(|| {
            Error::plan(format!(
                "unknown column \"{name}\" in {option}; the query has: {}",
                name_list(schema)
            ))
        })?;
        for other in &self.uses[at] {
            if other.option != option && conflict(asks, other.asks) {
                return Err(Error::plan(format!(
                    "column \"{}\" is in both {} and {option}",
                    schema.field(at).name(),
                    other.option
                )));
            }
        }
        self.uses[at].push(Use { option, asks });
        Ok(at)
    }

    pub(crate) fn decide(
        &self,
        schema: &Schema,
        at: usize,
        options: &ColumnOptions,
    ) -> Result<ColumnSpec> {
        let field = schema.field(at);
        let (name, data_type) = (field.name(), field.data_type());
        let uses = &self.uses[at];
        let role = uses.iter().find_map(|u| match u.asks {
            Ask::Role(role) => Some((role, u.option)),
            _ => None,
        });
        let source = Source {
            name,
            data_type,
            options,
        };
        let (kind, reason) = match (role, uses.first()) {
            (Some((Role::Label | Role::Split, option)), _) => (None, option.to_string()),
            (Some((Role::Excluded, option)), _) => (None, format!("listed in {option}")),
            // What tells scenarios, users or items apart.
            (Some((_, option)), _) => {
                let column = by_option(&category::KIND, &source, option)?;
                (Some(column), option.to_string())
            }
            (
                None,
                Some(Use {
                    option,
                    asks: Ask::Kind(kind),
                }),
            ) => {
                let column = by_option(kind, &source, option)?;
                (Some(column), format!("listed in {option}"))
            }
            (None, _) => by_type(&source)?,
        };
        Ok(ColumnSpec {
            name: name.clone(),
            data_type: data_type.to_string(),
            class: Class::of(data_type),
            role: role.map_or(Role::Feature, |(role, _)| role),
            kind,
            encoding: self.encodings[at],
            reason,
        })
    }
}

/// Whether one column can't be both.
fn conflict(a: Ask, b: Ask) -> bool {
    let is_input = |role| matches!(role, Role::Scenario | Role::User | Role::Item);
    match (a, b) {
        (Ask::Role(_), Ask::Role(_)) => true,
        (Ask::Kind(a), Ask::Kind(b)) => !std::ptr::eq(a, b),
        (Ask::Kind(kind), Ask::Role(role)) | (Ask::Role(role), Ask::Kind(kind)) => {
            !std::ptr::eq(kind, &category::KIND) || !is_input(role)
        }
    }
}

/// A column of a kind that an option asks for.
fn by_option(kind: &Kind, source: &Source, option: &str) -> Result<Arc<dyn Column>> {
    match &kind.by_option {
        Some(by_option) => (by_option.column)(source, option),
        None => Err(Error::internal(format!(
            "no option asks for a column of the kind {}",
            kind.name
        ))),
    }
}

/// What a column is when no option names it; no input where it is NULL in every row.
fn by_type(source: &Source) -> Result<(Option<Arc<dyn Column>>, String)> {
    for kind in ALL {
        if let Some((column, reason)) = (kind.infer)(source)? {
            return Ok((Some(column), reason));
        }
    }
    let (name, data_type) = (source.name, source.data_type);
    Err(Error::plan(match Class::of(data_type) {
        Class::Null => return Ok((None, "NULL in every row".into())),
        Class::List => format!(
            "column \"{name}\" is of type {data_type}: sequences can't be used as features so far; leave it out with exclude_cols = ['{name}']"
        ),
        _ => format!(
            "column \"{name}\" is of type {data_type}, which can't be used as a feature; leave it out with exclude_cols = ['{name}']"
        ),
    }))
}

#[cfg(test)]
#[path = "infer_tests.rs"]
mod tests;
