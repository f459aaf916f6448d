//! Every architecture, from SQL: trained, evaluated, applied to values it has not seen, read back.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use sqltorch::Engine;

/// A funnel of two steps in two scenarios with opposite tastes. `buy` is NULL where nothing was clicked.
const LOGS: &str = "CREATE TABLE logs AS SELECT i % 40 AS user_id, i % 7 AS item_id, \
     CASE i % 2 WHEN 0 THEN 'home' ELSE 'search' END AS scene, (i % 10) / 10.0 AS price, \
     CASE WHEN (i % 40 < 20) = (i % 2 = 0) THEN 1 ELSE 0 END AS click, \
     CASE WHEN (i % 40 < 20) = (i % 2 = 0) THEN CASE WHEN i % 7 < 3 THEN 1 ELSE 0 END END AS buy \
     FROM generate_series(1, 2000) AS t(i)";

async fn run(engine: &Engine, sql: &str) -> Vec<RecordBatch> {
    let frame = engine
        .sql(sql)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    frame
        .collect()
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn texts(rows: &[RecordBatch]) -> Vec<String> {
    let columns = rows.iter().map(|b| b.column(0).as_string::<i32>());
    columns
        .flat_map(|c| c.iter().flatten().map(str::to_string).collect::<Vec<_>>())
        .collect()
}

fn floats(rows: &[RecordBatch], column: usize) -> Vec<f32> {
    let columns = rows
        .iter()
        .map(|b| b.column(column).as_primitive::<Float32Type>());
    columns.flat_map(|c| c.values().to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_model_type_learns_and_keeps_to_the_funnel() {
    let models = tempfile::tempdir().unwrap();
    let engine = |threads| {
        let builder = Engine::builder().model_dir(models.path()).device("cpu");
        builder.threads(threads).build().unwrap()
    };
    let first = engine(2);
    run(&first, LOGS).await;
    let again = engine(2);
    run(&again, LOGS).await;
    for name in texts(
        &run(
            &first,
            "SELECT model_type FROM ml_model_types() WHERE kind = 'predictor'",
        )
        .await,
    ) {
        let create = format!(
            "CREATE MODEL {name} OPTIONS (model_type = '{name}', input_label_cols = ['buy', 'click'], \
             funnel = ['click', 'buy'], scenario_col = 'scene', user_col = 'user_id', item_col = 'item_id', \
             hidden_units = [32, 16], expert_units = [32, 16], tower_units = [16], num_experts = 2, \
             epochs = 12, batch_size = 128, learn_rate = 0.003, data_split_method = 'no_split', \
             precision = 'float32') AS SELECT * FROM logs"
        );
        run(&first, &create).await;
        let evaluate = format!("SELECT task, auc, rows FROM EVALUATE(MODEL {name}, TABLE logs)");
        let auc = run(&first, &evaluate).await;
        let rows = auc[0]
            .column(2)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec();
        let auc = auc[0]
            .column(1)
            .as_primitive::<Float64Type>()
            .values()
            .to_vec();
        // Of buy over all rows: its NULL labels stand behind a click that is 0.
        assert!(auc.iter().all(|auc| *auc > 0.95), "{name}: {auc:?}");
        assert_eq!(rows, [2000, 2000], "{name}");

        // The same scores in another session; a scene that training has not seen is scored too.
        let predict = format!(
            "SELECT p_buy, p_click FROM PREDICT(MODEL {name}, (SELECT user_id, item_id, price, scene FROM logs \
             UNION ALL SELECT 3, 4, 0.5, 'radio')) ORDER BY user_id, item_id, price, scene"
        );
        let scores = run(&first, &predict).await;
        let (buy, click) = (floats(&scores, 0), floats(&scores, 1));
        let read_back = run(&again, &predict).await;
        assert_eq!(buy, floats(&read_back, 0), "{name}");
        assert_eq!(buy.len(), 2001);
        assert!(
            buy.iter().chain(&click).all(|p| (0. ..=1.).contains(p)),
            "{name}"
        );
        // A product of the funnel never exceeds what comes before; two models only tend to that.
        if !["aitm", "dbmtl"].contains(&name.as_str()) {
            assert!(
                buy.iter().zip(&click).all(|(buy, click)| buy <= click),
                "{name}"
            );
        }
        // One task alone is scored as with the others.
        let alone = predict.replace("SELECT p_buy, p_click", "SELECT p_buy");
        let alone = floats(&run(&first, &alone).await, 0);
        assert!(
            buy.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5),
            "{name}"
        );
    }
}

/// What a network has learnt without gradients, the statistics of star, comes out the same however its
/// threads run, goes back to the best epoch with the weights, and is stored with them.
#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_a_part_of_the_model() {
    let models = tempfile::tempdir().unwrap();
    let engine = || {
        let builder = Engine::builder().model_dir(models.path()).device("cpu");
        builder.threads(2).build().unwrap()
    };
    let first = engine();
    run(&first, LOGS).await;
    let mut scores = Vec::new();
    for name in ["one", "other"] {
        let create = format!(
            "CREATE MODEL {name} OPTIONS (model_type = 'star', input_label_cols = ['click'], scenario_col = 'scene', \
             user_col = 'user_id', hidden_units = [16], tower_units = [], epochs = 6, batch_size = 512, \
             learn_rate = 0.1) AS SELECT * FROM logs"
        );
        run(&first, &create).await;
        let predict = format!(
            "SELECT p_click FROM PREDICT(MODEL {name}, TABLE logs) ORDER BY user_id, item_id"
        );
        scores.push(floats(&run(&first, &predict).await, 0));
        let again = engine();
        run(&again, LOGS).await;
        scores.push(floats(&run(&again, &predict).await, 0));
    }
    assert!(scores.iter().all(|s| *s == scores[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_loss_weighting_learns() {
    let models = tempfile::tempdir().unwrap();
    let builder = Engine::builder().model_dir(models.path()).device("cpu");
    let engine = builder.threads(2).build().unwrap();
    run(&engine, LOGS).await;
    // No batch has many rows that say whether a click was liked.
    run(
        &engine,
        "CREATE TABLE liked AS SELECT *, CASE WHEN item_id = 2 THEN click END AS liked FROM logs",
    )
    .await;
    let names = [
        "fixed",
        "uncertainty",
        "dwa",
        "rlw",
        "gradnorm",
        "metabalance",
        "pcgrad",
        "mgda",
        "cagrad",
        "famo",
    ];
    for name in names {
        // What aitm adds to the losses belongs to no task.
        let architectures: &[_] = match name {
            "pcgrad" | "famo" => &["mmoe", "aitm"],
            _ => &["mmoe"],
        };
        for architecture in architectures {
            let create = format!(
                "CREATE OR REPLACE MODEL m OPTIONS (model_type = '{architecture}', \
                 input_label_cols = ['buy', 'click', 'liked'], funnel = ['click', 'buy'], scenario_col = 'scene', \
                 user_col = 'user_id', item_col = 'item_id', hidden_units = [32, 16], expert_units = [32, 16], \
                 tower_units = [16], num_experts = 2, epochs = 12, batch_size = 128, learn_rate = 0.003, \
                 data_split_method = 'no_split', loss_weighting = '{name}') AS SELECT * FROM liked"
            );
            run(&engine, &create).await;
            let evaluate = "SELECT task, auc FROM EVALUATE(MODEL m, TABLE liked)";
            let auc = run(&engine, evaluate).await;
            let auc = auc[0].column(1).as_primitive::<Float64Type>();
            let auc = auc.values();
            assert!(
                auc.iter().all(|auc| *auc > 0.95),
                "{name}, {architecture}: {auc:?}"
            );
            let weights = "SELECT epoch, weight FROM TRAINING_INFO(MODEL m)";
            let weights = run(&engine, weights).await;
            let weights = weights[0].column(1).as_primitive::<Float64Type>();
            assert_eq!(weights.len(), 36, "{name}");
            let good = |w: &f64| w.is_finite() && *w >= 0. && (name != "fixed" || *w == 1.);
            assert!(
                weights.values().iter().all(good),
                "{name}, {architecture}: {weights:?}"
            );
        }
    }
}
