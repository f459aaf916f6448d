//! The same rows give the same result, whatever way they come.

use std::sync::atomic::Ordering;

use super::*;
use crate::feature::rows::budget::tests::Limited;

/// What numbers are encoded as in these tests, all at once or by column.
fn encodings() -> [NumericEncodings; 3] {
    use NumericEncoding as E;
    let by_column = [("price", E::Piecewise), ("age", E::Log)];
    let by_column = by_column.map(|(name, encoding)| (name.to_string(), encoding));
    [
        NumericEncodings::All(E::Quantile),
        NumericEncodings::ByColumn(by_column.into()),
        NumericEncodings::All(E::Standardize),
    ]
}

fn columns() -> ColumnOptions {
    ColumnOptions {
        user_col: Some("user_id".into()),
        scenario_col: Some("shop".into()),
        split_col: Some("day".into()),
        min_count: 2,
        ..labels(&["click", "buy", "title", "paid"])
    }
}

/// Checks that two fits gave the same, bit by bit.
fn assert_same(a: &Fitted, b: &Fitted) {
    assert_eq!(a.encoder.fitted(), b.encoder.fitted());
    for (a, b) in [(&a.train, &b.train), (&a.eval, &b.eval)] {
        assert_eq!(a.rows(), b.rows());
        for task in 0..4 {
            assert_eq!(a.labels(task), b.labels(task));
        }
        for order in [Order::Stored, Order::Shuffled { seed: 3, epoch: 1 }] {
            assert_eq!(rows_of(a, order), rows_of(b, order));
        }
    }
    let probe = log(777);
    let (x, y) = (
        encode(&a.encoder, &probe).unwrap(),
        encode(&b.encoder, &probe).unwrap(),
    );
    assert_eq!((x.0.ids, x.1), (y.0.ids, y.1));
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&x.0.dense), bits(&y.0.dense));
}

#[test]
fn order_and_partitions_do_not_matter() {
    let log = doubled(&log(5000));
    for (split, encoding) in [SplitMethod::Auto, SplitMethod::Seq { fraction: 0.3 }]
        .into_iter()
        .flat_map(|split| encodings().map(|encoding| (split, encoding)))
    {
        let columns = ColumnOptions {
            numeric_encoding: encoding,
            ..columns()
        };
        let fit = |partitions: &[Vec<RecordBatch>], threads| {
            let options = FitOptions {
                split,
                threads,
                ..FitOptions::default()
            };
            fit_partitions(partitions, &columns, options, Arc::new(Unlimited)).unwrap()
        };
        let one = fit(&[vec![log.clone()]], 1);
        let other = fit(&[shuffled(&log, 1, 7)], 4);
        let batches = shuffled(&log, 2, 30);
        let three: Vec<_> = [&batches[..3], &batches[3..20], &batches[20..]]
            .map(|part| part.to_vec())
            .into();
        assert_same(&one, &other);
        assert_same(&one, &fit(&three, 3));
        assert_eq!(one.train.rows() + one.eval.rows(), 10_000);
        assert!(one.eval.rows() > 1000);
    }
}

