//! Decides from a schema and the options what every column is for, and says why.

use arrow::datatypes::{DataType, Schema};

use super::pixels;
use super::spec::{
    Bounds, ColumnOptions, ColumnSpec, EncoderSpec, Kind, Role, find_name, name_list,
};
use crate::error::{Error, Result};
use crate::feature::column::number::encoding::{NumericEncoding, NumericEncodings};
use crate::feature::rows::layout::Task;
use crate::feature::value::class::{Class, value_type};
use crate::feature::value::label::task_kind;

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

#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Role(Role),
    Category,
    Number,
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
        for (names, option, asks) in [
            (
                &options.exclude_cols,
                "exclude_cols",
                Ask::Role(Role::Excluded),
            ),
            (&options.categorical_cols, "categorical_cols", Ask::Category),
            (&options.numeric_cols, "numeric_cols", Ask::Number),
        ] {
            for name in names {
                named.add(schema, name, option, asks)?;
            }
        }
        match &options.numeric_encoding {
            NumericEncodings::All(encoding) => named.encodings.fill(*encoding),
            NumericEncodings::ByColumn(columns) => {
                for (name, encoding) in columns {
                    let at = named.add(schema, name, "numeric_encoding", Ask::Number)?;
                    named.encodings[at] = *encoding;
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
        let (kind, reason) = match role {
            Some((Role::Label, option)) => (Kind::Label, option.to_string()),
            Some((Role::Split, option)) => (Kind::Split, option.to_string()),
            Some((Role::Excluded, option)) => (Kind::Ignored, format!("listed in {option}")),
            Some((_, option)) => (category(name, data_type, option)?, option.to_string()),
            None => match uses.first() {
                Some(u) if u.asks == Ask::Category => (
                    category(name, data_type, u.option)?,
                    format!("listed in {}", u.option),
                ),
                Some(u) => (
                    number(name, data_type, u.option)?,
                    format!("listed in {}", u.option),
                ),
                None if options.reads_images => pixels::infer(name, data_type, options)?,
                None => by_type(name, data_type)?,
            },
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
        (Ask::Category, Ask::Role(role)) | (Ask::Role(role), Ask::Category) => !is_input(role),
        _ => a != b,
    }
}

fn category(name: &str, data_type: &DataType, option: &str) -> Result<Kind> {
    if Class::of(data_type).is_scalar() {
        return Ok(Kind::Category);
    }
    Err(Error::plan(format!(
        "column \"{name}\" in {option} is of type {data_type}: a category needs one text, number, boolean or time per row"
    )))
}

fn number(name: &str, data_type: &DataType, option: &str) -> Result<Kind> {
    match Class::of(data_type) {
        Class::Number | Class::Duration | Class::Null => Ok(Kind::Number),
        _ => Err(Error::plan(format!(
            "column \"{name}\" in {option} is of type {data_type}: only numbers, booleans and durations can be read as a number"
        ))),
    }
}

/// What a column is when no option names it.
fn by_type(name: &str, data_type: &DataType) -> Result<(Kind, String)> {
    let decision = match Class::of(data_type) {
        Class::Null => (Kind::Ignored, "NULL in every row"),
        Class::List => {
            return Err(Error::plan(format!(
                "column \"{name}\" is of type {data_type}: sequences can't be used as features so far; leave it out with exclude_cols = ['{name}']"
            )));
        }
        Class::Bytes | Class::Unusable => {
            return Err(Error::plan(format!(
                "column \"{name}\" is of type {data_type}, which can't be used as a feature; leave it out with exclude_cols = ['{name}']"
            )));
        }
        Class::Vector(len) => (Kind::Vector(len), "list of fixed length"),
        Class::Date => (Kind::Time, "date or timestamp"),
        Class::Time => (Kind::Time, "time of day"),
        Class::Text => (Kind::Category, "text"),
        _ if matches!(data_type, DataType::Dictionary(_, _)) => (Kind::Category, "dictionary"),
        _ if *data_type == DataType::Boolean => (Kind::Category, "boolean"),
        Class::Number if is_id(name, data_type) => (Kind::Category, "integer named *_id"),
        Class::Duration => (Kind::Number, "duration in seconds"),
        Class::Number if data_type.is_integer() => (Kind::Number, "integer"),
        Class::Number => (Kind::Number, "number"),
    };
    Ok((decision.0, decision.1.to_string()))
}

fn is_id(name: &str, data_type: &DataType) -> bool {
    value_type(data_type).is_integer() && name.to_lowercase().ends_with("_id")
}

#[cfg(test)]
#[path = "infer_tests.rs"]
mod tests;
