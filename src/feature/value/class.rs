//! What a column's values are, apart from the physical type that carries them.

use std::fmt;

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

/// Kinds of values; types of one class can stand in for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Every value is NULL.
    Null,
    /// Texts.
    Text,
    /// Integers, floats, decimals and booleans.
    Number,
    /// Dates and timestamps.
    Date,
    /// Times of day.
    Time,
    /// Durations and intervals.
    Duration,
    /// So many numbers a row.
    Vector(usize),
    /// Lists of any length.
    List,
    /// Bytes.
    Bytes,
    /// Nothing a feature can be made of.
    Unusable,
}

impl Class {
    /// The class of a type.
    pub fn of(data_type: &DataType) -> Self {
        use DataType as D;
        match data_type {
            D::Null => Self::Null,
            D::Utf8 | D::LargeUtf8 | D::Utf8View => Self::Text,
            D::Boolean => Self::Number,
            t if t.is_integer() || t.is_floating() || t.is_decimal() => Self::Number,
            D::Date32 | D::Date64 | D::Timestamp(_, _) => Self::Date,
            D::Time32(_) | D::Time64(_) => Self::Time,
            D::Duration(_) | D::Interval(_) => Self::Duration,
            D::Dictionary(_, values) => match Self::of(values) {
                Self::Vector(_) | Self::List | Self::Bytes => Self::Unusable,
                class => class,
            },
            D::FixedSizeList(item, len) => {
                let number = Self::of(item.data_type()) == Self::Number;
                match usize::try_from(*len) {
                    Ok(len) if len > 0 && number => Self::Vector(len),
                    _ => Self::Unusable,
                }
            }
            D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => Self::Bytes,
            D::List(_) | D::LargeList(_) | D::ListView(_) | D::LargeListView(_) => Self::List,
            _ => Self::Unusable,
        }
    }

    /// One value a row that can be told apart from others.
    pub fn is_scalar(self) -> bool {
        !matches!(
            self,
            Self::Vector(_) | Self::List | Self::Bytes | Self::Unusable
        )
    }

    /// Whether a column of class `given` can be read where this class was trained.
    pub fn accepts(self, given: Self) -> bool {
        self == given || given == Self::Null || (self == Self::Null && given.is_scalar())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULLs"),
            Self::Text => f.write_str("text"),
            Self::Number => f.write_str("numbers"),
            Self::Date => f.write_str("dates or timestamps"),
            Self::Time => f.write_str("times of day"),
            Self::Duration => f.write_str("durations"),
            Self::Vector(len) => write!(f, "vectors of {len} numbers"),
            Self::List => f.write_str("lists"),
            Self::Bytes => f.write_str("bytes"),
            Self::Unusable => f.write_str("values of a type that can't be used"),
        }
    }
}

/// The type of a dictionary's values, else the type itself.
pub(crate) fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => value_type(values),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, IntervalUnit, TimeUnit};

    use super::*;

    #[test]
    fn types_of_one_class_stand_in_for_each_other() {
        let dictionary = |v| DataType::Dictionary(Box::new(DataType::Int8), Box::new(v));
        let vector = |t, n| DataType::FixedSizeList(Arc::new(Field::new("item", t, true)), n);
        for (data_type, class) in [
            (DataType::Utf8View, Class::Text),
            (dictionary(DataType::LargeUtf8), Class::Text),
            (dictionary(DataType::Int64), Class::Number),
            (DataType::Boolean, Class::Number),
            (DataType::Decimal256(40, 2), Class::Number),
            (DataType::Float16, Class::Number),
            (
                DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
                Class::Date,
            ),
            (DataType::Interval(IntervalUnit::DayTime), Class::Duration),
            (vector(DataType::Float32, 3), Class::Vector(3)),
            (vector(DataType::Utf8, 3), Class::Unusable),
            (vector(DataType::Float32, 0), Class::Unusable),
            (DataType::Binary, Class::Bytes),
        ] {
            assert_eq!(Class::of(&data_type), class, "{data_type}");
        }
        assert!(Class::Number.accepts(Class::Null));
        assert!(!Class::Number.accepts(Class::Text));
        assert!(!Class::Vector(3).accepts(Class::Vector(4)));
    }
}
