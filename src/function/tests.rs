use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::*;

mod classes;
mod weights;

/// Rows whose metrics are known from numpy and scikit-learn 1.9:
/// `i = arange(5000); y = i * 7919 % 101 < 30; p = (i * 104729 % 50 + 6 * y + 1) / 64; u = (i * i + i // 7) % 97`.
/// Scores tie across classes, and 32 bits hold them exactly.
const LOG: &str = "CREATE TABLE log AS SELECT i, u, y, (i * 104729 % 50 + 6 * y + 1) / 64.0::DOUBLE AS p FROM (
    SELECT value AS i, CASE WHEN value * 7919 % 101 < 30 THEN 1 ELSE 0 END AS y, (value * value + value / 7) % 97 AS u
    FROM generate_series(0, 4999))";

/// roc_auc_score, its mean over u weighted by rows, average_precision_score, log_loss, the root of mean_squared_error, numpy by bins, log_loss
/// over the entropy of the mean of y, and mean_absolute_error.
const EXPECTED: [(&str, f64); 8] = [
    ("auc(y, p)", 0.613_733_299_832_778),
    ("gauc(y, p, u)", 0.605_254_218_634_495_4),
    ("pr_auc(y, p)", 0.457_106_312_471_337_5),
    ("log_loss(y, p)", 0.664_586_461_942_929_7),
    ("rmse(y, p)", 0.488_664_474_614_228_5),
    ("calibration_error(y, p)", 0.181_443_75),
    ("normalized_entropy(y, p)", 1.092_219_833_029_232_5),
    ("mae(y, p)", 0.430_656_25),
];

/// ndcg_score, which takes the mean over ties, also of grades and of 2 ** grades - 1, average_precision_score, and numpy
/// over scores without ties, each a mean over u.
const RANKED: [(&str, f64); 8] = [
    ("ndcg_at(5, y, p, u)", 0.611_801_065_226_394_2),
    ("ndcg_at(5, i * 31 % 5, p, u)", 0.498_613_137_966_889_8),
    (
        "ndcg_at(5, i * 31 % 5, p, u, 'exponential')",
        0.318_668_748_601_884_16,
    ),
    (
        "precision_at(5, y, p - i / 10000000.0, u)",
        0.521_649_484_536_082_5,
    ),
    (
        "map_at(100, y, p - i / 10000000.0, u)",
        0.475_609_444_923_163_04,
    ),
    (
        "recall_at(5, y, p - i / 10000000.0, u)",
        0.193_062_651_737_339_08,
    ),
    (
        "hit_rate_at(5, y, p - i / 10000000.0, u)",
        0.958_762_886_597_938_2,
    ),
    (
        "mrr_at(5, y, p - i / 10000000.0, u)",
        0.925_601_374_570_446_7,
    ),
];

fn context(partitions: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(100);
    let ctx = SessionContext::new_with_config(config);
    for function in aggregates() {
        ctx.register_udaf(function);
    }
    for function in SCALARS {
        ctx.register_udf(function());
    }
    ctx
}

async fn run(ctx: &SessionContext, sql: &str) -> Result<RecordBatch, DataFusionError> {
    let frame = ctx.sql(sql).await?;
    let schema = Arc::clone(frame.schema().inner());
    let batches = frame.collect().await?;
    Ok(arrow::compute::concat_batches(&schema, &batches)?)
}

/// The first column of the only row.
async fn number(ctx: &SessionContext, sql: &str) -> Option<f64> {
    let rows = run(ctx, sql).await.unwrap();
    assert_eq!(rows.num_rows(), 1, "{sql}");
    at(rows.column(0), 0)
}

fn at(column: &ArrayRef, row: usize) -> Option<f64> {
    let numbers = column.as_primitive::<Float64Type>();
    numbers.is_valid(row).then(|| numbers.value(row))
}

async fn error(sql: &str) -> DataFusionError {
    let ctx = context(1);
    match run(&ctx, sql).await {
        Ok(rows) => panic!("{sql} gave {rows:?}"),
        Err(error) => root(error),
    }
}

/// Without the contexts and notes that planning wraps around.
fn root(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(*inner),
        DataFusionError::Collection(mut all) => root(all.remove(0)),
        other => other,
    }
}

fn close(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-9)
}

