//! Rules for values: types, NULL, NaN, infinity, unseen.

use arrow::array::{
    Array, Decimal128Array, DictionaryArray, Float32Array, Int8Array, Int32Array, LargeStringArray,
    NullArray, Time32SecondArray, UInt16Array, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int8Type, Int32Type, TimeUnit};

use super::*;

/// Fits one feature `x` and returns the encoder.
fn fit_one(x: ArrayRef, options: impl Fn(&mut ColumnOptions)) -> Encoder {
    let click = BooleanArray::from_iter((0..x.len()).map(|v| Some(v % 2 == 0)));
    let mut columns = labels(&["click"]);
    options(&mut columns);
    let log = batch(vec![("x", x), ("click", Arc::new(click))]);
    fit(&log, &columns, no_split()).unwrap().encoder
}

fn as_category(columns: &mut ColumnOptions) {
    columns.categorical_cols = vec!["x".into()];
}

fn ids(encoder: &Encoder, x: ArrayRef) -> Vec<i32> {
    encode(encoder, &batch(vec![("x", x)])).unwrap().0.ids
}

fn dense(encoder: &Encoder, x: ArrayRef) -> Vec<f32> {
    encode(encoder, &batch(vec![("x", x)])).unwrap().0.dense
}

#[test]
fn numbers_are_categories_by_value() {
    let trained: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), Some(2), Some(-7), None]));
    let encoder = fit_one(trained.clone(), as_category);
    let expected = [2, 2, 3, 1];
    assert_eq!(ids(&encoder, trained.clone()), expected);
    for data_type in [
        DataType::Int8,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(10, 3),
        DataType::Decimal64(10, 3),
        DataType::Decimal256(40, 3),
    ] {
        assert_eq!(
            ids(&encoder, cast(&trained, &data_type).unwrap()),
            expected,
            "{data_type}"
        );
    }
    let dictionary = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![Some(0), Some(0), Some(1), None]),
        Arc::new(UInt64Array::from(vec![2, 5])),
    );
    assert_eq!(ids(&encoder, Arc::new(dictionary)), [2, 2, 0, 1]);
    assert_eq!(
        ids(&encoder, Arc::new(UInt16Array::from(vec![2, 7]))),
        [2, 0]
    );
    assert_eq!(ids(&encoder, Arc::new(NullArray::new(2))), [1, 1]);
}

#[test]
fn floats_are_categories_by_value() {
    let nan = f64::NAN;
    let x = Float64Array::from(vec![
        Some(2.0),
        Some(2.5),
        Some(nan),
        None,
        Some(2.0),
        Some(-0.0),
    ]);
    let encoder = fit_one(Arc::new(x), as_category);
    // By count, then by value: 2.0 twice, then 0 and 2.5.
    let again = Float64Array::from(vec![2.0, 0.0, 2.5, nan, f64::INFINITY, 1e300]);
    assert_eq!(ids(&encoder, Arc::new(again)), [2, 3, 4, 1, 0, 0]);
    assert_eq!(
        ids(&encoder, Arc::new(Int64Array::from(vec![2, 0, 1]))),
        [2, 3, 0]
    );
    let decimals = Decimal128Array::from(vec![250, 200])
        .with_precision_and_scale(9, 2)
        .unwrap();
    assert_eq!(ids(&encoder, Arc::new(decimals)), [4, 2]);
}

#[test]
fn large_unsigned_numbers_are_told_apart() {
    let x = UInt64Array::from(vec![u64::MAX, u64::MAX - 1, u64::MAX - 1, 3]);
    let encoder = fit_one(Arc::new(x.clone()), as_category);
    assert_eq!(ids(&encoder, Arc::new(x)), [4, 2, 2, 3]);
}

#[test]
fn texts_are_the_same_in_any_type() {
    let long = "a text of more than twelve bytes";
    let values = vec![
        Some("kurz"),
        Some(long),
        None,
        Some(""),
        Some(long),
        Some("exactly12byt"),
    ];
    let text = StringArray::from(values);
    let encoder = fit_one(Arc::new(text.clone()), |_| {});
    let expected = ids(&encoder, Arc::new(text.clone()));
    assert_eq!(expected, [5, 2, 1, 3, 2, 4]);
    let dictionary = |v| DataType::Dictionary(Box::new(DataType::Int32), Box::new(v));
    for data_type in [
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary(DataType::Utf8),
        dictionary(DataType::LargeUtf8),
    ] {
        let array = cast(&text, &data_type).unwrap();
        assert_eq!(ids(&encoder, array.clone()), expected, "{data_type}");
        assert_eq!(
            ids(&encoder, array.slice(1, 3)),
            expected[1..4],
            "{data_type}"
        );
    }
    let unseen = LargeStringArray::from(vec!["new", "a text that nobody has ever seen", long]);
    let (encoded, stats) = encode(&encoder, &batch(vec![("x", Arc::new(unseen))])).unwrap();
    assert_eq!((encoded.ids, stats.unseen), (vec![0, 0, 2], 2));
}

