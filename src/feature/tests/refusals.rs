//! What can't be trained or predicted, and how it is said.

use arrow::array::{BinaryArray, Int32Array, ListArray, NullArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use super::*;

fn rows(n: i64) -> RecordBatch {
    let lists = (0..n).map(|v| Some(vec![Some(v as i32)]));
    let text = (0..n).map(|v| format!("t{v}"));
    batch(vec![
        ("x", Arc::new(Int64Array::from_iter_values(0..n))),
        ("text", Arc::new(StringArray::from_iter_values(text))),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
        ),
        (
            "blob",
            Arc::new(BinaryArray::from_iter_values((0..n).map(|_| b"x"))),
        ),
        (
            "click",
            Arc::new(Int64Array::from_iter_values((0..n).map(|v| v % 2))),
        ),
    ])
}

/// A change of the options, and the message that it leads to.
type Case<'a> = (&'a dyn Fn(&mut ColumnOptions), &'a str);

/// The error of fitting, or of inferring.
fn refusal(log: &RecordBatch, change: impl Fn(&mut ColumnOptions)) -> String {
    let mut columns = labels(&["click"]);
    columns.exclude_cols = vec!["list".into(), "blob".into()];
    columns
        .exclude_cols
        .retain(|c| log.column_by_name(c).is_some());
    change(&mut columns);
    fit(log, &columns, no_split()).err().unwrap().to_string()
}

#[test]
fn unknown_and_contradicting_columns() {
    let log = rows(10);
    let encode = |column: &str| {
        NumericEncodings::ByColumn([(column.to_string(), NumericEncoding::Log)].into())
    };
    let cases: [Case; 14] = [
        (
            &|c| c.categorical_cols = vec!["foo".into()],
            "unknown column \"foo\" in categorical_cols; the query has: x, text, list, blob, click",
        ),
        (
            &|c| c.labels = vec!["clck".into()],
            "unknown column \"clck\" in input_label_cols; the query has: x, text, list, blob, click",
        ),
        (
            &|c| c.labels.clear(),
            "input_label_cols names no label; the query has: x, text, list, blob, click",
        ),
        (
            &|c| c.scenario_col = Some("scene".into()),
            "unknown column \"scene\" in scenario_col; the query has: x, text, list, blob, click",
        ),
        (
            &|c| c.exclude_cols.push("click".into()),
            "column \"click\" is in both input_label_cols and exclude_cols",
        ),
        (
            &|c| {
                c.categorical_cols = vec!["x".into()];
                c.numeric_cols = vec!["X".into()];
            },
            "column \"x\" is in both categorical_cols and numeric_cols",
        ),
        (
            &|c| {
                c.user_col = Some("x".into());
                c.item_col = Some("x".into());
            },
            "column \"x\" is in both user_col and item_col",
        ),
        (
            &|c| {
                c.split_col = Some("x".into());
                c.categorical_cols = vec!["x".into()];
            },
            "column \"x\" is in both data_split_col and categorical_cols",
        ),
        (
            &|c| c.labels = vec!["click".into(), "CLICK".into()],
            "label \"CLICK\" is twice in input_label_cols",
        ),
        (
            &|c| c.numeric_encoding = encode("price"),
            "unknown column \"price\" in numeric_encoding; the query has: x, text, list, blob, click",
        ),
        (
            &|c| c.numeric_encoding = encode("text"),
            "column \"text\" in numeric_encoding is of type Utf8: only numbers, booleans and durations can be read as a number",
        ),
        (
            &|c| {
                c.numeric_encoding = encode("x");
                c.categorical_cols = vec!["x".into()];
            },
            "column \"x\" is in both categorical_cols and numeric_encoding",
        ),
        (
            &|c| c.hash_buckets = Some(0),
            "hash_buckets is 0; it has to be at least 1",
        ),
        (
            &|c| c.max_vocabulary = Some(0),
            "max_vocabulary is 0; it has to be at least 1",
        ),
    ];
    for (change, message) in cases {
        assert_eq!(refusal(&log, change), message);
    }
}

#[test]
fn types_that_can_not_be_used() {
    let log = rows(10);
    let item = "List(Int32)";
    assert_eq!(
        refusal(&log, |c| c.exclude_cols = vec!["blob".into()]),
        format!(
            "column \"list\" is of type {item}: sequences can't be used as features so far; leave it out with exclude_cols = ['list']"
        )
    );
    assert_eq!(
        refusal(&log, |c| c.exclude_cols = vec!["list".into()]),
        "column \"blob\" is of type Binary, which can't be used as a feature; leave it out with exclude_cols = ['blob']"
    );
    assert_eq!(
        refusal(&log, |c| c.numeric_cols = vec!["text".into()]),
        "column \"text\" in numeric_cols is of type Utf8: only numbers, booleans and durations can be read as a number"
    );
    assert_eq!(
        refusal(&log, |c| {
            c.exclude_cols = vec!["blob".into()];
            c.categorical_cols = vec!["list".into()];
        }),
        format!(
            "column \"list\" in categorical_cols is of type {item}: a category needs one text, number, boolean or time per row"
        )
    );
}