#[tokio::test]
async fn every_function_has_documentation_whose_example_runs() {
    let ctx = context(2);
    let aggregates = aggregates();
    let scalars: Vec<_> = SCALARS.iter().map(|f| f()).collect();
    let documented = aggregates
        .iter()
        .map(|f| (f.name(), f.documentation(), f.signature()))
        .chain(
            scalars
                .iter()
                .map(|f| (f.name(), f.documentation(), f.signature())),
        );
    for (name, documentation, signature) in documented {
        let documentation = documentation.unwrap_or_else(|| panic!("{name} has no documentation"));
        assert!(documentation.description.ends_with('.'), "{name}");
        assert!(
            documentation
                .syntax_example
                .starts_with(&format!("{name}(")),
            "{name}"
        );
        let names = signature.parameter_names.clone().unwrap_or_default();
        let arguments = documentation.arguments.clone().unwrap_or_default();
        let documented: Vec<_> = arguments.into_iter().map(|(name, _)| name).collect();
        assert_eq!(documented, names, "{name}");
        let example = documentation.sql_example.as_deref().unwrap_or_default();
        assert!(example.contains(&format!("{name}(")), "{name}");
        let rows = run(&ctx, example).await.unwrap();
        assert_eq!(rows.num_rows(), 1, "{name}");
        assert!(rows.column(0).is_valid(0), "{name}");
    }
}

async fn log(partitions: usize) -> SessionContext {
    let ctx = context(partitions);
    run(&ctx, LOG).await.unwrap();
    ctx
}

#[tokio::test]
async fn agree_with_scikit_learn_in_any_number_of_partitions() {
    for partitions in [1, 2, 5] {
        let ctx = log(partitions).await;
        for (call, expected) in EXPECTED.into_iter().chain(RANKED) {
            let value = number(&ctx, &format!("SELECT {call} FROM log")).await;
            assert!(close(value, expected), "{call} = {value:?} in {partitions}");
        }
    }
}

#[tokio::test]
async fn several_partitions_merge_partial_states() {
    let ctx = log(3).await;
    for (call, _) in EXPECTED {
        let plan = run(&ctx, &format!("EXPLAIN SELECT {call} FROM log"))
            .await
            .unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&[plan])
            .unwrap()
            .to_string();
        assert!(text.contains("Partial") && text.contains("Final"), "{text}");
    }
}

#[tokio::test]
async fn take_labels_and_scores_of_any_number_type() {
    let ctx = log(2).await;
    let labels = [
        "y",
        "y = 1",
        "y::TINYINT",
        "y::DOUBLE",
        "y::REAL",
        "y::DECIMAL(3, 1)",
        "y::BIGINT UNSIGNED",
        "arrow_cast(y, 'Dictionary(Int32, Int64)')",
    ];
    let scores = [
        "p",
        "p::REAL",
        "p::DECIMAL(12, 8)",
        "arrow_cast(p, 'Float16')",
    ];
    for (call, expected) in EXPECTED {
        for (label, score) in labels
            .iter()
            .map(|l| (*l, "p"))
            .chain(scores.map(|s| ("y", s)))
        {
            let call = call.replace("(y, p", &format!("({label}, {score}"));
            let value = number(&ctx, &format!("SELECT {call} FROM log")).await;
            assert!(close(value, expected), "{call} = {value:?}");
        }
    }
    // Integers are scores as well: the order is the same.
    let value = number(&ctx, "SELECT auc(y, (p * 64)::INT) FROM log").await;
    assert!(close(value, EXPECTED[0].1), "{value:?}");
}

#[tokio::test]
async fn groups_of_any_scalar_type_give_the_same() {
    let ctx = log(3).await;
    let groups = [
        "u::VARCHAR",
        "arrow_cast(u, 'Utf8')",
        "u::DOUBLE",
        "u::SMALLINT",
        "u::DECIMAL(9, 2)",
        "to_timestamp(u)",
        "arrow_cast(u::VARCHAR, 'Dictionary(Int32, Utf8)')",
        "arrow_cast(u::VARCHAR, 'Binary')",
    ];
    for group in groups {
        let value = number(&ctx, &format!("SELECT gauc(y, p, {group}) FROM log")).await;
        assert!(close(value, EXPECTED[1].1), "{group}: {value:?}");
    }
    let value = number(&ctx, "SELECT gauc(y, p, u > 0) FROM log WHERE u > 0").await;
    let plain = number(&ctx, "SELECT auc(y, p) FROM log WHERE u > 0").await;
    assert!(close(value, plain.unwrap()), "{value:?}");
}

