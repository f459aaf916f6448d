//! Models on disk: restarts, damage, several processes, no right to write.

use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use sqltorch::Engine;

use crate::time::wait_until;

const LOGS: &str = "CREATE TABLE logs AS SELECT i % 40 AS user_id, (i % 10) / 10.0 AS price, \
     CASE WHEN i % 40 < 15 THEN 1 ELSE 0 END AS click FROM generate_series(1, 400) AS t(i)";

/// An engine with a table of logs.
async fn engine(models: &Path) -> Engine {
    let engine = Engine::builder()
        .model_dir(models)
        .device("cpu")
        .threads(2)
        .build()
        .unwrap();
    run(&engine, LOGS).await.unwrap();
    engine
}

async fn run(engine: &Engine, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let frame = engine.sql(sql).await.map_err(|e| e.to_string())?;
    frame.collect().await.map_err(|e| e.to_string())
}

fn create(name: &str, seed: u64) -> String {
    format!(
        "CREATE OR REPLACE MODEL {name} OPTIONS (input_label_cols = ['click'], epochs = 2, \
         batch_size = 64, seed = {seed}) AS SELECT * FROM logs"
    )
}

async fn scores(engine: &Engine, model: &str) -> Result<Vec<f32>, String> {
    let sql =
        format!("SELECT p_click FROM PREDICT(MODEL {model}, TABLE logs) ORDER BY user_id, price");
    let batches = run(engine, &sql).await?;
    let columns = batches
        .iter()
        .map(|b| b.column(0).as_primitive::<Float32Type>());
    Ok(columns.flat_map(|c| c.values().to_vec()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_are_bit_equal_after_a_restart_and_for_one_seed() {
    let folder = tempfile::tempdir().unwrap();
    let first = engine(folder.path()).await;
    run(&first, &create("a", 7)).await.unwrap();
    run(&first, &create("b", 7)).await.unwrap();
    run(&first, &create("c", 8)).await.unwrap();
    let a = scores(&first, "a").await.unwrap();
    assert_eq!(a.len(), 400);
    assert_eq!(a, scores(&first, "b").await.unwrap());
    assert_ne!(a, scores(&first, "c").await.unwrap());
    let second = engine(folder.path()).await;
    assert_eq!(a, scores(&second, "a").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_or_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    run(&engine(folder.path()).await, &create("m", 7))
        .await
        .unwrap();
    let files = files(folder.path());
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let good = std::fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&file, bad).unwrap();
        let error = scores(&engine(folder.path()).await, "m").await.unwrap_err();
        assert!(
            error.contains(&name) && error.contains("damaged"),
            "{name}: {error}"
        );
        std::fs::remove_file(&file).unwrap();
        let error = scores(&engine(folder.path()).await, "m").await.unwrap_err();
        assert!(
            error.contains(&name) && error.contains("missing"),
            "{name}: {error}"
        );
        std::fs::write(&file, good).unwrap();
    }
    scores(&engine(folder.path()).await, "m").await.unwrap();
}

/// The non-empty files under `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.metadata().unwrap().len() > 0 {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn another_format_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    run(&engine(folder.path()).await, &create("m", 7))
        .await
        .unwrap();
    let version = folder.path().join("m/1");
    with_format(&version, 99);
    let error = scores(&engine(folder.path()).await, "m").await.unwrap_err();
    assert!(
        error.contains("manifest.json has format version 99") && error.contains("newer"),
        "{error}"
    );
    with_format(&version, 1);
    let error = scores(&engine(folder.path()).await, "m").await.unwrap_err();
    assert!(
        error.contains("format version 1") && error.contains("train the model again"),
        "{error}"
    );
}

/// Gives the version in `folder` another format, with checksums that are right.
fn with_format(version: &Path, format: u32) {
    use sha2::{Digest, Sha256};
    let manifest = std::fs::read_to_string(version.join("manifest.json")).unwrap();
    let (head, tail) = manifest.split_once("\"format_version\": ").unwrap();
    let (_, tail) = tail.split_once(',').unwrap();
    let newer = format!("{head}\"format_version\": {format},{tail}");
    assert_ne!(manifest, newer);
    std::fs::write(version.join("manifest.json"), &newer).unwrap();
    let sum = |text: &str| -> String {
        let bytes = Sha256::digest(text.as_bytes());
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    };
    let sums = std::fs::read_to_string(version.join("SHA256SUMS")).unwrap();
    let sums = sums.replace(&sum(&manifest), &sum(&newer));
    let (body, _) = sums.trim_end().rsplit_once('\n').unwrap();
    let body = format!("{body}\n");
    let sums = format!("{body}{}  SHA256SUMS\n", sum(&body));
    std::fs::write(version.join("SHA256SUMS"), sums).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_train_and_read_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (engine(folder.path()).await, engine(folder.path()).await);
    let (train_a, train_b) = (create("m", 1), create("m", 2));
    let (left, right) = tokio::join!(run(&a, &train_a), run(&b, &train_b));
    left.unwrap();
    right.unwrap();
    let versions = run(&a, "SELECT name FROM ml_models()").await.unwrap();
    assert_eq!(versions.iter().map(|v| v.num_rows()).sum::<usize>(), 2);
    assert_eq!(
        scores(&a, "m").await.unwrap(),
        scores(&b, "m").await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_dropped_in_use_is_an_error_or_no_matter() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    run(&engine, &create("m", 7)).await.unwrap();
    let sql = "SELECT count(p_click) FROM PREDICT(MODEL m, TABLE logs)";
    let running = engine.sql(sql).await.unwrap();
    let running = running.create_physical_plan().await.unwrap();
    let planned = engine.sql(sql).await.unwrap();
    run(&engine, "DROP MODEL m").await.unwrap();
    let context = engine.context().task_ctx();
    let error = datafusion::physical_plan::collect(running, context).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("model m.1 was dropped"), "{error}");
    let error = planned.collect().await.unwrap_err().to_string();
    assert!(error.contains("unknown model \"m\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_found_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let engine = engine(&file.join("models")).await;
    let error = run(&engine, &create("m", 7)).await.unwrap_err();
    assert!(error.contains("can't write in the model folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_training_leaves_no_version() {
    use futures::StreamExt;
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    let sql = "CREATE MODEL m OPTIONS (input_label_cols = ['click'], epochs = 100000, \
               early_stop = false) AS SELECT * FROM logs";
    let mut stream = engine
        .sql(sql)
        .await
        .unwrap()
        .execute_stream()
        .await
        .unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let drafts = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries
            .filter(|e| e.as_ref().unwrap().path().is_dir())
            .count()
    };
    wait_until("the draft is still there", || drafts() == 0);
    assert!(engine.model_names().is_empty());
    run(&engine, &create("m", 7)).await.unwrap();
}

/// A session of the user's own, with DataFusion's parser.
#[tokio::test(flavor = "multi_thread")]
async fn register_all_teaches_a_plain_session() {
    use datafusion::prelude::SessionContext;
    let folder = tempfile::tempdir().unwrap();
    let context = SessionContext::new();
    let id = context.session_id();
    context.sql(LOGS).await.unwrap().collect().await.unwrap();
    sqltorch::register_all(&context).unwrap();
    sqltorch::register_all(&context).unwrap();
    assert_eq!(id, context.session_id());
    let run = async |sql: String| context.sql(&sql).await?.collect().await;
    let set = format!("SET sqltorch.model_dir = '{}'", folder.path().display());
    run(set).await.unwrap();
    let train = "SELECT * FROM ml_train('m', (SELECT * FROM logs), input_label_cols => ['click'], \
                 epochs => 1)";
    run(train.into()).await.unwrap();
    let count = "SELECT 1 FROM predict('m', (SELECT * FROM logs)) WHERE p_click > 0";
    let rows = run(count.into()).await.unwrap();
    assert_eq!(rows.iter().map(|b| b.num_rows()).sum::<usize>(), 400);
    let auc = "SELECT auc(click, predict('m', named_struct('user_id', user_id, 'price', price))['p_click']) FROM logs";
    run(auc.into()).await.unwrap();
    run("SELECT * FROM ml_drop('m')".into()).await.unwrap();
}

/// Whoever is done first: each statement has streamed the number that its version got.
#[tokio::test(flavor = "multi_thread")]
async fn trainings_at_once_have_versions_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let one = engine(folder.path()).await;
    let other = engine(folder.path()).await;
    let streamed = |batches: Vec<RecordBatch>| {
        let column = batches[0].column_by_name("version").unwrap().clone();
        column
            .as_primitive::<arrow::datatypes::Int64Type>()
            .value(0)
    };
    let (a, b) = (create("m", 1), create("m", 2));
    let (a, b) = tokio::join!(run(&one, &a), run(&other, &b));
    let mut versions = [(streamed(a.unwrap()), 1), (streamed(b.unwrap()), 2)];
    versions.sort_unstable();
    assert_eq!(versions.map(|(version, _)| version), [1, 2]);
    for (version, seed) in versions {
        let sql = format!("SELECT statement FROM ml_show_create('m.{version}')");
        let shown = run(&one, &sql).await.unwrap();
        let text = shown[0].column(0).as_string::<i32>().value(0).to_string();
        assert!(text.contains(&format!("seed = {seed}")), "{text}");
    }
}

/// Weights, vocabularies and activations count against the memory limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_larger_than_the_memory_limit_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let roomy = engine(folder.path()).await;
    let large = "OPTIONS (input_label_cols = ['click'], epochs = 1, expert_units = [1024, 1024], num_experts = 16)";
    let create = format!("CREATE MODEL large {large} AS SELECT * FROM logs");
    run(&roomy, &create).await.unwrap();
    let tight = Engine::builder()
        .model_dir(folder.path())
        .memory_limit(40_000_000)
        .build()
        .unwrap();
    run(&tight, LOGS).await.unwrap();
    let text = scores(&tight, "large").await.unwrap_err();
    assert!(
        text.contains("model large.1 needs") && text.contains("memory limit"),
        "{text}"
    );
    // A batch of all rows, wide on its way through many experts of few weights.
    let wide = "OPTIONS (input_label_cols = ['click'], batch_size = 1000000, num_experts = 1000, \
                expert_units = [8], embedding_dim = 1, exclude_cols = ['price'])";
    let create = format!("CREATE MODEL wide {wide} AS SELECT l.* FROM logs l CROSS JOIN logs m");
    let text = run(&tight, &create).await.unwrap_err();
    assert!(text.contains("batch_size"), "{text}");
    run(&tight, "SELECT 1").await.unwrap();
}
