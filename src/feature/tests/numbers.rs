//! The encodings of numbers.

use super::*;

/// Fits one feature `x` in this encoding and returns the encoder.
fn fit_as(encoding: NumericEncoding, x: ArrayRef) -> Encoder {
    let click = BooleanArray::from_iter((0..x.len()).map(|v| Some(v % 2 == 0)));
    let columns = ColumnOptions {
        numeric_encoding: NumericEncodings::All(encoding),
        ..labels(&["click"])
    };
    let log = batch(vec![("x", x), ("click", Arc::new(click))]);
    fit(&log, &columns, no_split()).unwrap().encoder
}

/// Ids and numbers of the values.
fn encoded(encoder: &Encoder, x: Vec<Option<f64>>) -> (Vec<i32>, Vec<f32>) {
    let x = Arc::new(Float64Array::from(x)) as ArrayRef;
    let batch = encode(encoder, &batch(vec![("x", x)])).unwrap().0;
    (batch.ids, batch.dense)
}

fn info(encoder: &Encoder) -> (String, String, Option<u64>) {
    let info = encoder.fitted().feature_info().remove(0);
    (info.encoding, info.reason, info.distinct)
}

#[test]
fn log_is_standardised_orders_of_magnitude() {
    let e = |n: i32| f64::from(n).exp() - 1.0;
    let x = Float64Array::from(vec![e(1), e(2), e(3), -e(2)]);
    let encoder = fit_as(NumericEncoding::Log, Arc::new(x));
    // Logarithms 1, 2, 3, -2; Python: statistics.mean = 1, statistics.pstdev = 1.8708286933869707
    let (ids, z) = encoded(&encoder, vec![Some(e(3)), Some(0.0), None]);
    assert!((z[0] - 2.0 / 1.870_829).abs() < 1e-5 && (z[1] + 1.0 / 1.870_829).abs() < 1e-5);
    assert_eq!((ids.len(), z[2]), (0, 0.0));
    assert_eq!(info(&encoder), ("log".into(), "number".into(), None));
}

#[test]
fn quantile_gives_an_id_a_bucket_beside_the_number() {
    // Each value its own bucket, NULL the id before them.
    let x = Int64Array::from(vec![Some(7), Some(-3), Some(7), None, Some(20)]);
    let encoder = fit_as(NumericEncoding::Quantile, Arc::new(x));
    let layout = encoder.layout();
    assert_eq!(
        (layout.ids[0].name.as_str(), layout.table_rows),
        ("x (bucket)", 5)
    );
    assert_eq!(layout.dense, ["x"]);
    let nan = Some(f64::NAN);
    let values = vec![
        None,
        nan,
        Some(-9.0),
        Some(-3.0),
        Some(1.9),
        Some(2.0),
        Some(1e300),
    ];
    assert_eq!(encoded(&encoder, values).0, [1, 1, 2, 2, 2, 3, 4]);
    assert_eq!(info(&encoder).0, "quantile (3 buckets) + standardize");
    assert_eq!(info(&encoder).2, Some(3));
}

#[test]
fn buckets_follow_the_values() {
    // Nine of ten are 0; the others get the buckets that are left.
    let x = Float64Array::from_iter_values((0..10_000).map(|i| match i % 10 {
        0 => f64::from(i) / 7.0 + 1.0,
        _ => 0.0,
    }));
    let encoder = fit_as(NumericEncoding::Quantile, Arc::new(x));
    assert_eq!(encoder.layout().table_rows, 128);
    let ids = encoded(&encoder, vec![Some(0.0), Some(1.0), Some(1e9)]).0;
    assert_eq!(ids, [2, 3, 127]);
}

#[test]
fn piecewise_fills_bins() {
    let x = Float64Array::from_iter_values((0..=1600).map(f64::from));
    let encoder = fit_as(NumericEncoding::Piecewise, Arc::new(x));
    let names = &encoder.layout().dense;
    assert_eq!((names.len(), names[15].as_str()), (16, "x (bin 16)"));
    assert_eq!(info(&encoder).0, "piecewise (16 bins)");
    let (ids, z) = encoded(&encoder, vec![Some(0.0), Some(250.0), Some(1600.0)]);
    assert!(ids.is_empty());
    assert_eq!((z[0], z[31], z[47]), (0.0, 0.0, 1.0));
    let filled = |row: usize| z[row * 16..][..16].iter().sum::<f32>();
    // Bins hold about a sixteenth of the values, so 250 lies two and a half bins from the first.
    assert!(filled(0) == 0.0 && (filled(1) - 2.5).abs() < 0.2 && filled(2) == 16.0);
}

#[test]
fn a_missing_number_in_bins_has_a_flag() {
    let x = Float64Array::from(vec![Some(1.0), Some(2.0), Some(4.0), None]);
    let encoder = fit_as(NumericEncoding::Piecewise, Arc::new(x));
    assert_eq!(
        encoder.layout().dense,
        ["x (missing)", "x (bin 1)", "x (bin 2)"]
    );
    let z = encoded(&encoder, vec![Some(3.0), None]).1;
    assert_eq!(z, [0.0, 1.0, 0.5, 1.0, 1.0, 0.0]);
    // One value leaves nothing but the flag to tell rows apart.
    let x = Float64Array::from(vec![Some(1.0), None]);
    let encoder = fit_as(NumericEncoding::Piecewise, Arc::new(x));
    assert_eq!(encoder.layout().dense, ["x", "x (missing)"]);
}

#[test]
fn buckets_are_those_of_training_rows() {
    let log = batch(vec![
        (
            "x",
            Arc::new(Int64Array::from_iter_values(
                (0..1000).map(|v| v % 10 + 5 * (v / 900)),
            )),
        ),
        ("t", Arc::new(Int64Array::from_iter_values(0..1000))),
        (
            "click",
            Arc::new(BooleanArray::from_iter((0..1000).map(|v| Some(v % 3 == 0)))),
        ),
    ]);
    let columns = ColumnOptions {
        split_col: Some("t".into()),
        numeric_encoding: NumericEncodings::All(NumericEncoding::Quantile),
        ..labels(&["click"])
    };
    let options = FitOptions {
        split: SplitMethod::Seq { fraction: 0.1 },
        ..FitOptions::default()
    };
    let encoder = fit(&log, &columns, options).unwrap().encoder;
    assert_eq!(info(&encoder).2, Some(10));
}

#[test]
fn constant_numbers_are_left_out_in_any_encoding() {
    use NumericEncoding as E;
    for encoding in [E::Auto, E::Standardize, E::Log, E::Quantile, E::Piecewise] {
        let columns = ColumnOptions {
            numeric_encoding: NumericEncodings::All(encoding),
            ..labels(&["click"])
        };
        let log = batch(vec![
            ("one", Arc::new(Int64Array::from(vec![3; 4]))),
            ("none", Arc::new(Float64Array::from(vec![None; 4]))),
            ("x", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 5.0]))),
            ("click", Arc::new(Int64Array::from(vec![0, 1, 0, 1]))),
        ]);
        let encoder = fit(&log, &columns, no_split()).unwrap().encoder;
        let info = encoder.fitted().feature_info();
        let why = [&info[0], &info[1]].map(|i| (i.encoding.as_str(), i.reason.as_str()));
        assert_eq!(
            why,
            [
                (
                    "none",
                    "integer; left out: constant: one value in every training row"
                ),
                ("none", "number; left out: missing in every training row"),
            ],
            "{encoding}"
        );
        assert!(encode(&encoder, &log.project(&[2]).unwrap()).is_ok());
    }
}