#[test]
fn memory_does_not_matter() {
    let log = log(40_000);
    let batches = shuffled(&log, 3, 40);
    let partitions = [batches[..25].to_vec(), batches[25..].to_vec()];
    let splits = [SplitMethod::Auto, SplitMethod::Seq { fraction: 0.2 }];
    for (split, encoding) in splits.into_iter().zip(encodings()) {
        let columns = ColumnOptions {
            numeric_encoding: encoding,
            ..columns()
        };
        let options = || FitOptions {
            split,
            ..no_split()
        };
        let roomy = fit_partitions(&partitions, &columns, options(), Arc::new(Unlimited)).unwrap();
        let budget = Limited::new(2 << 20);
        let tight = fit_partitions(&partitions, &columns, options(), budget.clone()).unwrap();
        assert!(roomy.train.in_memory());
        assert!(!tight.train.in_memory());
        assert_same(&roomy, &tight);
        assert!(budget.peak.load(Ordering::SeqCst) <= budget.limit);
        drop(tight);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn the_seed_decides_the_order() {
    let log = log(2000);
    let fit = |seed| {
        let options = FitOptions {
            seed,
            ..FitOptions::default()
        };
        super::fit(&log, &columns(), options).unwrap()
    };
    let (a, b) = (fit(1), fit(2));
    assert_eq!(a.eval.rows(), 400);
    assert_ne!(
        rows_of(&a.train, Order::Stored),
        rows_of(&b.train, Order::Stored)
    );
    assert_same(&a, &fit(1));
}

#[test]
fn equal_rows_stay_on_one_side() {
    let log = doubled(&log(2000));
    let fitted = fit(&log, &columns(), FitOptions::default()).unwrap();
    assert_eq!((fitted.train.rows() % 2, fitted.eval.rows() % 2), (0, 0));
}

#[test]
fn training_rows_are_encoded_as_at_prediction() {
    let log = log(3000);
    for encoding in encodings() {
        let columns = ColumnOptions {
            numeric_encoding: encoding,
            ..labels(&["click", "buy"])
        };
        let fitted = fit(&log, &columns, no_split()).unwrap();
        let (encoded, stats) = encode(&fitted.encoder, &log).unwrap();
        assert_eq!(stats.unseen, 0);
        let layout = fitted.encoder.layout();
        let sorted = |ids: &[i32], dense: &[u32]| {
            let ids = ids.chunks(layout.ids.len()).map(<[i32]>::to_vec);
            let dense = dense.chunks(layout.dense.len()).map(<[u32]>::to_vec);
            let mut rows: Vec<_> = ids.zip(dense).collect();
            rows.sort();
            rows
        };
        let (ids, dense, _) = rows_of(&fitted.train, Order::Stored);
        let bits: Vec<_> = encoded.dense.iter().map(|v| v.to_bits()).collect();
        assert_eq!(sorted(&ids, &dense), sorted(&encoded.ids, &bits));
    }
}

#[test]
fn a_restored_encoder_gives_the_same_bits() {
    let log = log(3000);
    for encoding in encodings() {
        let columns = ColumnOptions {
            hash_buckets: Some(80),
            max_vocabulary: Some(10),
            numeric_encoding: encoding,
            ..labels(&["click"])
        };
        let fitted = fit(&log, &columns, no_split()).unwrap();
        let encoder = &fitted.encoder;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vocabulary.parquet");
        encoder.save_vocabulary(&path).unwrap();
        let json = serde_json::to_string(encoder.fitted()).unwrap();
        let restored: FittedSpec = serde_json::from_str(&json).unwrap();
        assert_eq!(&restored, encoder.fitted());
        let restored = Encoder::load(restored, &path).unwrap();
        let probe = shuffled(&super::log(4000), 5, 1).remove(0);
        let (a, b) = (
            encode(encoder, &probe).unwrap(),
            encode(&restored, &probe).unwrap(),
        );
        assert!(a.1.unseen > 0);
        assert_eq!((a.0.ids, a.1), (b.0.ids, b.1));
        let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(a.0.dense), bits(b.0.dense));
    }
}

/// Manifests have said what a column without encoding is for, and called images a vector.
#[test]
fn an_encoder_of_before_is_read() {
    let fitted = fit(&log(600), &columns(), no_split()).unwrap();
    let json = serde_json::to_string(fitted.encoder.fitted()).unwrap();
    for before in ["label", "split"] {
        let before = json.replace(r#""kind":"ignored""#, &format!(r#""kind":"{before}""#));
        assert_ne!(json, before);
        let read: FittedSpec = serde_json::from_str(&before).unwrap();
        assert_eq!(&read, fitted.encoder.fitted());
    }
    let pixels = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..60).map(|row| Some([row, 7, row * 3, 0].map(|v| Some(v as f32)))),
        4,
    );
    let click = BooleanArray::from_iter((0..60).map(|row| Some(row % 2 == 0)));
    let images = batch(vec![
        ("x", Arc::new(pixels) as ArrayRef),
        ("click", Arc::new(click)),
    ]);
    let options = ColumnOptions {
        reads_images: true,
        ..labels(&["click"])
    };
    let fitted = fit(&images, &options, no_split()).unwrap();
    let json = serde_json::to_string(fitted.encoder.fitted()).unwrap();
    let before = json.replace(
        r#""kind":{"pixels":{"dense""#,
        r#""kind":{"vector":{"dense""#,
    );
    assert_ne!(json, before);
    let read: FittedSpec = serde_json::from_str(&before).unwrap();
    assert_eq!(&read, fitted.encoder.fitted());
    assert_eq!(read.spec.image_size(), Some([2, 2]));
    let unknown = json.replace("\"pixels\"", "\"sounds\"");
    let error = serde_json::from_str::<FittedSpec>(&unknown)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("unknown kind of column \"sounds\"; known: "),
        "{error}"
    );
}

/// The parts of a time are hashed like other categories, where they have more values than there are buckets.
#[test]
fn hashed_times_are_read_back() {
    let columns = ColumnOptions {
        hash_buckets: Some(5),
        ..labels(&["click"])
    };
    let fitted = fit(&log(600), &columns, no_split()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vocabulary.parquet");
    fitted.encoder.save_vocabulary(&path).unwrap();
    let restored = Encoder::load(fitted.encoder.fitted().clone(), &path).unwrap();
    let (a, b) = (
        encode(&fitted.encoder, &log(50)).unwrap(),
        encode(&restored, &log(50)).unwrap(),
    );
    assert_eq!((a.0.ids, a.1), (b.0.ids, b.1));
}

#[test]
fn a_damaged_encoder_is_refused() {
    let log = log(600);
    let fitted = fit(&log, &labels(&["click"]), no_split()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vocabulary.parquet");
    fitted.encoder.save_vocabulary(&path).unwrap();
    let mut other = fitted.encoder.fitted().clone();
    other.layout.ids[0].cardinality += 1;
    let error = Encoder::load(other.clone(), &path)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.ends_with("is damaged: values are missing or there twice"),
        "{error}"
    );
    let json = serde_json::to_string(&other).unwrap();
    let error = serde_json::from_str::<FittedSpec>(&json)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the parts of the encoder do not fit together"),
        "{error}"
    );
    let json = serde_json::to_string(fitted.encoder.fitted()).unwrap();
    let damaged = json.replacen("\"edges\":[", "\"edges\":[\"1e9\",", 1);
    assert_ne!(json, damaged);
    assert!(serde_json::from_str::<FittedSpec>(&damaged).is_err());
    std::fs::write(&path, b"no parquet").unwrap();
    assert!(Encoder::load(fitted.encoder.fitted().clone(), &path).is_err());
    let missing = Encoder::load(fitted.encoder.fitted().clone(), &dir.path().join("x"));
    assert!(missing.err().unwrap().to_string().starts_with("reading "));
}
