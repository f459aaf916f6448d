//! Which rows are held back for evaluation.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};

use crate::error::{Error, Result};
use crate::feature::column::spec::{EncoderSpec, Role};
use crate::feature::value::class::{Class, value_type};
use crate::feature::value::number::{self, float_key};

/// How rows are divided into training and evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum SplitMethod {
    /// None below 500 rows, a random fifth up to 50,000, beyond that 10,000 random rows.
    #[default]
    Auto,
    /// A random fraction is held back.
    Random {
        /// Between 0 and 1.
        fraction: f64,
    },
    /// The fraction with the largest values of the split column is held back; NULL counts as the
    /// smallest.
    Seq {
        /// Between 0 and 1.
        fraction: f64,
    },
    /// Rows whose BOOLEAN split column is TRUE or NULL are held back.
    Custom,
    /// Nothing is held back.
    None,
}

/// Below so many rows nothing is held back.
const SMALLEST_SPLIT: u64 = 500;
/// Up to so many rows a fifth is held back.
const LARGEST_FRACTION_SPLIT: u64 = 50_000;
const AUTO_FRACTION: f64 = 0.2;
const AUTO_ROWS: u64 = 10_000;

impl SplitMethod {
    /// Checks the fraction and the split column's type; says whether a column decides.
    ///
    /// # Errors
    /// `Plan` for a fraction outside of 0 to 1, and a missing or unfit split column.
    pub(crate) fn check(self, spec: &EncoderSpec) -> Result<bool> {
        if let Self::Random { fraction } | Self::Seq { fraction } = self
            && !(fraction > 0.0 && fraction < 1.0)
        {
            return Err(Error::plan(format!(
                "data_split_eval_fraction is {fraction}; it has to lie between 0 and 1"
            )));
        }
        let method = match self {
            Self::Seq { .. } => "seq",
            Self::Custom => "custom",
            _ => return Ok(false),
        };
        let column = spec.role_column(Role::Split).ok_or_else(|| {
            Error::plan(format!("data_split_method '{method}' needs data_split_col"))
        })?;
        let boolean = column.data_type == DataType::Boolean.to_string();
        let fits = match self {
            Self::Custom => boolean,
            _ => matches!(column.class, Class::Number | Class::Date | Class::Time) && !boolean,
        };
        if fits {
            return Ok(true);
        }
        let needs = if self == Self::Custom {
            "BOOLEAN"
        } else {
            "a number, date or timestamp"
        };
        Err(Error::plan(format!(
            "data_split_col \"{}\" is of type {}; data_split_method '{method}' needs {needs}",
            column.name, column.data_type
        )))
    }
}

/// Replaces `out` by numbers in the order of the values; NULL is 0 and smaller than any value.
///
/// # Errors
/// `Plan` for a type without an order of time or size.
pub(crate) fn read_keys(array: &ArrayRef, out: &mut Vec<u64>) -> Result<()> {
    use DataType as D;
    out.clear();
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        return read_keys(&cast(array, dictionary.values().data_type())?, out);
    }
    let data_type = value_type(array.data_type());
    match data_type {
        D::Null => out.resize(array.len(), 0),
        D::UInt64 => {
            let values = array.as_primitive::<UInt64Type>();
            out.extend(values.iter().map(|v| v.map_or(0, |v| v.max(1))));
        }
        D::Time32(_) | D::Date32 => return read_keys(&cast(array, &D::Int32)?, out),
        t if t.is_integer() || matches!(t, D::Date64 | D::Timestamp(_, _) | D::Time64(_)) => {
            let values = cast(array, &D::Int64)?;
            let key = |v: i64| ((v as u64) ^ (1 << 63)).max(1);
            out.extend(
                values
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|v| v.map_or(0, key)),
            );
        }
        t if Class::of(t) == Class::Number => {
            let mut numbers = Vec::new();
            number::read(array, &mut numbers)?;
            out.extend(
                numbers
                    .iter()
                    .map(|v| if v.is_nan() { 0 } else { float_key(*v) }),
            );
        }
        other => return Err(Error::plan(format!("rows can't be ordered by {other}"))),
    }
    Ok(())
}

