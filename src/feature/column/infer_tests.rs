use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::*;

/// Kind and reason of a column of this name and type, `none` for what is no input.
fn decide(
    name: &str,
    data_type: DataType,
    change: impl Fn(&mut ColumnOptions),
) -> (String, String) {
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
    let kind = column
        .kind
        .map(|input| format!("{}{}", input.kind().name, input.settings()));
    let kind = kind.unwrap_or_else(|| "none".into());
    (kind.replace("null", ""), column.reason)
}

#[test]
fn encodings_follow_types_and_say_why() {
    let dictionary = |v| DataType::Dictionary(Box::new(DataType::Int8), Box::new(v));
    let vector = DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Float32, true)), 8);
    for (name, data_type, kind, reason) in [
        ("x", DataType::Utf8View, "category", "text"),
        ("x", DataType::Boolean, "category", "boolean"),
        ("x", dictionary(DataType::Utf8), "category", "text"),
        ("x", dictionary(DataType::Int64), "category", "dictionary"),
        ("x", DataType::UInt8, "number", "integer"),
        ("user_id", DataType::Int32, "category", "integer named *_id"),
        (
            "USER_ID",
            DataType::UInt64,
            "category",
            "integer named *_id",
        ),
        ("user_id", DataType::Float64, "number", "number"),
        ("valid", DataType::Int32, "number", "integer"),
        ("x", DataType::Float16, "number", "number"),
        ("x", DataType::Decimal128(10, 2), "number", "number"),
        ("x", DataType::Date32, "time", "date or timestamp"),
        (
            "x",
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            "time",
            "date or timestamp",
        ),
        (
            "x",
            DataType::Time64(TimeUnit::Nanosecond),
            "time",
            "time of day",
        ),
        (
            "x",
            DataType::Duration(TimeUnit::Second),
            "number",
            "duration in seconds",
        ),
        ("x", vector, "vector8", "list of fixed length"),
        ("x", DataType::Null, "none", "NULL in every row"),
    ] {
        assert_eq!(
            decide(name, data_type, |_| {}),
            (kind.to_string(), reason.to_string())
        );
    }
}

#[test]
fn options_come_before_types() {
    let float = DataType::Float64;
    let listed = |o: &str| format!("listed in {o}");
    assert_eq!(
        decide("x", float.clone(), |o| o.categorical_cols =
            vec!["X".into()]),
        ("category".into(), listed("categorical_cols"))
    );
    assert_eq!(
        decide("a_id", DataType::Int64, |o| o.numeric_cols =
            vec!["a_id".into()]),
        ("number".into(), listed("numeric_cols"))
    );
    assert_eq!(
        decide("x", DataType::Binary, |o| o.exclude_cols = vec!["x".into()]),
        ("none".into(), listed("exclude_cols"))
    );
    assert_eq!(
        decide("x", float.clone(), |o| o.scenario_col = Some("x".into())),
        ("category".into(), "scenario_col".into())
    );
    assert_eq!(
        decide("x", float.clone(), |o| {
            o.user_col = Some("x".into());
            o.categorical_cols = vec!["x".into()];
        }),
        ("category".into(), "user_col".into())
    );
    assert_eq!(
        decide("x", float, |o| o.split_col = Some("x".into())),
        ("none".into(), "data_split_col".into())
    );
}