#[test]
fn a_dictionary_larger_than_the_batch_and_null_values() {
    let values = StringArray::from_iter((0..100).map(|v| (v != 5).then(|| format!("v{v}"))));
    let keys = Int32Array::from(vec![Some(5), Some(7), None, Some(7), Some(9)]);
    let x = DictionaryArray::<Int32Type>::new(keys, Arc::new(values));
    let encoder = fit_one(Arc::new(x.clone()), |_| {});
    assert_eq!(ids(&encoder, Arc::new(x)), [1, 2, 1, 2, 3]);
    assert_eq!(encoder.layout().table_rows, 4);
}

#[test]
fn missing_numbers_are_the_mean_and_flagged() {
    let x = Float64Array::from(vec![Some(1.0), Some(3.0), None, Some(f64::INFINITY)]);
    let encoder = fit_one(Arc::new(x.clone()), |_| {});
    assert_eq!(encoder.layout().dense, ["x", "x (missing)"]);
    assert_eq!(
        dense(&encoder, Arc::new(x)),
        [-1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    );
    let complete = fit_one(Arc::new(Float32Array::from(vec![1.0, 3.0])), |_| {});
    let with_nan = Float32Array::from(vec![f32::NAN, 5.0]);
    assert_eq!(dense(&complete, Arc::new(with_nan)), [0.0, 3.0]);
}

#[test]
fn large_close_numbers_keep_their_difference() {
    let x = Int64Array::from_iter_values((0..4).map(|v| 1_650_000_000_000 + v));
    let encoder = fit_one(Arc::new(x.clone()), |_| {});
    let z = dense(&encoder, Arc::new(x));
    // (0 - 1.5) / sqrt(1.25)
    assert!(
        (z[0] + 1.3416).abs() < 1e-4 && (z[1] + 0.4472).abs() < 1e-4,
        "{z:?}"
    );
}

#[test]
fn times_give_hour_weekday_and_age() {
    let hour = 3600;
    let x = TimestampSecondArray::from(vec![Some(0), Some(25 * hour), Some(25 * hour), None]);
    let encoder = fit_one(Arc::new(x.clone()), |_| {});
    let layout = encoder.layout();
    let names: Vec<_> = layout
        .ids
        .iter()
        .map(|c| (c.name.as_str(), c.cardinality))
        .collect();
    assert_eq!(names, [("x (hour)", 4), ("x (weekday)", 4)]);
    assert_eq!(layout.dense, ["x (age)", "x (missing)"]);
    let (encoded, _) = encode(&encoder, &batch(vec![("x", Arc::new(x.clone()))])).unwrap();
    assert_eq!(encoded.ids, [3, 7, 2, 6, 2, 6, 1, 5]);
    // The oldest has the largest age.
    assert!(encoded.dense[0] > 0.0 && encoded.dense[2] < 0.0);
    let wide = cast(&x, &DataType::Timestamp(TimeUnit::Nanosecond, None)).unwrap();
    let (wide, _) = encode(&encoder, &batch(vec![("x", wide)])).unwrap();
    assert_eq!((wide.ids, wide.dense), (encoded.ids, encoded.dense));
}

#[test]
fn dates_have_no_hour_and_times_of_day_no_weekday() {
    let x = cast(&Int32Array::from(vec![10, 11, 17]), &DataType::Date32).unwrap();
    let encoder = fit_one(x, |_| {});
    let names: Vec<_> = encoder
        .layout()
        .ids
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["x (weekday)"]);
    let encoder = fit_one(
        Arc::new(Time32SecondArray::from(vec![0, 3600, 7300])),
        |_| {},
    );
    let names: Vec<_> = encoder
        .layout()
        .ids
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["x (hour)"]);
    assert_eq!(encoder.layout().dense, ["x (hours)"]);
}

