//! The supervised loop: epochs over encoded rows, early stop on the eval part.
//!
//! Shapes: B rows, C id columns, D embedding width, T tasks.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::early_stop::EarlyStop;
use super::evaluate::{TaskScore, append, evaluate, task_loss};
use super::optimizer::{DenseOptimizer, Optimizer, RowOptimizer, Rule};
use super::report::{Epoch, TrainingEvent};
use super::weighting;
use crate::error::{Error, Result};
use crate::feature::{Budget, EncodedBatch, Order, RowSet};
use crate::layer::{Mode, Params};
use crate::metric;
use crate::model::{Architecture, Input, Network, Spec, TABLE};
use crate::tensor::batch::{self, Batch};

/// How to train, whatever the architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainOptions {
    /// Epochs at the most.
    pub epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Learn rate of the dense weights.
    pub learn_rate: f64,
    /// Learn rate of the embedding table; that of its rule when not given.
    pub embedding_learn_rate: Option<f64>,
    /// The rules of a step.
    pub optimizer: Optimizer,
    /// Weight of the squared weights in the loss.
    pub l2_reg: f64,
    /// Whether to stop when the eval loss no longer falls, and restore the best epoch.
    pub early_stop: bool,
    /// The relative fall of the eval loss below which training stops.
    pub min_rel_progress: f64,
    /// The strategy's name.
    pub loss_weighting: String,
    /// One weight a task, in task order.
    pub loss_weights: Vec<f64>,
    /// Seed of weights, dropout and the order of rows.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 2048,
            learn_rate: 0.001,
            embedding_learn_rate: None,
            optimizer: Optimizer::Auto,
            l2_reg: 0.,
            early_stop: true,
            min_rel_progress: 0.001,
            loss_weighting: "fixed".into(),
            loss_weights: Vec::new(),
            seed: 42,
        }
    }
}

impl TrainOptions {
    /// Bytes that the embedding table of `rows` rows of `width` values takes with its moments and
    /// the copy of the best epoch; the dense weights are small beside it.
    pub fn memory_bytes(&self, rows: usize, width: usize) -> usize {
        let copies = if self.early_stop { 2 } else { 1 };
        copies * rows * width * 4 + RowOptimizer::state_bytes(self.optimizer.rows(), rows, width)
    }

    /// Learn rate of the embedding table. Row-wise Adagrad divides by the root of all squares so far
    /// and so takes far larger ones than Adam.
    pub fn table_learn_rate(&self) -> f64 {
        self.embedding_learn_rate
            .unwrap_or(match self.optimizer.rows() {
                Rule::Adagrad => 0.1,
                Rule::Adam => self.learn_rate,
            })
    }
}

/// All that one training needs.
pub struct Fit<'a> {
    /// The architecture.
    pub architecture: &'static Architecture,
    /// Its inputs and sizes.
    pub spec: &'a Spec,
    /// Rows of the embedding table.
    pub table_rows: usize,
    /// The id column of users, for gauc.
    pub user_column: Option<usize>,
    /// Rows to learn from.
    pub train: &'a RowSet,
    /// Rows held back.
    pub eval: Option<&'a RowSet>,
    /// How to train.
    pub options: &'a TrainOptions,
    /// Where the network lives.
    pub device: Device,
    /// Who is asked for the memory of weights and moments.
    pub budget: &'a dyn Budget,
}

/// A trained network.
pub struct Trained {
    /// All weights, the embedding table included.
    pub params: Params,
    /// A row per epoch, split and task.
    pub history: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
    /// Every task over the rows held back; empty without such rows.
    pub scores: Vec<TaskScore>,
}

/// Rows of the train split whose predictions are kept for its AUC.
const TRAIN_AUC_ROWS: usize = 1 << 20;

