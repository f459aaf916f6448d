//! Codes of tables: there and back.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int8Array, Int64Array, NullArray, RecordBatch, StringArray, StringViewArray,
    Time64MicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use serde_json::json;

use super::*;
use crate::feature::ColumnOptions;
use crate::random::Draws;

const OPTIONS: CodecOptions = CodecOptions {
    keep: 8,
    groups: 4,
    ordered: false,
    seed: 7,
};

fn fit(
    rows: &RecordBatch,
    options: &ColumnOptions,
    funnel: &[&str],
) -> crate::Result<(Codec, Coded)> {
    let funnel: Vec<_> = funnel.iter().map(|name| name.to_string()).collect();
    let spec = TableSpec::infer(&rows.schema(), options, &funnel)?;
    Codec::fit(&spec, rows, &OPTIONS)
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

fn decode(codec: &Codec, coded: &Coded) -> RecordBatch {
    // As it is read back from a manifest.
    let json = serde_json::to_string(codec).unwrap();
    let codec: Codec = serde_json::from_str(&json).unwrap();
    let decoder = Decoder::new(&codec).unwrap();
    decoder
        .decode(coded, &Allowed::default(), &mut Draws::new(&[1]))
        .unwrap()
}

#[test]
fn every_type_comes_back_as_itself() {
    let n = 400i64;
    let ints = |f: fn(i64) -> i64| -> ArrayRef {
        Arc::new((0..n).map(|i| Some(f(i))).collect::<Int64Array>())
    };
    let texts = |f: fn(i64) -> &'static str| (0..n).map(move |i| (i % 9 > 0).then(|| f(i)));
    let word = |i: i64| ["a", "b", ""][(i % 3) as usize];
    let dictionary: DictionaryArray<Int32Type> = texts(word).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "bool",
            Arc::new((0..n).map(|i| Some(i % 2 == 0)).collect::<BooleanArray>()),
        ),
        (
            "int8",
            Arc::new(
                (0..n)
                    .map(|i| (i % 5 > 0).then_some((i % 100) as i8))
                    .collect::<Int8Array>(),
            ),
        ),
        (
            "uint64",
            Arc::new(
                (0..n)
                    .map(|i| Some(u64::MAX - i as u64))
                    .collect::<UInt64Array>(),
            ),
        ),
        (
            "float32",
            Arc::new(
                (0..n)
                    .map(|i| Some(i as f32 / 10.))
                    .collect::<Float32Array>(),
            ),
        ),
        (
            "float64",
            Arc::new(
                (0..n)
                    .map(|i| Some((i as f64).sin()))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "odd",
            Arc::new(
                (0..n)
                    .map(|i| Some([f64::NAN, f64::INFINITY, i as f64][(i % 3) as usize]))
                    .collect::<Float64Array>(),
            ),
        ),
        ("utf8", Arc::new(texts(word).collect::<StringArray>())),
        ("view", Arc::new(texts(word).collect::<StringViewArray>())),
        ("dictionary", Arc::new(dictionary)),
        (
            "decimal",
            Arc::new(
                (0..n)
                    .map(|i| Some(i128::from(i) * 25))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(12, 3)
                    .unwrap(),
            ),
        ),
        (
            "date",
            cast(&ints(|i| 19_000 + i * 7), &DataType::Int32)
                .and_then(|a| cast(&a, &DataType::Date32))
                .unwrap(),
        ),
        (
            "stamp",
            Arc::new(
                (0..n)
                    .map(|i| Some(1_700_000_000_000_000_000 + i * 60_000_000_000))
                    .collect::<TimestampNanosecondArray>()
                    .with_timezone("UTC"),
            ),
        ),
        (
            "time",
            Arc::new(
                (0..n)
                    .map(|i| Some(i * 1_000_000))
                    .collect::<Time64MicrosecondArray>(),
            ),
        ),
        ("nothing", Arc::new(NullArray::new(n as usize))),
        ("const_id", ints(|_| 5)),
    ];
    let rows = table(columns);
    let (codec, coded) = fit(&rows, &ColumnOptions::default(), &[]).unwrap();
    let back = decode(&codec, &coded);
    assert_eq!(back.schema(), rows.schema());
    for (at, field) in rows.schema().fields().iter().enumerate() {
        let (column, was) = (back.column(at), rows.column(at));
        assert_eq!(
            column.logical_null_count(),
            was.logical_null_count(),
            "{}",
            field.name()
        );
    }
    // Categories exactly.
    for name in ["bool", "utf8", "view", "dictionary", "nothing", "const_id"] {
        assert_eq!(
            back.column_by_name(name),
            rows.column_by_name(name),
            "{name}"
        );
    }
    // Numbers to a small part of their range, on their grid.
    let stamps = |rows: &RecordBatch| {
        rows["stamp"]
            .as_primitive::<TimestampNanosecondType>()
            .clone()
    };
    for (was, is) in stamps(&rows).values().iter().zip(stamps(&back).values()) {
        assert!((is - 1_700_000_000_000_000_000) % 60_000_000_000 == 0);
        assert!((was - is).abs() < 20 * 60_000_000_000, "{was} {is}");
    }
    let floats = |name: &str, rows: &RecordBatch| {
        let column = cast(&rows[name], &DataType::Float64).unwrap();
        column.as_primitive::<Float64Type>().values().to_vec()
    };
    for name in ["float32", "float64", "decimal", "uint64"] {
        let (was, is) = (floats(name, &rows), floats(name, &back));
        let range = was
            .iter()
            .fold(0., |most: f64, v| most.max((v - was[0]).abs()));
        for (was, is) in was.iter().zip(is) {
            assert!((was - is).abs() <= range * 0.1, "{name}: {was} {is}");
        }
    }
    assert!(
        floats("float32", &back)
            .iter()
            .all(|v| (v * 10. - (v * 10.).round()).abs() < 1e-3)
    );
    let odd = floats("odd", &back);
    assert_eq!(odd.iter().filter(|v| v.is_nan()).count(), 134);
    assert_eq!(odd.iter().filter(|v| v.is_infinite()).count(), 133);
}

