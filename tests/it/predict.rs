//! Prediction as a plan node: what it shows, and how its batches leave it.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use sqltorch::Engine;

async fn run(engine: &Engine, sql: &str) -> Vec<RecordBatch> {
    let frame = engine.sql(sql).await.unwrap();
    frame.collect().await.unwrap()
}

async fn engine(models: &std::path::Path) -> Engine {
    let engine = Engine::builder()
        .model_dir(models)
        .device("cpu")
        .threads(4)
        .build()
        .unwrap();
    let logs = "CREATE TABLE logs AS SELECT i AS row, i % 40 AS user_id, CASE WHEN i % 40 < 15 THEN 1 ELSE 0 END AS click \
                FROM generate_series(1, 60000) AS t(i)";
    let create = "CREATE MODEL m OPTIONS (input_label_cols = ['click'], exclude_cols = ['row'], epochs = 1, \
                  batch_size = 4096) AS SELECT * FROM logs WHERE row <= 4000";
    run(&engine, logs).await;
    run(&engine, create).await;
    engine
}

/// EXPLAIN shows what was asked for, ANALYZE what it came to.
#[tokio::test(flavor = "multi_thread")]
async fn analyze_shows_device_and_precision_that_were_used() {
    let models = tempfile::tempdir().unwrap();
    let engine = engine(models.path()).await;
    let plan = |analyze: &'static str| {
        let engine = engine.clone();
        async move {
            let sql = format!("EXPLAIN {analyze} SELECT p_click FROM PREDICT(MODEL m, TABLE logs)");
            let rows = run(&engine, &sql).await;
            let text: Vec<_> = rows
                .iter()
                .flat_map(|batch| batch.column(1).as_string::<i32>().iter())
                .flatten()
                .map(str::to_string)
                .collect();
            text.join("\n")
        }
    };
    let asked = plan("FORMAT INDENT").await;
    assert!(asked.contains("device=cpu, precision=auto"), "{asked}");
    let used = plan("ANALYZE").await;
    let known = [
        "device=cpu, precision=float32",
        "device=cpu, precision=bfloat16",
    ];
    assert!(known.iter().any(|known| used.contains(known)), "{used}");
    for metric in [
        "batches=",
        "unseen_values=",
        "encode_time=",
        "inference_time=",
    ] {
        assert!(used.contains(metric), "{metric} in {used}");
    }
}

/// A large batch_size joins the batches of the query.
#[tokio::test(flavor = "multi_thread")]
async fn batches_are_joined_up_to_the_batch_size() {
    let models = tempfile::tempdir().unwrap();
    let engine = engine(models.path()).await;
    run(&engine, "SET datafusion.execution.batch_size = 500").await;
    let mut counts = Vec::new();
    for option in ["", ", batch_size => 100000"] {
        let sql = format!(
            "EXPLAIN ANALYZE SELECT sum(p_click) FROM PREDICT(MODEL m, (SELECT * FROM logs){option})"
        );
        let rows = run(&engine, &sql).await;
        let text = rows[0].column(1).as_string::<i32>().value(0).to_string();
        let (_, rest) = text.split_once("PredictExec").unwrap();
        let (_, rest) = rest.split_once(" batches=").unwrap();
        let count = rest.split(',').next().unwrap().parse::<usize>().unwrap();
        assert!(
            rest.contains("output_rows=60") || text.contains("output_rows=60"),
            "{text}"
        );
        counts.push(count);
    }
    // At most one for each of the four partitions.
    assert!(counts[0] >= 8 && counts[1] <= 4, "{counts:?}");
}

/// Several batches of a partition are scored at once, but leave in the order in which they came: a file
/// that is in order needs no sorting behind a prediction.
#[tokio::test(flavor = "multi_thread")]
async fn rows_keep_their_order() {
    let models = tempfile::tempdir().unwrap();
    let engine = engine(models.path()).await;
    let file = models.path().join("sorted.parquet");
    let file = file.display();
    run(
        &engine,
        &format!("COPY (SELECT * FROM logs ORDER BY row) TO '{file}'"),
    )
    .await;
    let table = "CREATE EXTERNAL TABLE sorted STORED AS PARQUET WITH ORDER (row ASC)";
    run(&engine, &format!("{table} LOCATION '{file}'")).await;
    run(&engine, "SET datafusion.execution.batch_size = 500").await;
    let sql = "SELECT row, p_click FROM PREDICT(MODEL m, TABLE sorted) ORDER BY row";
    let plan = engine.sql(sql).await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let text = datafusion::physical_plan::displayable(plan.as_ref()).indent(false);
    let text = text.to_string();
    assert!(!text.contains("SortExec"), "{text}");
    let rows = run(&engine, sql).await;
    let rows: Vec<i64> = rows
        .iter()
        .flat_map(|batch| {
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    assert_eq!(rows, (1..=60_000).collect::<Vec<_>>());
}

/// What is held in a plan is a reference to a model: another session, which has never heard of it, runs the
/// plan to the same rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_runs_in_another_session() {
    let models = tempfile::tempdir().unwrap();
    let engine = engine(models.path()).await;
    let create = "CREATE MODEL g OPTIONS (model_type = 'copula', exclude_cols = ['row'], \
                  constraints = ['user_id > 3']) AS SELECT * FROM logs WHERE row <= 1000";
    run(&engine, create).await;
    for sql in [
        "SELECT row, p_click FROM PREDICT(MODEL m, (SELECT * FROM logs WHERE row < 200)) ORDER BY row",
        "SELECT * FROM GENERATE(MODEL g, n => 100, seed => 7)",
    ] {
        let frame = engine.sql(sql).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let elsewhere = SessionContext::new().task_ctx();
        let rows = datafusion::physical_plan::collect(plan, elsewhere);
        let rows = rows.await.unwrap();
        let expected = run(&engine, sql).await;
        let schema = expected[0].schema();
        let [rows, expected] = [rows, expected].map(|rows| concat_batches(&schema, &rows).unwrap());
        assert_eq!(rows, expected, "{sql}");
        assert!(rows.num_rows() >= 100);
    }
}