/// Trains. `report` hears of every batch and epoch; it returns false to cancel.
///
/// # Errors
/// `Cancelled`; `Resources` when weights and moments don't fit in the budget; `Execution` when the
/// loss becomes infinite or NaN; `Io` when spilled rows can't be read.
pub fn fit(
    fit: &Fit,
    report: &dyn Fn(&TrainingEvent) -> bool,
    epoch_done: &mut dyn FnMut(&[Epoch]),
) -> Result<Trained> {
    let memory = Memory::reserve(fit)?;
    let params = Params::fresh(fit.options.seed, fit.device);
    let spec = with_priors(fit.spec, fit.train);
    let network = Network::new(fit.architecture, &spec, fit.table_rows as i64, &params)?;
    let mut trainer = Trainer::new(fit, &network, &params, report)?;
    let mut history = Vec::new();
    let mut stop = EarlyStop::new(
        fit.options.early_stop && fit.eval.is_some(),
        fit.options.min_rel_progress,
    );
    let everything: Vec<_> = params
        .tensors()
        .into_iter()
        .map(|(_, t)| t.detach())
        .collect();
    let mut scores = Vec::new();
    let mut last = 0;
    for epoch in 1..=fit.options.epochs {
        last = epoch;
        let first_new = history.len();
        history.extend(trainer.train_epoch(epoch)?);
        if let Some(eval) = fit.eval {
            let start = Instant::now();
            let found = trainer.score(eval)?;
            history.extend(trainer.rows(epoch, "eval", start, &found));
            let losses: Vec<_> = found.iter().filter_map(|s| s.loss).collect();
            let mean = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
            scores = found;
            epoch_done(&history[first_new..]);
            if stop.observe(epoch, mean, &everything)? {
                break;
            }
        } else {
            epoch_done(&history[first_new..]);
        }
    }
    let best_epoch = {
        let _guard = tch::no_grad_guard();
        stop.restore(&everything)?
    };
    if let (Some(best), Some(eval)) = (best_epoch, fit.eval)
        && best != last
    {
        scores = trainer.score(eval)?;
    }
    drop(trainer);
    drop(network);
    drop(memory);
    Ok(Trained {
        params,
        history,
        best_epoch: best_epoch.unwrap_or(last),
        scores,
    })
}

/// The spec with each task's output bias at the logit of its share of positives.
fn with_priors(spec: &Spec, train: &RowSet) -> Spec {
    let mut spec = spec.clone();
    for (i, task) in spec.tasks.iter_mut().enumerate() {
        let (positives, rows) = (train.positives(i) as f64, train.labelled(i) as f64);
        // Half a row on each side keeps it finite.
        task.prior = ((positives + 0.5) / (rows - positives + 0.5)).ln();
    }
    spec
}

/// Network, optimizers and what an epoch needs beside them.
struct Trainer<'a> {
    fit: &'a Fit<'a>,
    network: &'a Network,
    dense: DenseOptimizer,
    table: RowOptimizer,
    weighting: Box<dyn weighting::LossWeighting>,
    tasks: Vec<usize>,
    report: &'a dyn Fn(&TrainingEvent) -> bool,
}

impl<'a> Trainer<'a> {
    fn new(
        fit: &'a Fit<'a>,
        network: &'a Network,
        params: &Params,
        report: &'a dyn Fn(&TrainingEvent) -> bool,
    ) -> Result<Self> {
        let options = fit.options;
        let dense = params
            .tensors()
            .into_iter()
            .filter(|(name, _)| name != TABLE)
            .map(|(_, tensor)| tensor.set_requires_grad(true))
            .collect();
        let num_tasks = fit.spec.tasks.len();
        let weights = match options.loss_weights.len() {
            0 => vec![1.; num_tasks],
            _ => options.loss_weights.clone(),
        };
        Ok(Self {
            fit,
            network,
            dense: DenseOptimizer::new(
                options.optimizer.dense(),
                options.learn_rate,
                options.l2_reg,
                dense,
            ),
            table: RowOptimizer::new(
                options.optimizer.rows(),
                options.table_learn_rate(),
                options.l2_reg,
                network.table(),
            ),
            weighting: (weighting::find(&options.loss_weighting)?.build)(&weights),
            tasks: (0..num_tasks).collect(),
            report,
        })
    }

