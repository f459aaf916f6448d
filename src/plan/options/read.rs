//! The readers of options' values. Each says what it expects where it gets something else.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::device::{Choice, Precision};
use crate::feature::{NumericEncoding, NumericEncodings};
use crate::gan;
use crate::image::png;
use crate::model::interaction as interactions;
use crate::train::optimizer::Optimizer;
use crate::train::weighting;

/// A value, or what was expected.
pub type Read<T> = Result<T, String>;

pub fn text(value: &Value) -> Read<String> {
    value
        .as_str()
        .map(str::to_string)
        .ok_or_else(|| "expected a string".into())
}

pub fn optional_text(value: &Value) -> Read<Option<String>> {
    text(value).map(Some)
}

/// An array of names, or one name.
pub fn names(value: &Value) -> Read<Vec<String>> {
    let wrong = || "expected an array of column names".to_string();
    match value {
        Value::String(name) => Ok(vec![name.clone()]),
        Value::Array(values) => values
            .iter()
            .map(|v| v.as_str().map(str::to_string).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

/// An array of texts, or one text.
pub fn texts(value: &Value) -> Read<Vec<String>> {
    names(value).map_err(|_| "expected an array of strings".into())
}

pub fn text_map(value: &Value) -> Read<BTreeMap<String, String>> {
    serde_json::from_value(value.clone())
        .map_err(|_| "expected a struct of strings, as in {'buy': 'binary'}".into())
}

/// The name of an encoding, or a struct of such names by column.
pub fn numeric_encoding(value: &Value) -> Read<NumericEncodings> {
    let wrong = || {
        "expected the name of an encoding, or a struct of them, as in {'price': 'log'}".to_string()
    };
    let encoding = |value: &Value| {
        let name = value.as_str().ok_or_else(wrong)?;
        NumericEncoding::parse(name).map_err(|e| e.to_string())
    };
    let Value::Object(columns) = value else {
        return encoding(value).map(NumericEncodings::All);
    };
    let columns = columns
        .iter()
        .map(|(name, value)| Ok((name.clone(), encoding(value)?)));
    columns.collect::<Read<_>>().map(NumericEncodings::ByColumn)
}

pub fn count<T: TryFrom<i64>>(value: &Value) -> Read<T> {
    value
        .as_i64()
        .filter(|&n| n >= 1)
        .and_then(|n| T::try_from(n).ok())
        .ok_or_else(|| "expected a whole number from 1".into())
}

pub fn up_to<T: TryFrom<i64>>(value: &Value, most: i64) -> Read<T> {
    let fits = value.as_i64().is_none_or(|n| n <= most);
    match count(value) {
        Ok(n) if fits => Ok(n),
        _ => Err(format!("expected a whole number from 1 to {most}")),
    }
}

pub fn optional_count<T: TryFrom<i64>>(value: &Value) -> Read<Option<T>> {
    count(value).map(Some)
}

pub fn seed(value: &Value) -> Read<u64> {
    value
        .as_u64()
        .ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
}

/// An array of widths, or one width; an empty array means no layers.
pub fn widths(value: &Value) -> Read<Vec<i64>> {
    let wrong = "expected an array of whole numbers from 1 to 65536";
    let values = match value {
        Value::Array(values) => values.clone(),
        other => vec![other.clone()],
    };
    values
        .iter()
        .map(|v| {
            count(v)
                .ok()
                .filter(|n| *n <= 65_536)
                .ok_or_else(|| wrong.into())
        })
        .collect()
}

pub fn float(value: &Value, what: &str, ok: impl Fn(f64) -> bool) -> Read<f64> {
    let number = value.as_f64().filter(|n| n.is_finite() && ok(*n));
    number.ok_or_else(|| format!("expected {what}"))
}

pub fn positive(value: &Value) -> Read<f64> {
    float(value, "a number above 0", |n| n > 0.)
}

pub fn optional_positive(value: &Value) -> Read<Option<f64>> {
    positive(value).map(Some)
}

pub fn not_negative(value: &Value) -> Read<f64> {
    float(value, "a number from 0", |n| n >= 0.)
}

pub fn share(value: &Value) -> Read<f64> {
    float(value, "a number from 0 to below 1", |n| {
        (0. ..1.).contains(&n)
    })
}

pub fn fraction(value: &Value) -> Read<f64> {
    float(value, "a number above 0 and below 1", |n| n > 0. && n < 1.)
}

pub fn image_size(value: &Value) -> Read<Vec<usize>> {
    let sides = widths(value).ok().filter(|sides| {
        let longest = png::MAX_SIDE as i64;
        sides.len() == 2 && sides.iter().all(|&side| side <= longest)
    });
    let sides = sides.ok_or("expected [height, width] in pixels, as in [28, 28]")?;
    Ok(sides.into_iter().map(|side| side as usize).collect())
}

pub fn boolean(value: &Value) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| "expected true or false".into())
}

pub fn model_type(value: &Value) -> Read<String> {
    let name = text(value)?.to_lowercase();
    gan::check_model_type(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

pub fn optimizer(value: &Value) -> Read<Optimizer> {
    Optimizer::parse(&text(value)?.to_lowercase()).map_err(|e| e.to_string())
}

pub fn arch(value: &Value) -> Read<String> {
    let name = text(value)?.to_lowercase();
    gan::image::find(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

pub fn interaction(value: &Value) -> Read<String> {
    let name = text(value)?;
    interactions::find(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

pub fn loss_weighting(value: &Value) -> Read<String> {
    let name = text(value)?.to_lowercase();
    weighting::find(&name).map_err(|e| e.to_string())?;
    Ok(name)
}

/// A weight for each class of some tasks.
pub fn class_weights(value: &Value) -> Read<BTreeMap<String, BTreeMap<String, f64>>> {
    let weights: BTreeMap<String, BTreeMap<String, f64>> = serde_json::from_value(value.clone())
        .map_err(|_| "expected a struct of structs, as in {'click': {'1': 5.0}}")?;
    let all = || weights.values().flat_map(BTreeMap::values);
    match all().all(|weight| *weight >= 0.) {
        true => Ok(weights),
        false => Err("expected weights from 0".into()),
    }
}

/// Weights in task order; those given by name are put in order when the labels are known.
pub fn loss_weights(value: &Value) -> Read<Vec<f64>> {
    let wrong = "expected a number from 0 for each task, as in {'click': 1.0}";
    let values: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => return Err(wrong.into()),
    };
    values
        .into_iter()
        .map(|v| not_negative(v).map_err(|_| wrong.to_string()))
        .collect()
}

pub fn split_method(value: &Value) -> Read<String> {
    const METHODS: [&str; 5] = ["auto_split", "random", "seq", "custom", "no_split"];
    let name = text(value)?.to_lowercase();
    if METHODS.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(format!("expected one of {}", METHODS.join(", ")))
}

pub fn precision(value: &Value) -> Read<Option<String>> {
    let text = text(value)?;
    text.parse::<Precision>().map_err(|e| e.to_string())?;
    Ok(Some(text))
}

pub fn device(value: &Value) -> Read<Option<String>> {
    let name = text(value)?;
    name.parse::<Choice>().map_err(|e| e.to_string())?;
    Ok(Some(name))
}
