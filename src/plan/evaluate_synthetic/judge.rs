//! Train on some rows, test on others: one small shared_bottom of fixed options tells what rows are
//! worth to learn from.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};

use crate::device::Precision;
use crate::error::{Error, Result};
use crate::feature::{self, Budget, ColumnOptions, FitOptions, Fitter, SplitMethod, TaskKind};
use crate::model::Config;
use crate::plan::options::ModelOptions;
use crate::plan::training::Trainer;
use crate::plan::watch::Watch;
use crate::train::{TrainOptions, TrainingEvent};

/// Rows of a step.
const BATCH_ROWS: usize = 256;
/// Steps of a training, about, within the bounds of epochs.
const STEPS: usize = 1000;
const EPOCHS: std::ops::RangeInclusive<usize> = 3..=30;

/// The judge, the same for all rows that it learns from.
pub struct Judge<'a> {
    /// Labels and their types, and which features are categories.
    pub columns: &'a ColumnOptions,
    /// Where it is trained.
    pub device: &'a str,
    /// Threads of a training.
    pub threads: usize,
    /// Seed of weights and of the order of rows.
    pub seed: u64,
    /// Who is asked for memory.
    pub budget: Arc<dyn Budget>,
    /// Where encoded rows go that don't fit in memory.
    pub spill_dir: PathBuf,
    /// Says when to stop.
    pub watch: &'a Watch,
}

/// The metrics of tasks.
pub const METRICS: [&str; 3] = ["tstr_auc", "tstr_log_loss", "tstr_rmse"];

/// The metric of a task of that kind.
pub fn metric(kind: &TaskKind) -> &'static str {
    match kind {
        TaskKind::Binary => METRICS[0],
        TaskKind::MultiClass(_) => METRICS[1],
        TaskKind::Regression(_) => METRICS[2],
    }
}

impl Judge<'_> {
    /// The metric of every label over `test`, learnt from `train`. `varies` says which labels have
    /// something to be learnt from; the others have no score, and none has where `teaches` says that no
    /// feature varies.
    ///
    /// # Errors
    /// As a fit and a training.
    pub fn scores(
        &self,
        train: &RecordBatch,
        test: &RecordBatch,
        varies: &[bool],
        teaches: bool,
    ) -> Result<Vec<Option<f64>>> {
        let mut columns = self.columns.clone();
        columns.labels.clear();
        for (label, varies) in self.columns.labels.iter().zip(varies) {
            match varies {
                true => columns.labels.push(label.clone()),
                false => columns.exclude_cols.push(label.clone()),
            }
        }
        let labels = columns.labels.clone();
        columns.label_types.retain(|name, _| labels.contains(name));
        if labels.is_empty() || !teaches || test.num_rows() == 0 {
            return Ok(vec![None; varies.len()]);
        }
        let (train, split) = marked(train, false)?;
        let (test, _) = marked(test, true)?;
        columns.split_col = Some(split);
        let spec = feature::infer(train.schema().as_ref(), &columns)?;
        let options = options(columns, train.num_rows(), self.seed);
        let fit = FitOptions {
            split: SplitMethod::Custom,
            seed: self.seed,
            threads: self.threads,
            stop: Some(self.watch.cancelled.clone()),
            ..FitOptions::default()
        };
        let fitter = Fitter::new(spec, fit, self.budget.clone(), self.spill_dir.clone())?;
        let mut rows = fitter.partition();
        rows.push(&train)?;
        rows.push(&test)?;
        let fitted = fitter.finish(vec![rows])?;
        let trainer = Trainer {
            options: &options,
            device: self.device,
            precision: Precision::Float32,
            threads: self.threads,
            budget: self.budget.as_ref(),
        };
        let go_on = |_: &TrainingEvent| self.watch.check().is_ok();
        let trained = trainer.train(&fitted, &go_on, &mut |_| ())?;
        let tasks = &fitted.encoder.layout().tasks;
        let mut scores = trained.scores.iter().zip(tasks);
        let mut score = || {
            let (score, task) = scores
                .next()
                .ok_or_else(|| Error::internal("a task of the judge has no score"))?;
            Ok(match task.kind {
                TaskKind::Binary => score.metric("auc"),
                TaskKind::MultiClass(_) => score.metric("log_loss"),
                TaskKind::Regression(_) => score.metric("rmse"),
            })
        };
        varies
            .iter()
            .map(|varies| if *varies { score() } else { Ok(None) })
            .collect()
    }
}

/// The options of the judge over so many rows to learn from.
fn options(columns: ColumnOptions, rows: usize, seed: u64) -> ModelOptions {
    let epochs = (STEPS * BATCH_ROWS).div_ceil(rows);
    ModelOptions {
        model_type: "shared_bottom".into(),
        columns,
        embedding_dim: 8,
        config: Config {
            hidden_units: vec![64, 32],
            tower_units: vec![16],
            ..Config::default()
        },
        train: TrainOptions {
            epochs: epochs.clamp(*EPOCHS.start(), *EPOCHS.end()),
            batch_size: BATCH_ROWS,
            early_stop: false,
            seed,
            ..TrainOptions::default()
        },
        ..ModelOptions::default()
    }
}

/// The rows with a column that says whether they are held back, and its name.
fn marked(rows: &RecordBatch, held_back: bool) -> Result<(RecordBatch, String)> {
    let schema = rows.schema();
    let mut name = "held_back".to_string();
    while feature::find_name(schema.fields().iter().map(|f| f.name().as_str()), &name).is_some() {
        name.push('_');
    }
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Field::new(&name, DataType::Boolean, false).into());
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(BooleanArray::from(vec![
        held_back;
        rows.num_rows()
    ])));
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    Ok((rows, name))
}