    /// One pass over the train rows; returns its rows of the history.
    fn train_epoch(&mut self, epoch: usize) -> Result<Vec<Epoch>> {
        let options = self.fit.options;
        let num_tasks = self.tasks.len();
        let start = Instant::now();
        let seed = options.seed;
        // Dropout draws from the global generator: each epoch begins it anew.
        tch::manual_seed((seed ^ ((epoch as u64) << 32)) as i64);
        let mut running = Running::new(num_tasks);
        let mut encoded = EncodedBatch::default();
        let order = Order::Shuffled {
            seed,
            epoch: epoch as u64,
        };
        let total = self.fit.train.rows();
        let batches = total.div_ceil(options.batch_size as u64);
        let mut iter = self.fit.train.batches(options.batch_size, order);
        let mut batch = 0;
        let mut rows = 0;
        while iter.next_into(&mut encoded)? {
            batch += 1;
            rows += encoded.rows as u64;
            self.step(&encoded, &mut running)?;
            if batch % 16 == 0 || batch == batches {
                running.check(epoch)?;
            }
            let seconds = start.elapsed().as_secs_f64();
            let rows_per_second = rows as f64 / seconds.max(1e-9);
            let left = total * (options.epochs - epoch) as u64 + (total - rows.min(total));
            let event = TrainingEvent::Batch {
                epoch,
                epochs: options.epochs,
                batch,
                batches,
                rows_per_second,
                loss: running.mean,
                seconds_left: left as f64 / rows_per_second,
            };
            if !(self.report)(&event) {
                return Err(Error::cancelled());
            }
        }
        running.check(epoch)?;
        Ok(self.rows(epoch, "train", start, &running.scores()))
    }

    /// One step of all optimizers.
    fn step(&mut self, encoded: &EncodedBatch, running: &mut Running) -> Result<()> {
        let device = self.fit.device;
        let width = self.fit.spec.embedding_dim;
        let batch = Batch::new(encoded, device)?;
        let labels = batch::labels(encoded, device)?; // [B, T]
        let fields = {
            let _guard = tch::no_grad_guard();
            self.network.embed(&batch.ids) // [B, C, D]
        }
        .set_requires_grad(true);
        let input = Input {
            fields: fields.shallow_clone(),
            numbers: batch.numbers,
        };
        let logits = self.network.logits(&input, &self.tasks, Mode::Train);
        let losses: Vec<_> = logits
            .iter()
            .enumerate()
            .map(|(task, logits)| task_loss(logits, &labels.select(1, task as i64)))
            .collect();
        let loss = self.weighting.combine(&losses);
        let mut leaves: Vec<&Tensor> = self.dense.weights().iter().collect();
        if fields.numel() > 0 {
            leaves.push(&fields);
        }
        let mut gradients = Tensor::f_run_backward(&[&loss], &leaves, false, false)?;
        if fields.numel() > 0
            && let Some(gradient) = gradients.pop()
        {
            let gradient = gradient.f_reshape([-1, width])?;
            let ids = batch.ids.f_flatten(0, -1)?;
            self.table.step(&ids, &encoded.ids, &gradient)?;
        }
        self.dense.step(&gradients)?;
        running.add(encoded, &logits, &losses)
    }

    /// Every task over `rows`.
    fn score(&self, rows: &RowSet) -> Result<Vec<TaskScore>> {
        let fit = self.fit;
        let go_on = || (self.report)(&TrainingEvent::Evaluating);
        evaluate(
            self.network,
            rows,
            self.tasks.len(),
            fit.user_column,
            fit.device,
            &go_on,
        )
    }

    fn rows(&self, epoch: usize, split: &str, start: Instant, scores: &[TaskScore]) -> Vec<Epoch> {
        let seconds = start.elapsed().as_secs_f64();
        let weights = self.weighting.weights();
        let tasks = &self.fit.spec.tasks;
        tasks
            .iter()
            .zip(scores)
            .zip(weights)
            .map(|((task, score), weight)| Epoch {
                epoch: epoch as i64,
                split: split.to_string(),
                task: task.name.clone(),
                loss: score.loss,
                auc: score.auc,
                weight,
                rows: score.rows as i64,
                seconds,
            })
            .collect()
    }
}