/// The decision about a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    /// All rows are for training.
    AllTrain,
    /// Rows with at least this hash are held back.
    Hash(u64),
    /// Rows with at least this key are held back.
    Key(u64),
    /// Rows with key 0 (NULL) or `TRUE_KEY` are held back.
    Flag,
}

/// Key of TRUE, as `read_keys` has it for the number 1.
const TRUE_KEY: u64 = 0xBFF0_0000_0000_0000;

impl Rule {
    /// Whether the row with this hash and key is held back.
    #[inline(always)]
    pub(crate) fn is_eval(self, hash: u64, key: u64) -> bool {
        match self {
            Self::AllTrain => false,
            Self::Hash(threshold) => hash >= threshold,
            Self::Key(threshold) => key >= threshold,
            Self::Flag => key == 0 || key == TRUE_KEY,
        }
    }
}

/// How many rows a method holds back, out of `rows`.
pub(crate) fn eval_rows(method: SplitMethod, rows: u64) -> u64 {
    let share = |fraction: f64| {
        let wanted = (rows as f64 * fraction).round() as u64;
        wanted.clamp(1, rows.saturating_sub(1).max(1))
    };
    match method {
        SplitMethod::Auto if rows < SMALLEST_SPLIT => 0,
        SplitMethod::Auto if rows <= LARGEST_FRACTION_SPLIT => share(AUTO_FRACTION),
        SplitMethod::Auto => AUTO_ROWS,
        SplitMethod::Random { fraction } | SplitMethod::Seq { fraction } => share(fraction),
        SplitMethod::Custom | SplitMethod::None => 0,
    }
}

/// From which key on rows are held back, so that it is about `wanted` of `rows` and equal keys
/// stay together; `None` when all keys are the same.
///
/// `visit` hands over every key, each time in any order.
///
/// # Errors
/// What `visit` returns.
pub(crate) fn threshold(
    wanted: u64,
    rows: u64,
    range: (u64, u64),
    visit: impl FnMut(&mut dyn FnMut(u64)) -> Result<()>,
) -> Result<Option<u64>> {
    let rank = nth_largest(wanted, range, visit)?;
    // Either all rows with this key are held back or none of them, whichever comes closer.
    let with = rank.above + rank.equal;
    let takes_all = with >= rows;
    let without = rank.key.checked_add(1).filter(|_| rank.above > 0);
    Ok(match without {
        Some(next) if takes_all || wanted - rank.above < with - wanted => Some(next),
        _ if takes_all => None,
        _ => Some(rank.key),
    })
}

/// A key and how many others there are.
struct Rank {
    key: u64,
    above: u64,
    equal: u64,
}

/// Bins of a pass over the keys.
const BINS: usize = 1 << 16;
/// So many keys are sorted instead of counted once more.
const FEW: u64 = 1 << 20;

fn nth_largest(
    n: u64,
    (mut low, mut high): (u64, u64),
    mut visit: impl FnMut(&mut dyn FnMut(u64)) -> Result<()>,
) -> Result<Rank> {
    let mut above = 0;
    let mut bins = vec![0u64; BINS];
    loop {
        let width = (high - low) / BINS as u64 + 1;
        bins.fill(0);
        visit(&mut |key| {
            if key >= low && key <= high {
                bins[((key - low) / width) as usize] += 1;
            }
        })?;
        let mut at = BINS;
        let mut equal = 0;
        while at > 0 && above + equal < n {
            at -= 1;
            above += equal;
            equal = bins[at];
        }
        (low, high) = bin_range(low, high, at as u64, width);
        if low == high {
            return Ok(Rank {
                key: low,
                above,
                equal,
            });
        }
        if equal <= FEW {
            break;
        }
    }
    let mut keys = Vec::new();
    visit(&mut |key| {
        if key >= low && key <= high {
            keys.push(key);
        }
    })?;
    let at = (n - above - 1) as usize;
    let (_, key, _) = keys.select_nth_unstable_by(at, |a, b| b.cmp(a));
    let key = *key;
    let count = |wanted: fn(&u64, u64) -> bool| keys.iter().filter(|k| wanted(k, key)).count();
    Ok(Rank {
        key,
        above: above + count(|k, key| *k > key) as u64,
        equal: count(|k, key| *k == key) as u64,
    })
}