/// With and without the state of single rows that DataFusion asks for when grouping reduces nothing.
#[tokio::test]
async fn group_by_gives_each_group_its_own_value() {
    for settings in ["2", "0"] {
        let ctx = log(3).await;
        run(
            &ctx,
            "SET datafusion.execution.skip_partial_aggregation_probe_rows_threshold = 1",
        )
        .await
        .unwrap();
        let ratio = format!(
            "SET datafusion.execution.skip_partial_aggregation_probe_ratio_threshold = {settings}"
        );
        run(&ctx, &ratio).await.unwrap();
        // The mean of the groups' areas by rows is the grouped area; squares and losses add up.
        let sql = "SELECT sum(a * n) / sum(n), sqrt(sum(r * r * n) / sum(n)), sum(l * n) / sum(n), min(g - a), max(g - a)
            FROM (SELECT u, count(*)::DOUBLE AS n, auc(y, p) AS a, rmse(y, p) AS r, log_loss(y, p) AS l,
                gauc(y, p, 'one') AS g FROM log GROUP BY u)";
        let rows = run(&ctx, sql).await.unwrap();
        for (column, expected) in [EXPECTED[1].1, EXPECTED[4].1, EXPECTED[3].1, 0.0, 0.0]
            .into_iter()
            .enumerate()
        {
            let value = at(rows.column(column), 0);
            assert!(close(value, expected), "column {column} = {value:?}");
        }
    }
}

#[tokio::test]
async fn filter_and_order_by_and_names_work() {
    let ctx = log(2).await;
    let where_ = number(&ctx, "SELECT auc(y, p) FROM log WHERE u < 20")
        .await
        .unwrap();
    for call in [
        "auc(y, p) FILTER (WHERE u < 20)",
        "auc(score => p, label => y) FILTER (WHERE u < 20)",
        "auc(y, p ORDER BY i DESC) FILTER (WHERE u < 20)",
        "AUC(y, CASE WHEN u < 20 THEN p END)",
        "auc(CASE WHEN u < 20 THEN y END, p)",
    ] {
        let value = number(&ctx, &format!("SELECT {call} FROM log")).await;
        assert!(close(value, where_), "{call} = {value:?}");
    }
    let by_group =
        "SELECT auc(y, p) FILTER (WHERE u < 20) FROM log GROUP BY u < 50 ORDER BY u < 50 DESC";
    let rows = run(&ctx, by_group).await.unwrap();
    assert!(close(at(rows.column(0), 0), where_));
    assert_eq!(at(rows.column(0), 1), None);
}

#[tokio::test]
async fn a_running_window_keeps_its_rows() {
    let ctx = log(2).await;
    for (call, expected) in EXPECTED {
        let sql = format!(
            "SELECT {call} OVER (ORDER BY i) AS v FROM log WHERE i < 5000 ORDER BY i DESC LIMIT 1"
        );
        let value = number(&ctx, &sql).await;
        assert!(close(value, expected), "{call} = {value:?}");
    }
}

#[tokio::test]
async fn undefined_values_are_null() {
    let ctx = context(2);
    let none = "(SELECT 1 AS y, 0.5 AS p, 1 AS u WHERE false)";
    let nulls = "(VALUES (NULL, 0.5, 1), (1, NULL, 1), (0, NULL, NULL)) AS t(y, p, u)";
    for (call, _) in EXPECTED {
        for rows in [none, nulls] {
            let value = number(&ctx, &format!("SELECT {call} FROM {rows}")).await;
            assert_eq!(value, None, "{call} FROM {rows}");
        }
    }
    for call in [
        "auc(1, p)",
        "auc(false, p)",
        "gauc(y, p, p)",
        "gauc(y, p, NULL)",
        "auc(NULL, p)",
        "rmse(y, NULL)",
    ] {
        let value = number(
            &ctx,
            &format!("SELECT {call} FROM (VALUES (0, 0.1), (1, 0.2)) AS t(y, p)"),
        )
        .await;
        assert_eq!(value, None, "{call}");
    }
}

#[tokio::test]
async fn rows_without_a_group_are_left_out() {
    let ctx = context(1);
    let sql = "SELECT gauc(y, p, u) FROM (VALUES (0, 0.1, 1), (1, 0.2, 1), (0, 0.9, NULL), (1, 0.2, NULL)) AS t(y, p, u)";
    assert_eq!(number(&ctx, sql).await, Some(1.0));
}

#[tokio::test]
async fn a_nan_score_shows_in_the_result() {
    let ctx = context(1);
    for (call, _) in EXPECTED {
        let sql =
            format!("SELECT {call} FROM (VALUES (0, 0.5, 1), (1, 'NaN'::DOUBLE, 1)) AS t(y, p, u)");
        let value = number(&ctx, &sql).await;
        assert!(value.is_some_and(f64::is_nan), "{call} = {value:?}");
    }
}

#[tokio::test]
async fn rejects_labels_other_than_0_and_1() {
    for (value, shown) in [
        ("2", "2"),
        ("-1", "-1"),
        ("0.5", "0.5"),
        ("'NaN'::DOUBLE", "NaN"),
    ] {
        for name in ["auc", "log_loss", "calibration_error"] {
            let error = error(&format!(
                "SELECT {name}(y, 0.5) FROM (VALUES (1), ({value})) AS t(y)"
            ))
            .await;
            assert!(matches!(error, DataFusionError::Execution(_)), "{error:?}");
            let message = format!("{name}: label must be 0 or 1, got {shown}");
            assert!(error.to_string().contains(&message), "{error}");
        }
    }
}

