//! Values that some columns are to have in every generated row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use serde_json::{Map, Value};

use super::category::Category;
use super::codec::{Codec, Coding, Column, UnitKind};
use super::value::{cast, to_texts};
use crate::error::{Error, Result};
use crate::feature::column::spec::find_name;
use crate::feature::value::class::{Class, value_type};

/// Values shown in an error.
const SHOWN: usize = 20;

/// What rows may be drawn.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Of each unit the slots that its rows may have; all of them where none are listed.
    pub slots: Vec<Option<Vec<u32>>>,
    /// Columns with one value: its position among the column's.
    exact: Vec<(usize, usize)>,
}

impl Allowed {
    pub(super) fn exact(&self, column: usize) -> Option<usize> {
        let mut exact = self.exact.iter();
        exact.find(|(at, _)| *at == column).map(|(_, value)| *value)
    }
}

impl Codec {
    /// What rows have these values.
    ///
    /// # Errors
    /// `Plan` for an unknown column, one of numbers, a value or a tuple of labels that training has not
    /// seen; each lists what there is.
    pub fn allowed(&self, wanted: &Map<String, Value>) -> Result<Allowed> {
        let mut allowed = Allowed {
            slots: vec![None; self.units.len()],
            exact: Vec::new(),
        };
        for (name, value) in wanted {
            let names = self.columns.iter().map(|c| &c.name[..]);
            let at = find_name(names, name).ok_or_else(|| {
                let known: Vec<_> = self.columns.iter().map(|c| &c.name[..]).collect();
                Error::plan(format!(
                    "unknown column {name:?}; the generator has: {}",
                    known.join(", ")
                ))
            })?;
            let column = &self.columns[at];
            let Coding::Category(category) = &column.coding else {
                return Err(self.not_a_category(column));
            };
            let found = text(value, column)?;
            let found = found.and_then(|text| category.find(text.as_deref()));
            let value = found.ok_or_else(|| never_seen(column, category, value))?;
            allowed.exact.push((at, value));
        }
        for (unit, slots) in self.units.iter().zip(&mut allowed.slots) {
            let exact = |at: usize| {
                let mut exact = allowed.exact.iter();
                exact
                    .find(|(column, _)| *column == at)
                    .map(|(_, value)| *value)
            };
            match &unit.kind {
                UnitKind::Column(at) => {
                    let value = exact(*at).zip(category(&self.columns[*at]));
                    *slots = value.map(|(value, category)| vec![category.slot(value)]);
                }
                UnitKind::Labels { columns, tuples } => {
                    let wanted: Vec<_> = columns.iter().map(|at| exact(*at)).collect();
                    if wanted.iter().all(Option::is_none) {
                        continue;
                    }
                    let fits = |tuple: &Vec<u32>| {
                        let mut pairs = tuple.iter().zip(&wanted);
                        pairs.all(|(slot, value)| value.is_none_or(|value| value == *slot as usize))
                    };
                    let found: Vec<_> = (0..tuples.len() as u32)
                        .filter(|at| fits(&tuples[*at as usize]))
                        .collect();
                    if found.is_empty() {
                        return Err(self.no_tuple(columns, tuples));
                    }
                    *slots = Some(found);
                }
            }
        }
        Ok(allowed)
    }

    fn not_a_category(&self, column: &Column) -> Error {
        let others = self.columns.iter().filter(|c| category(c).is_some());
        let others: Vec<_> = others.map(|c| &c.name[..]).collect();
        Error::plan(format!(
            "column \"{}\" is a number, of which no value can be chosen; columns of categories are: {}",
            column.name,
            others.join(", ")
        ))
    }

    fn no_tuple(&self, columns: &[usize], tuples: &[Vec<u32>]) -> Error {
        let names: Vec<_> = columns
            .iter()
            .map(|at| &self.columns[*at].name[..])
            .collect();
        let shown = tuples.iter().take(SHOWN).map(|tuple| {
            let values = tuple.iter().zip(columns).map(|(slot, at)| {
                let value = category(&self.columns[*at]).and_then(|c| c.values.get(*slot as usize));
                shown(value.and_then(Option::as_deref))
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        });
        Error::plan(format!(
            "no row that the generator has learnt from has these labels together; ({}) can be: {}",
            names.join(", "),
            shown.collect::<Vec<_>>().join(", ")
        ))
    }
}

fn category(column: &Column) -> Option<&Category> {
    match &column.coding {
        Coding::Category(category) => Some(category),
        Coding::Number(_) => None,
    }
}

/// The text of a value as the column's values have it, NULL as none; none at all for what is no value of
/// the column's type.
fn text(value: &Value, column: &Column) -> Result<Option<Option<String>>> {
    let data_type = column.data_type()?;
    let plain = value_type(&data_type);
    let is_number = Class::of(plain) == Class::Number && *plain != DataType::Boolean;
    let text = match value {
        Value::Null => return Ok(Some(None)),
        Value::Bool(value) if is_number => u8::from(*value).to_string(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return Ok(None),
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let Ok(typed) = cast(&texts, plain) else {
        return Ok(None);
    };
    let texts = to_texts(&typed)?;
    Ok(texts.is_valid(0).then(|| Some(texts.value(0).to_string())))
}

fn never_seen(column: &Column, category: &Category, value: &Value) -> Error {
    let all = category.values.len();
    let mut order: Vec<usize> = (0..all).collect();
    if all > SHOWN {
        order.sort_by_key(|at| std::cmp::Reverse(category.counts[*at]));
    }
    let values: Vec<_> = order
        .iter()
        .take(SHOWN)
        .map(|at| readable(column, category.values[*at].as_deref()))
        .collect();
    let what = match all > SHOWN {
        true => format!("the most frequent of {all} are"),
        false => "there are".into(),
    };
    Error::plan(format!(
        "no row that the generator has learnt from has {value} in column \"{}\"; {what}: {}",
        column.name,
        values.join(", ")
    ))
}

fn shown(text: Option<&str>) -> String {
    text.unwrap_or("NULL").to_string()
}

/// A value as SQL shows it: times are stored as numbers.
fn readable(column: &Column, text: Option<&str>) -> String {
    let typed = || {
        let texts = StringArray::from(vec![text]);
        let typed = super::value::from_texts(texts, &column.data_type()?)?;
        let shown = cast(&typed, &DataType::Utf8)?;
        Ok::<_, Error>(shown.as_string::<i32>().value(0).to_string())
    };
    match text {
        None => shown(None),
        Some(text) => typed().unwrap_or_else(|_| text.to_string()),
    }
}