#[test]
fn labels_that_can_not_be_trained() {
    let log = rows(10);
    assert_eq!(
        refusal(&log, |c| {
            c.labels = vec!["text".into()];
            c.label_types.insert("text".into(), "regression".into());
        }),
        "label \"text\" is of type Utf8: only a number can be the target of a regression"
    );
    assert_eq!(
        refusal(&log, |c| c.labels = vec!["x".into()]),
        "label \"x\" holds 2: other than 0, 1 and NULL needs tasks = {'x': 'multiclass'} or \
         tasks = {'x': 'regression'}"
    );
    assert_eq!(
        refusal(&log, |c| {
            c.label_types.insert("click".into(), "softmax".into());
        }),
        "unknown task type \"softmax\" of label \"click\"; known: binary, multiclass, regression, \
         log_regression"
    );
    assert_eq!(
        refusal(&log, |c| {
            c.label_types.insert("buy".into(), "binary".into());
        }),
        "unknown label \"buy\" in tasks; input_label_cols has: click"
    );
    let labelled = |label: ArrayRef| {
        let x = Int64Array::from_iter_values(0..label.len() as i64);
        batch(vec![("x", Arc::new(x)), ("click", label)])
    };
    for (label, message) in [
        (
            Arc::new(Int32Array::from(vec![1, 1])) as ArrayRef,
            "label \"click\" is constant: every row has 1",
        ),
        (
            Arc::new(BooleanArray::from(vec![Some(false), None])),
            "label \"click\" is constant: every row has 0",
        ),
        (
            Arc::new(BooleanArray::from(vec![None, None])),
            "label \"click\" is NULL in every row",
        ),
        (
            Arc::new(NullArray::new(2)),
            "label \"click\" is NULL in every row",
        ),
        (
            Arc::new(Int32Array::from(vec![1])),
            "label \"click\" is constant: every row has 1",
        ),
        (
            Arc::new(Int32Array::from(Vec::<i32>::new())),
            "no rows to train on: the query returned 0 rows",
        ),
    ] {
        assert_eq!(refusal(&labelled(label), |_| {}), message);
    }
}

#[test]
fn no_feature_left() {
    let log = rows(10).project(&[0, 4]).unwrap();
    assert_eq!(
        refusal(&log, |c| c.exclude_cols = vec!["x".into()]),
        "no feature left to train on; the query has: x, click"
    );
    let constant = batch(vec![
        ("x", Arc::new(Int64Array::from(vec![3, 3]))),
        ("click", Arc::new(Int64Array::from(vec![0, 1]))),
    ]);
    assert_eq!(
        refusal(&constant, |_| {}),
        "no feature left to train on: every feature is constant or NULL in all training rows"
    );
}

#[test]
fn two_columns_of_one_name() {
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    let schema = Schema::new(vec![field("x"), field("click"), field("x")]);
    assert_eq!(
        infer(&schema, &labels(&["click"])).unwrap_err().to_string(),
        "the query has two columns \"x\"; give one of them another name with AS"
    );
}

#[test]
fn prediction_over_other_columns() {
    let log = rows(10).project(&[0, 1, 4]).unwrap();
    let encoder = fit(&log, &labels(&["click"]), no_split()).unwrap().encoder;
    let fitted = encoder.fitted();
    let bind = |fields: &[(&str, DataType)]| {
        let fields = fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true));
        fitted.bind(&Schema::new(fields.collect::<Vec<_>>()))
    };
    let (text, number) = (DataType::Utf8View, DataType::UInt8);
    let reordered = bind(&[
        ("more", text.clone()),
        ("text", text.clone()),
        ("X", number.clone()),
    ]);
    assert_eq!(reordered.unwrap().positions(), [2, 1]);
    assert_eq!(
        bind(&[("x", number.clone()), ("y", text.clone())])
            .unwrap_err()
            .to_string(),
        "model needs column \"text\", which the query lacks; the model needs: x, text; the query has: x, y"
    );
    assert_eq!(
        bind(&[("x", text.clone()), ("text", text.clone())])
            .unwrap_err()
            .to_string(),
        "column \"x\" is of type Utf8View, but the model was trained on numbers (Int64)"
    );
    assert_eq!(
        bind(&[("x", number.clone()), ("text", number.clone())])
            .unwrap_err()
            .to_string(),
        "column \"text\" is of type UInt8, but the model was trained on text (Utf8)"
    );
    assert!(bind(&[("x", number), ("text", DataType::Null)]).is_ok());
}