/// Smallest and largest key of a bin.
fn bin_range(low: u64, high: u64, bin: u64, width: u64) -> (u64, u64) {
    let from = low + bin * width;
    (from, from.saturating_add(width - 1).min(high))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int32Array, TimestampSecondArray};

    use super::*;

    fn keys(array: impl Array + 'static) -> Vec<u64> {
        let mut out = Vec::new();
        read_keys(&(Arc::new(array) as ArrayRef), &mut out).unwrap();
        out
    }

    #[test]
    fn keys_have_the_order_of_the_values() {
        for keys in [
            keys(Float64Array::from(vec![
                None,
                Some(-1e9),
                Some(-0.5),
                Some(0.0),
                Some(3.0),
            ])),
            keys(Int32Array::from(vec![None, Some(-7), Some(0), Some(7)])),
            keys(TimestampSecondArray::from(vec![None, Some(-1), Some(1)])),
        ] {
            assert_eq!(keys[0], 0);
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        }
        let flags = keys(BooleanArray::from(vec![Some(true), Some(false), None]));
        let held_back: Vec<_> = flags.iter().map(|k| Rule::Flag.is_eval(0, *k)).collect();
        assert_eq!(held_back, [true, false, true]);
    }

    fn choose(keys: &[u64], wanted: u64) -> Option<u64> {
        let range = (*keys.iter().min().unwrap(), *keys.iter().max().unwrap());
        threshold(wanted, keys.len() as u64, range, |f| {
            keys.iter().for_each(|k| f(*k));
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn holds_back_the_largest_and_keeps_ties_together() {
        let wide: Vec<_> = (0..1000u64).map(|i| i << 50).collect();
        assert_eq!(choose(&wide, 200), Some(800 << 50));
        assert_eq!(choose(&[1, 2, 3, 4, 5], 1), Some(5));
        assert_eq!(choose(&[1, 2, 2, 2, 3], 2), Some(3));
        assert_eq!(choose(&[1, 2, 2, 3, 4], 3), Some(2));
        assert_eq!(choose(&[1, 1, 1, 1, 2], 2), Some(2));
        assert_eq!(choose(&[1, 2, 2, 2, 2], 1), Some(2));
        assert_eq!(choose(&[0, u64::MAX, u64::MAX], 1), Some(u64::MAX));
        assert_eq!(choose(&[5, 5, 5], 1), None);
    }

    #[test]
    fn narrows_down_many_equal_bins() {
        let mut keys: Vec<_> = (0..1_200_000u64).map(|i| i % 3).collect();
        keys.push(u64::MAX);
        assert_eq!(choose(&keys, 400_001), Some(2));
    }

    #[test]
    fn rows_held_back_by_number_of_rows() {
        assert_eq!(eval_rows(SplitMethod::Auto, 499), 0);
        assert_eq!(eval_rows(SplitMethod::Auto, 500), 100);
        assert_eq!(eval_rows(SplitMethod::Auto, 50_000), 10_000);
        assert_eq!(eval_rows(SplitMethod::Auto, 1_000_000), 10_000);
        assert_eq!(eval_rows(SplitMethod::Random { fraction: 0.1 }, 3), 1);
        assert_eq!(eval_rows(SplitMethod::Seq { fraction: 0.99 }, 3), 2);
    }
}
