//! One workload, measured in this process.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::physical_plan::{ExecutionPlan, collect};
use serde::{Deserialize, Serialize};
use sqltorch::{Engine, Progress, TrainingEvent};

use crate::Result;
use crate::workload::Workload;

/// Rows a second, and memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The workload.
    pub workload: String,
    /// Reading the Parquet file and encoding it for training, vocabularies included.
    pub encode: f64,
    /// Training, one epoch without encoding.
    pub train: f64,
    /// The means of all predictions by SQL over the Parquet file, from planning to the result.
    pub predict_parquet: f64,
    /// The same over a table in memory.
    pub predict_memory: f64,
    /// The network alone, rows encoded: rows over the time in it, divided by the partitions at work.
    pub score: f64,
    /// Peak resident memory in MB.
    pub peak_mb: f64,
}

/// When the first batch was trained on.
#[derive(Default)]
struct FirstBatch(Mutex<Option<Instant>>);

impl Progress for FirstBatch {
    fn event(&self, event: &TrainingEvent) {
        if matches!(event, TrainingEvent::Batch { .. })
            && let Ok(mut first) = self.0.lock()
        {
            first.get_or_insert_with(Instant::now);
        }
    }
}

/// Measures `workload`.
pub async fn measure(workload: &Workload, work: &Path) -> Result<Measured> {
    let models = tempfile::tempdir_in(work)?;
    let first = Arc::new(FirstBatch::default());
    let engine = Engine::builder()
        .model_dir(models.path())
        .progress(first.clone())
        .build()?;
    let start = Instant::now();
    let trained = engine.sql(&workload.create(work)).await?.collect().await?;
    let rows = trained[0]
        .column_by_name("rows")
        .ok_or("no rows")?
        .as_primitive::<Int64Type>()
        .value(0) as f64;
    let seconds = trained[0]
        .column_by_name("seconds")
        .ok_or("no seconds")?
        .as_primitive::<Float64Type>()
        .value(0);
    let batch = rows.min(2048.) / rows * seconds;
    let began = first
        .0
        .lock()
        .map_err(|e| e.to_string())?
        .ok_or("nothing was trained")?;
    let encode = (began - start).as_secs_f64() - batch;
    let parquet = format!("'{}'", workload.file(work).display());
    // The first prediction loads the model.
    run(&engine, &format!("{} LIMIT 1", workload.predict(&parquet))).await?;
    let (parquet_rows, parquet_seconds, _) = timed(&engine, workload, &parquet).await?;
    run(
        &engine,
        &format!("CREATE TABLE rows AS SELECT * FROM {parquet}"),
    )
    .await?;
    let mut best = timed(&engine, workload, "rows").await?;
    for _ in 0..2 {
        let again = timed(&engine, workload, "rows").await?;
        if again.1 < best.1 {
            best = again;
        }
    }
    let (memory_rows, memory_seconds, network_seconds) = best;
    Ok(Measured {
        workload: workload.name.into(),
        encode: rows / encode,
        train: rows / seconds,
        predict_parquet: parquet_rows / parquet_seconds,
        predict_memory: memory_rows / memory_seconds,
        score: memory_rows / network_seconds,
        peak_mb: peak_mb()?,
    })
}

async fn run(engine: &Engine, sql: &str) -> Result {
    engine.sql(sql).await?.collect().await?;
    Ok(())
}

/// Rows predicted, wall time of the query, and that of the network at all partitions' pace.
async fn timed(engine: &Engine, workload: &Workload, table: &str) -> Result<(f64, f64, f64)> {
    let start = Instant::now();
    let plan = engine
        .sql(&workload.predict(table))
        .await?
        .create_physical_plan()
        .await?;
    let result = collect(plan.clone(), engine.context().task_ctx()).await?;
    let wall = start.elapsed().as_secs_f64();
    if result.iter().all(|batch| batch.column(0).is_null(0)) {
        return Err("no prediction".into());
    }
    let mut rows = 0.;
    let mut network = 0.;
    visit(&plan, &mut |node| {
        if node.name() == "PredictExec"
            && let Some(metrics) = node.metrics()
        {
            rows = metrics.output_rows().unwrap_or(0) as f64;
            let time = metrics
                .sum_by_name("inference_time")
                .map_or(0, |value| value.as_usize());
            network = time as f64 / 1e9;
        }
    });
    let partitions = std::thread::available_parallelism()?.get() as f64;
    Ok((rows, wall, network / partitions))
}

fn visit(plan: &Arc<dyn ExecutionPlan>, look: &mut impl FnMut(&Arc<dyn ExecutionPlan>)) {
    look(plan);
    for child in plan.children() {
        visit(child, look);
    }
}

/// The most memory that this process ever held.
fn peak_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM in /proc")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.)
}