#[tokio::test]
async fn rejects_scores_that_are_no_probabilities() {
    for name in ["log_loss", "calibration_error"] {
        let error = error(&format!(
            "SELECT {name}(y, 1.5::REAL) FROM (VALUES (1), (0)) AS t(y)"
        ))
        .await;
        assert!(matches!(error, DataFusionError::Execution(_)), "{error:?}");
        let message = format!("{name}: score must be a probability between 0 and 1, got 1.5");
        assert!(error.to_string().contains(&message), "{error}");
    }
}

#[tokio::test]
async fn rejects_wrong_calls_when_planning() {
    for (call, message) in [
        (
            "auc(y)",
            "auc takes 2 arguments (label, score) and may take weight, got 1",
        ),
        (
            "gauc(y, p, 1, 2, 3)",
            "gauc takes 3 arguments (label, score, group) and may take weight, got 5",
        ),
        (
            "auc('yes', p)",
            "auc: label must be BOOLEAN or a number that is 0 or 1, got Utf8",
        ),
        ("auc(y, 'high')", "auc: score must be a number, got Utf8"),
        ("rmse('yes', p)", "rmse: label must be a number, got Utf8"),
        (
            "gauc(y, p, [1])",
            "gauc: group must be of a scalar type, got List",
        ),
        ("auc(y, true)", "auc: score must be a number, got Boolean"),
        (
            "auc(DISTINCT y, p)",
            "auc does not take DISTINCT: every row counts",
        ),
        (
            "gauc(DISTINCT y, p, 1)",
            "gauc does not take DISTINCT: every row counts",
        ),
    ] {
        for group_by in ["", " GROUP BY y"] {
            let error = error(&format!(
                "SELECT {call} FROM (VALUES (1, 0.5), (0, 0.1)) AS t(y, p){group_by}"
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
async fn the_memory_of_scores_is_counted() {
    let runtime = datafusion::execution::runtime_env::RuntimeEnvBuilder::new()
        .with_memory_limit(100_000, 1.0)
        .build_arc()
        .unwrap();
    for call in [
        "auc(value % 2, value)",
        "gauc(value % 2, value, value % 9)",
        "macro_f1(value, value)",
    ] {
        let ctx = SessionContext::new_with_config_rt(
            SessionConfig::new().with_target_partitions(1),
            Arc::clone(&runtime),
        );
        for function in aggregates() {
            ctx.register_udaf(function);
        }
        let sql = format!("SELECT {call} FROM generate_series(1, 100000)");
        let error = root(run(&ctx, &sql).await.unwrap_err());
        assert!(
            matches!(error, DataFusionError::ResourcesExhausted(_)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn torch_info_is_a_struct_whose_fields_can_be_named() {
    let ctx = context(1);
    let rows = run(
        &ctx,
        "SELECT torch_info()['version'], torch_info()['threads'], torch_info()",
    )
    .await
    .unwrap();
    assert_eq!(rows.column(0).as_string::<i32>().value(0), "2.11.0");
    assert!(
        rows.column(1)
            .as_primitive::<arrow::datatypes::Int64Type>()
            .value(0)
            >= 1
    );
    assert!(matches!(rows.column(2).data_type(), DataType::Struct(fields) if fields.len() == 6));
}

#[tokio::test]
async fn k_is_a_positive_constant() {
    let ctx = log(2).await;
    for k in ["5", "5::SMALLINT", "2 + 3"] {
        let value = number(
            &ctx,
            &format!("SELECT ndcg_at(k => {k}, label => y, score => p, \"group\" => u) FROM log"),
        )
        .await;
        assert!(close(value, RANKED[0].1), "{k}: {value:?}");
    }
    for (k, message) in [
        ("0", "recall_at: k must be at least 1, got 0"),
        ("-3", "recall_at: k must be at least 1, got -3"),
        ("NULL::INT", "recall_at: k must be at least 1, got NULL"),
        ("y", "recall_at: k must be a constant, got"),
        ("2.5", "recall_at: k must be an integer, got Float64"),
    ] {
        for group_by in ["", " GROUP BY y"] {
            let sql = format!(
                "SELECT recall_at({k}, y, 0.5, 1) FROM (VALUES (1), (0)) AS t(y){group_by}"
            );
            let error = error(&sql).await;
            assert!(matches!(error, DataFusionError::Plan(_)), "{error:?}");
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