#[test]
fn places_are_standard_normal_and_spikes_have_slots() {
    let mut draws = Draws::new(&[5]);
    let value = |draws: &mut Draws| match draws.open_unit() < 0.3 {
        true => 0.,
        false => (draws.normal() * 0.8 + 2.).exp(),
    };
    let numbers: Float64Array = (0..8000).map(|_| Some(value(&mut draws))).collect();
    let rows = table(vec![("x", Arc::new(numbers))]);
    let (codec, coded) = fit(&rows, &ColumnOptions::default(), &[]).unwrap();
    let spans = codec.spans(0);
    assert!(
        !spans[0] && spans[1..].iter().all(|span| *span),
        "{spans:?}"
    );
    assert!((codec.units[0].counts[0] as f64 / 8000. - 0.3).abs() < 0.02);
    let places = coded.slots[0].iter().zip(&coded.places[0]);
    let places: Vec<_> = places
        .filter(|(slot, _)| **slot == 1)
        .map(|(_, place)| f64::from(*place))
        .collect();
    let mean = places.iter().sum::<f64>() / places.len() as f64;
    let square = places.iter().map(|p| p * p).sum::<f64>() / places.len() as f64;
    assert!(
        mean.abs() < 1e-3 && (square - 1.).abs() < 0.05,
        "{mean} {square}"
    );
}

#[test]
fn labels_are_one_unit_and_funnels_products() {
    let click: Int64Array = (0..100).map(|i| Some(i64::from(i % 2 == 0))).collect();
    let buy: Int64Array = (0..100)
        .map(|i| Some(i64::from(i % 4 == 0 || i == 1)))
        .collect();
    let rows = table(vec![("click", Arc::new(click)), ("buy", Arc::new(buy))]);
    let options = ColumnOptions {
        labels: vec!["click".into(), "buy".into()],
        ..ColumnOptions::default()
    };
    let (codec, _) = fit(&rows, &options, &[]).unwrap();
    assert_eq!(codec.units[0].counts, [49, 1, 25, 25]);
    let (codec, coded) = fit(&rows, &options, &["click", "buy"]).unwrap();
    assert_eq!(codec.units[0].counts, [50, 25, 25]);
    let back = decode(&codec, &coded);
    assert_eq!(back["buy"].as_primitive::<Int64Type>().value(1), 0);
    let wanted = |value| {
        json!({"click": value, "buy": 1})
            .as_object()
            .unwrap()
            .clone()
    };
    assert_eq!(codec.allowed(&wanted(true)).unwrap().slots, [Some(vec![2])]);
    let text = codec.allowed(&wanted(false)).unwrap_err().to_string();
    assert!(
        text.contains("(click, buy) can be: (0, 0), (1, 0), (1, 1)"),
        "{text}"
    );
}

#[test]
fn rare_values_come_out_of_their_group_by_frequency() {
    // 8 values of 200 rows each, 40 of 5, and one of 200 more.
    let ids = (0..2000).map(|i| Some(if i < 1600 { i % 8 } else { 100 + i % 80 / 2 }));
    let rows = table(vec![("item_id", Arc::new(ids.collect::<Int64Array>()))]);
    let (codec, coded) = fit(&rows, &ColumnOptions::default(), &[]).unwrap();
    assert_eq!(codec.units[0].counts.len(), 8 + 4);
    let back = decode(&codec, &coded);
    let values = back["item_id"].as_primitive::<Int64Type>().values();
    let rare: std::collections::HashSet<_> = values.iter().filter(|v| **v >= 100).collect();
    assert!(rare.len() > 35 && values.iter().all(|v| *v < 8 || (100..140).contains(v)));
    // One of them exactly.
    let wanted = json!({"item_id": 117}).as_object().unwrap().clone();
    let allowed = codec.allowed(&wanted).unwrap();
    let slot = allowed.slots[0].clone().unwrap();
    let coded = Coded {
        rows: 50,
        slots: vec![vec![slot[0]; 50]],
        places: vec![Vec::new()],
    };
    let decoder = Decoder::new(&codec).unwrap();
    let back = decoder
        .decode(&coded, &allowed, &mut Draws::new(&[2]))
        .unwrap();
    assert!(
        back["item_id"]
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .all(|v| *v == 117)
    );
}
