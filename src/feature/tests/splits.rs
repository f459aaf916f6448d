//! Which rows are held back.

use super::*;

/// Rows 0.. with a time, a flag and a label.
fn rows(n: i64) -> RecordBatch {
    batch(vec![
        ("x", Arc::new(Int64Array::from_iter_values(0..n))),
        (
            "t",
            Arc::new(TimestampSecondArray::from_iter(
                (0..n).map(|v| (v > 0).then_some(v)),
            )),
        ),
        (
            "held",
            Arc::new(BooleanArray::from_iter((0..n).map(|v| match v % 4 {
                0 => None,
                v => Some(v == 1),
            }))),
        ),
        (
            "click",
            Arc::new(BooleanArray::from_iter((0..n).map(|v| Some(v % 3 == 0)))),
        ),
    ])
}

fn split(n: i64, split_col: &str, split: SplitMethod) -> Result<Fitted> {
    let columns = ColumnOptions {
        split_col: Some(split_col.into()),
        ..labels(&["click"])
    };
    fit(
        &rows(n),
        &columns,
        FitOptions {
            split,
            ..no_split()
        },
    )
}

/// The numbers x of a set, standardised, in rising order.
fn numbers(rows: &RowSet) -> Vec<f32> {
    let mut numbers: Vec<_> = rows_of(rows, Order::Stored)
        .1
        .into_iter()
        .map(f32::from_bits)
        .collect();
    numbers.sort_by(f32::total_cmp);
    numbers
}

#[test]
fn auto_goes_by_the_number_of_rows() {
    for (rows, eval) in [(499, 0), (500, 100), (3000, 600), (60_000, 10_000)] {
        let fitted = split(rows, "t", SplitMethod::Auto).unwrap();
        assert_eq!(fitted.eval.rows(), eval);
        assert_eq!(fitted.train.rows(), rows as u64 - eval);
    }
}

#[test]
fn seq_holds_back_the_latest() {
    let columns = ColumnOptions {
        split_col: Some("t".into()),
        exclude_cols: vec!["held".into()],
        ..labels(&["click"])
    };
    let options = FitOptions {
        split: SplitMethod::Seq { fraction: 0.25 },
        ..no_split()
    };
    let fitted = fit(&rows(1000), &columns, options).unwrap();
    assert_eq!((fitted.train.rows(), fitted.eval.rows()), (750, 250));
    let (train, eval) = (numbers(&fitted.train), numbers(&fitted.eval));
    assert!(train[749] < eval[0]);
    // Mean and deviation are those of 0..750 alone: (749 - 374.5) / sqrt((750^2 - 1) / 12)
    assert!((train[749] - 1.7297).abs() < 1e-4);
}

#[test]
fn custom_holds_back_true_and_null() {
    let fitted = split(1000, "held", SplitMethod::Custom).unwrap();
    assert_eq!((fitted.train.rows(), fitted.eval.rows()), (500, 500));
    let info = fitted.encoder.fitted().feature_info();
    let held = info.iter().find(|i| i.column == "held").unwrap();
    assert_eq!(
        (held.role.as_str(), held.encoding.as_str()),
        ("split", "none")
    );
}

#[test]
fn random_holds_back_a_fraction() {
    let fitted = split(1000, "t", SplitMethod::Random { fraction: 0.1 }).unwrap();
    assert_eq!((fitted.train.rows(), fitted.eval.rows()), (900, 100));
}

#[test]
fn values_of_held_back_rows_alone_are_unknown() {
    let n = 100;
    let text = StringArray::from_iter_values((0..n).map(|v| format!("v{}", v / 10)));
    let log = batch(vec![
        ("text", Arc::new(text)),
        ("t", Arc::new(Int64Array::from_iter_values(0..n))),
        (
            "click",
            Arc::new(Int64Array::from_iter_values((0..n).map(|v| v % 2))),
        ),
    ]);
    let columns = ColumnOptions {
        split_col: Some("t".into()),
        ..labels(&["click"])
    };
    let options = FitOptions {
        split: SplitMethod::Seq { fraction: 0.3 },
        ..no_split()
    };
    let fitted = fit(&log, &columns, options).unwrap();
    assert_eq!(fitted.encoder.layout().table_rows, 9);
    assert!(
        rows_of(&fitted.eval, Order::Stored)
            .0
            .iter()
            .all(|id| *id == UNKNOWN_ID as i32)
    );
    assert_eq!(encode(&fitted.encoder, &log).unwrap().1.unseen, 30);
}

#[test]
fn says_why_a_split_is_not_possible() {
    let error = |split_col, method| split(1000, split_col, method).err().unwrap().to_string();
    assert_eq!(
        error("held", SplitMethod::Seq { fraction: 0.2 }),
        "data_split_col \"held\" is of type Boolean; data_split_method 'seq' needs a number, date or timestamp"
    );
    assert_eq!(
        error("t", SplitMethod::Custom),
        "data_split_col \"t\" is of type Timestamp(s); data_split_method 'custom' needs BOOLEAN"
    );
    assert_eq!(
        error("t", SplitMethod::Random { fraction: 1.0 }),
        "data_split_eval_fraction is 1; it has to lie between 0 and 1"
    );
    let options = FitOptions {
        split: SplitMethod::Custom,
        ..no_split()
    };
    assert_eq!(
        fit(&rows(10), &labels(&["click"]), options)
            .err()
            .unwrap()
            .to_string(),
        "data_split_method 'custom' needs data_split_col"
    );
}

#[test]
fn both_sides_need_rows_and_labels() {
    let n = 100;
    let fit = |flag: fn(i64) -> bool, method| {
        let log = batch(vec![
            ("x", Arc::new(Int64Array::from_iter_values(0..n))),
            (
                "flag",
                Arc::new(BooleanArray::from_iter((0..n).map(|v| Some(flag(v))))),
            ),
            ("one", Arc::new(Int64Array::from(vec![1; n as usize]))),
            (
                "click",
                Arc::new(Int64Array::from_iter_values(
                    (0..n).map(|v| i64::from(v < 50)),
                )),
            ),
        ]);
        let split_col = if method == SplitMethod::Custom {
            "flag"
        } else {
            "one"
        };
        let columns = ColumnOptions {
            split_col: Some(split_col.into()),
            ..labels(&["click"])
        };
        super::fit(
            &log,
            &columns,
            FitOptions {
                split: method,
                ..no_split()
            },
        )
        .err()
        .unwrap()
        .to_string()
    };
    assert_eq!(
        fit(|_| true, SplitMethod::Custom),
        "the split leaves no rows to train on: the training part is empty"
    );
    assert_eq!(
        fit(|_| false, SplitMethod::Custom),
        "the split leaves no rows to evaluate on: the evaluation part is empty"
    );
    assert_eq!(
        fit(|v| v < 50, SplitMethod::Custom),
        "label \"click\" is constant in the training part: every row has 0"
    );
    assert_eq!(
        fit(|_| true, SplitMethod::Seq { fraction: 0.2 }),
        "data_split_col \"one\" has the same value in every row, so no rows can be held back by it"
    );
}