#[test]
fn vectors_are_standardised_element_by_element() {
    let rows = [
        Some(vec![Some(1.0), Some(5.0)]),
        Some(vec![Some(3.0), Some(5.0)]),
        None,
    ];
    let x = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2);
    let encoder = fit_one(Arc::new(x.clone()), |_| {});
    assert_eq!(encoder.layout().dense, ["x[0]", "x[1]", "x (missing)"]);
    let z = dense(&encoder, Arc::new(x));
    assert_eq!(z, [-1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn rare_values_train_the_unknown_id() {
    let x = StringArray::from(vec!["a", "a", "b", "c", "c"]);
    let encoder = fit_one(Arc::new(x.clone()), |c| c.min_count = 2);
    assert_eq!(ids(&encoder, Arc::new(x.clone())), [2, 2, 0, 3, 3]);
    let encoder = fit_one(Arc::new(x.clone()), |c| c.max_vocabulary = Some(1));
    assert_eq!(ids(&encoder, Arc::new(x)), [2, 2, 0, 0, 0]);
}

#[test]
fn many_values_share_ids_by_hash() {
    let x = StringArray::from_iter_values((0..100).map(|v| format!("value {v}")));
    let encoder = fit_one(Arc::new(x.clone()), |c| c.hash_buckets = Some(10));
    assert_eq!(encoder.layout().table_rows, 12);
    let view = cast(&x, &DataType::Utf8View).unwrap();
    assert_eq!(ids(&encoder, Arc::new(x)), ids(&encoder, view));
    let (_, stats) = encode(
        &encoder,
        &batch(vec![("x", Arc::new(StringArray::from(vec!["never seen"])))]),
    )
    .unwrap();
    assert_eq!(stats.unseen, 0);
    assert_eq!(encoder.fitted().feature_info()[0].encoding, "hash");
}

#[test]
fn constant_features_are_left_out_but_not_the_scenario() {
    let n = 4;
    let log = batch(vec![
        ("x", Arc::new(Int64Array::from_iter_values(0..n))),
        ("one", Arc::new(Int64Array::from(vec![1; 4]))),
        ("none", Arc::new(Float64Array::from(vec![None; 4]))),
        ("word", Arc::new(StringArray::from(vec!["w"; 4]))),
        ("null", Arc::new(NullArray::new(4))),
        ("scene", Arc::new(StringArray::from(vec!["home"; 4]))),
        (
            "click",
            Arc::new(Int64Array::from_iter_values((0..n).map(|v| v % 2))),
        ),
    ]);
    let columns = ColumnOptions {
        scenario_col: Some("scene".into()),
        ..labels(&["click"])
    };
    let fitted = fit(&log, &columns, no_split()).unwrap();
    let encoder = fitted.encoder;
    let inputs: Vec<_> = encoder
        .fitted()
        .inputs()
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(inputs, ["x", "scene"]);
    assert_eq!(encoder.layout().scenario, Some(0));
    let info = encoder.fitted().feature_info();
    let reason = |name: &str| {
        info.iter()
            .find(|i| i.column == name)
            .unwrap()
            .reason
            .as_str()
    };
    assert_eq!(
        reason("one"),
        "integer; left out: constant: one value in every training row"
    );
    assert_eq!(
        reason("none"),
        "number; left out: missing in every training row"
    );
    assert_eq!(
        reason("word"),
        "text; left out: constant: one value in every training row"
    );
    assert_eq!(reason("null"), "NULL in every row");
    assert_eq!(
        info.iter().find(|i| i.column == "none").unwrap().nulls,
        Some(4)
    );
    // What was left out is not needed at prediction.
    assert!(encode(&encoder, &log.project(&[0, 5]).unwrap()).is_ok());
}

/// Behind an end of the funnel a NULL is a no, so that a label of yes and NULL alone can be learnt.
#[test]
fn a_funnel_label_of_yes_and_null_is_not_constant() {
    let rows = 40;
    let click = BooleanArray::from_iter((0..rows).map(|i| Some(i % 2 == 0)));
    let buy = BooleanArray::from_iter((0..rows).map(|i| (i % 4 == 0).then_some(true)));
    let x = Int64Array::from_iter_values(0..rows);
    let log = batch(vec![
        ("x", Arc::new(x)),
        ("click", Arc::new(click)),
        ("buy", Arc::new(buy)),
    ]);
    let options = |funnel| FitOptions {
        funnel,
        ..no_split()
    };
    let refused = fit(&log, &labels(&["click", "buy"]), options(vec![]));
    assert!(refused.err().unwrap().to_string().contains("constant"));
    let fitted = fit(&log, &labels(&["click", "buy"]), options(vec![0, 1])).unwrap();
    assert_eq!(fitted.train.labels(1).classes, [20, 10]);
    assert_eq!(fitted.train.labels(1).labelled, 30);
}