/// Losses and predictions of the epoch so far.
struct Running {
    /// Sum of each task's loss over its rows so far.
    sums: Vec<f64>,
    rows: Vec<u64>,
    positives: Vec<u64>,
    logits: Vec<Vec<f32>>,
    labels: Vec<Vec<f32>>,
    /// Loss tensors not yet read, with the rows of each task: reading waits for the device.
    pending: Vec<(Vec<Tensor>, Vec<u64>)>,
    /// Mean loss over the tasks.
    mean: f64,
}

impl Running {
    fn new(num_tasks: usize) -> Self {
        Self {
            sums: vec![0.; num_tasks],
            rows: vec![0; num_tasks],
            positives: vec![0; num_tasks],
            logits: vec![Vec::new(); num_tasks],
            labels: vec![Vec::new(); num_tasks],
            pending: Vec::new(),
            mean: 0.,
        }
    }

    fn add(&mut self, encoded: &EncodedBatch, logits: &[Tensor], losses: &[Tensor]) -> Result<()> {
        let num_tasks = losses.len();
        let mut inside = vec![0; num_tasks];
        let keep = self.labels[0].len() < TRAIN_AUC_ROWS;
        for task in 0..num_tasks {
            let labels = encoded.labels.iter().skip(task).step_by(num_tasks);
            for &label in labels.clone() {
                inside[task] += u64::from(!label.is_nan());
                self.positives[task] += u64::from(label == 1.);
            }
            if keep {
                self.labels[task].extend(labels);
                append(&mut self.logits[task], &logits[task].detach())?;
            }
        }
        let losses = losses.iter().map(Tensor::detach).collect();
        self.pending.push((losses, inside));
        Ok(())
    }

    /// Reads the losses so far.
    fn check(&mut self, epoch: usize) -> Result<()> {
        for (losses, rows) in self.pending.drain(..) {
            for (task, (loss, rows)) in losses.iter().zip(rows).enumerate() {
                self.sums[task] += loss.f_double_value(&[])? * rows as f64;
                self.rows[task] += rows;
            }
        }
        let means = self.means();
        self.mean = means.iter().flatten().sum::<f64>() / means.len().max(1) as f64;
        if self.mean.is_finite() {
            return Ok(());
        }
        Err(Error::execution(format!(
            "training diverged in epoch {epoch}: the loss is {}; a lower learn_rate helps most often",
            self.mean
        )))
    }

    fn means(&self) -> Vec<Option<f64>> {
        self.sums
            .iter()
            .zip(&self.rows)
            .map(|(sum, &rows)| (rows > 0).then(|| sum / rows as f64))
            .collect()
    }

    fn scores(&self) -> Vec<TaskScore> {
        self.means()
            .into_iter()
            .enumerate()
            .map(|(task, loss)| TaskScore {
                rows: self.rows[task],
                positives: self.positives[task],
                loss,
                auc: metric::auc::auc(&self.labels[task], &self.logits[task]),
                ..TaskScore::default()
            })
            .collect()
    }
}

/// What weights, moments and the copy of the best epoch take of the budget, while training runs.
struct Memory<'a> {
    budget: &'a dyn Budget,
    bytes: usize,
}

impl<'a> Memory<'a> {
    fn reserve(fit: &Fit<'a>) -> Result<Self> {
        let width = fit.spec.embedding_dim as usize;
        let bytes = fit.options.memory_bytes(fit.table_rows, width);
        if fit.budget.try_grow(bytes) {
            return Ok(Self {
                budget: fit.budget,
                bytes,
            });
        }
        Err(Error::resources(format!(
            "the embedding table of {} ids x {width} and its optimizer need {} MB, more than the \
             memory limit leaves; lower embedding_dim or max_vocabulary, or raise the limit",
            fit.table_rows,
            bytes.div_ceil(1 << 20)
        )))
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        self.budget.shrink(self.bytes);
    }
}
