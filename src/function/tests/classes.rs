//! Metrics over classes, over the same log: `c = u % 5; q = (c + (i * 7919 % 101 < 40)) % 6`.

use super::*;

/// accuracy_score and f1_score(average='macro', zero_division=0) of c and q, and of y and p >= 0.5.
const EXPECTED: [(&str, f64); 4] = [
    ("accuracy(c, q)", 0.604),
    ("macro_f1(c, q)", 0.527_404_944_350_814_4),
    ("accuracy(y, p >= 0.5)", 0.5854),
    ("macro_f1(y = 1, p >= 0.5)", 0.548_184_400_919_323_7),
];

pub(super) async fn classes(partitions: usize) -> SessionContext {
    let ctx = log(partitions).await;
    let view = "CREATE VIEW classes AS SELECT *, u % 5 AS c,
        (u % 5 + CASE WHEN i * 7919 % 101 < 40 THEN 1 ELSE 0 END) % 6 AS q FROM log";
    run(&ctx, view).await.unwrap();
    ctx
}

#[tokio::test]
async fn agree_with_scikit_learn_in_any_number_of_partitions() {
    for partitions in [1, 2, 5] {
        let ctx = classes(partitions).await;
        for (call, expected) in EXPECTED {
            let value = number(&ctx, &format!("SELECT {call} FROM classes")).await;
            assert!(close(value, expected), "{call} = {value:?} in {partitions}");
        }
    }
}

#[tokio::test]
async fn classes_are_of_any_scalar_type() {
    let ctx = classes(3).await;
    let casts = [
        "X::VARCHAR",
        "arrow_cast(X, 'Utf8')",
        "arrow_cast(X, 'LargeUtf8')",
        "X::SMALLINT",
        "X::DOUBLE",
        "X::DECIMAL(9, 2)",
        "to_timestamp(X)",
        "arrow_cast(X, 'Date32')",
        "arrow_cast(X::VARCHAR, 'Dictionary(Int32, Utf8)')",
        "arrow_cast(X::VARCHAR, 'Binary')",
    ];
    for cast in casts {
        let (c, q) = (cast.replace('X', "c::INT"), cast.replace('X', "q::INT"));
        for (call, expected) in &EXPECTED[..2] {
            let call = call.replace("(c, q", &format!("({c}, {q}"));
            let value = number(&ctx, &format!("SELECT {call} FROM classes")).await;
            assert!(close(value, *expected), "{call} = {value:?}");
        }
    }
    // Different types meet as they do around `=`.
    for pair in ["c::TINYINT, q::DOUBLE", "c::VARCHAR, q", "c, q::VARCHAR"] {
        let value = number(&ctx, &format!("SELECT macro_f1({pair}) FROM classes")).await;
        assert!(close(value, EXPECTED[1].1), "{pair}: {value:?}");
    }
}

/// With and without the state of single rows that DataFusion asks for when grouping reduces nothing.
#[tokio::test]
async fn group_by_gives_each_group_its_own_value() {
    for ratio in ["2", "0"] {
        let ctx = classes(3).await;
        for (setting, value) in [("rows", "1"), ("ratio", ratio)] {
            let set = format!(
                "SET datafusion.execution.skip_partial_aggregation_probe_{setting}_threshold = {value}"
            );
            run(&ctx, &set).await.unwrap();
        }
        let sql = "SELECT sum(a * n) / sum(n), avg(f) FROM (SELECT count(*)::DOUBLE AS n, accuracy(c, q) AS a,
            macro_f1(c::VARCHAR, q::VARCHAR) AS f FROM classes GROUP BY u % 7)";
        let rows = run(&ctx, sql).await.unwrap();
        // The mean of f1_score over u % 7.
        let means = [EXPECTED[0].1, 0.524_781_232_659_857_2];
        for (column, expected) in means.into_iter().enumerate() {
            let value = at(rows.column(column), 0);
            assert!(close(value, expected), "column {column} = {value:?}");
        }
    }
}

#[tokio::test]
async fn filter_window_and_names_work() {
    let ctx = classes(2).await;
    let some = number(&ctx, "SELECT macro_f1(c, q) FROM classes WHERE u < 20").await;
    for call in [
        "macro_f1(c, q) FILTER (WHERE u < 20)",
        "macro_f1(predicted => q, label => c) FILTER (WHERE u < 20)",
        "macro_f1(c, CASE WHEN u < 20 THEN q END)",
        "macro_f1(CASE WHEN u < 20 THEN c END, q)",
    ] {
        let value = number(&ctx, &format!("SELECT {call} FROM classes")).await;
        assert!(close(value, some.unwrap()), "{call} = {value:?}");
    }
    for (call, expected) in EXPECTED {
        let running = format!("{call} OVER (ORDER BY i) AS v FROM classes ORDER BY i DESC LIMIT 1");
        let value = number(&ctx, &format!("SELECT {running}")).await;
        assert!(close(value, expected), "{call} = {value:?}");
    }
}

#[tokio::test]
async fn without_rows_they_are_null() {
    let ctx = context(2);
    let nulls = "(VALUES (NULL, 'a'), ('b', NULL)) AS t(c, q)";
    for name in ["accuracy", "macro_f1"] {
        for sql in [
            format!("SELECT {name}(c, q) FROM {nulls}"),
            format!("SELECT {name}(c, NULL) FROM {nulls}"),
            format!("SELECT {name}(NULL, NULL) FROM {nulls}"),
            format!("SELECT {name}(1, 2) WHERE false"),
        ] {
            assert_eq!(number(&ctx, &sql).await, None, "{sql}");
        }
    }
}

#[tokio::test]
async fn zeros_of_both_signs_are_one_class() {
    let sql = "SELECT macro_f1(c, q) FROM (VALUES (0.0, -0.0), (-0.0, 0.0)) AS t(c, q)";
    assert_eq!(number(&context(1), sql).await, Some(1.0));
}

#[tokio::test]
async fn wrong_calls_are_rejected_when_planning() {
    for (call, message) in [
        (
            "accuracy(y)",
            "accuracy takes 2 arguments (label, predicted) and may take weight, got 1",
        ),
        (
            "macro_f1([y], [y])",
            "macro_f1: label must be of a scalar type, got List",
        ),
        (
            "accuracy(y = 1, 'yes')",
            "accuracy: label and predicted must be of one type, got Boolean and Utf8",
        ),
        (
            "accuracy(DISTINCT y, y + 1)",
            "accuracy does not take DISTINCT: every row counts",
        ),
    ] {
        for group_by in ["", " GROUP BY y"] {
            let error = error(&format!(
                "SELECT {call} FROM (VALUES (1)) AS t(y){group_by}"
            ))
            .await;
            assert!(
                matches!(error, DataFusionError::Plan(_)),
                "{call}: {error:?}"
            );
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}

#[tokio::test]
async fn groups_that_gauc_leaves_out_are_counted() {
    // numpy: of the values of u among the first 400 rows, those where y is constant.
    let count = "SELECT gauc_left_out(y, p, u)::DOUBLE FROM log WHERE i < 400";
    for partitions in [1, 3] {
        let ctx = log(partitions).await;
        assert_eq!(number(&ctx, count).await, Some(31.0));
    }
    let none =
        "SELECT gauc_left_out(y, p, u)::DOUBLE FROM (SELECT 1 AS y, 0.5 AS p, 1 AS u) WHERE u > 1";
    assert_eq!(number(&context(1), none).await, Some(0.0));
}
