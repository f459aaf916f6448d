use std::sync::Arc;

use arrow::datatypes::{Field, TimeUnit};

use super::*;

/// Kind and reason of a column of this name and type.
fn decide(name: &str, data_type: DataType, change: impl Fn(&mut ColumnOptions)) -> (Kind, String) {
    let schema = Schema::new(vec![
        Field::new(name, data_type, true),
        Field::new("other", DataType::Float64, true),
        Field::new("click", DataType::Boolean, true),
    ]);
    let mut options = ColumnOptions {
        labels: vec!["click".into()],
        ..ColumnOptions::default()
    };
    change(&mut options);
    let column = infer(&schema, &options).unwrap().columns.remove(0);
    (column.kind, column.reason)
}

#[test]
fn encodings_follow_types_and_say_why() {
    let dictionary = |v| DataType::Dictionary(Box::new(DataType::Int8), Box::new(v));
    let vector = DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), 8);
    for (name, data_type, kind, reason) in [
        ("x", DataType::Utf8View, Kind::Category, "text"),
        ("x", DataType::Boolean, Kind::Category, "boolean"),
        ("x", dictionary(DataType::Utf8), Kind::Category, "text"),
        (
            "x",
            dictionary(DataType::Int64),
            Kind::Category,
            "dictionary",
        ),
        ("x", DataType::UInt8, Kind::Number, "integer"),
        (
            "user_id",
            DataType::Int32,
            Kind::Category,
            "integer named *_id",
        ),
        (
            "USER_ID",
            DataType::UInt64,
            Kind::Category,
            "integer named *_id",
        ),
        ("user_id", DataType::Float64, Kind::Number, "number"),
        ("valid", DataType::Int32, Kind::Number, "integer"),
        ("x", DataType::Float16, Kind::Number, "number"),
        ("x", DataType::Decimal128(10, 2), Kind::Number, "number"),
        ("x", DataType::Date32, Kind::Time, "date or timestamp"),
        (
            "x",
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            Kind::Time,
            "date or timestamp",
        ),
        (
            "x",
            DataType::Time64(TimeUnit::Nanosecond),
            Kind::Time,
            "time of day",
        ),
        (
            "x",
            DataType::Duration(TimeUnit::Second),
            Kind::Number,
            "duration in seconds",
        ),
        ("x", vector, Kind::Vector(8), "list of fixed length"),
        ("x", DataType::Null, Kind::Ignored, "NULL in every row"),
    ] {
        assert_eq!(decide(name, data_type, |_| {}), (kind, reason.to_string()));
    }
}

#[test]
fn options_come_before_types() {
    let float = DataType::Float64;
    let listed = |o: &str| format!("listed in {o}");
    assert_eq!(
        decide("x", float.clone(), |o| o.categorical_cols =
            vec!["X".into()]),
        (Kind::Category, listed("categorical_cols"))
    );
    assert_eq!(
        decide("a_id", DataType::Int64, |o| o.numeric_cols =
            vec!["a_id".into()]),
        (Kind::Number, listed("numeric_cols"))
    );
    assert_eq!(
        decide("x", DataType::Binary, |o| o.exclude_cols = vec!["x".into()]),
        (Kind::Ignored, listed("exclude_cols"))
    );
    assert_eq!(
        decide("x", float.clone(), |o| o.scenario_col = Some("x".into())),
        (Kind::Category, "scenario_col".into())
    );
    assert_eq!(
        decide("x", float.clone(), |o| {
            o.user_col = Some("x".into());
            o.categorical_cols = vec!["x".into()];
        }),
        (Kind::Category, "user_col".into())
    );
    assert_eq!(
        decide("x", float, |o| o.split_col = Some("x".into())),
        (Kind::Split, "data_split_col".into())
    );
}
