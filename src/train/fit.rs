//! The supervised loop: epochs over encoded rows, early stop on the eval part.

use std::time::Instant;

use tch::{Device, Kind};

use super::early_stop::EarlyStop;
use super::evaluate::{TaskScore, evaluate};
use super::learner::{Learner, Rows};
use super::loss::Loss;
use super::options::TrainOptions;
use super::prefetch::prefetched;
use super::report::{Epoch, TrainingEvent};
use super::running::Running;
use crate::error::{Error, Result};
use crate::feature::{Budget, Order, RowSet, TaskKind};
use crate::layer::Params;
use crate::model::{Architecture, FunnelRule, Spec};
use crate::tensor::batch::Resident;

/// All that one training needs.
pub struct Fit<'a> {
    /// The architecture.
    pub architecture: &'static Architecture,
    /// Its inputs and sizes.
    pub spec: &'a Spec,
    /// The loss and the kind of each task.
    pub tasks: Vec<(Loss, TaskKind)>,
    /// What a row reads of the embedding table, as [`crate::feature::Layout::leaves`] has it: for the ids, then for each
    /// list, the first rows of their ranges.
    pub leaves: Vec<Vec<usize>>,
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
    /// What matrix products are computed in: f32 or bfloat16.
    pub products: Kind,
    /// Threads that share a step on the CPU.
    pub threads: usize,
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
    let spec = with_priors(fit.spec, &fit.tasks, fit.architecture, fit.train);
    let mut trainer = Trainer::new(fit, &spec, &params, report)?;
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
            let weights: Vec<_> = history[first_new..].iter().map(|row| row.weight).collect();
            history.extend(trainer.rows(epoch, "eval", start, &found, &weights));
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
    trainer.learner.dense.refresh()?;
    if let (Some(best), Some(eval)) = (best_epoch, fit.eval)
        && best != last
    {
        scores = trainer.score(eval)?;
    }
    drop(trainer);
    drop(memory);
    Ok(Trained {
        params,
        history,
        best_epoch: best_epoch.unwrap_or(last),
        scores,
    })
}

/// The spec with each task's output bias at the logit of its share of positives, or the logarithm of
/// its classes' shares: among the positives of the task before it, where its logit is one given that
/// task.
fn with_priors(
    spec: &Spec,
    kinds: &[(Loss, TaskKind)],
    architecture: &Architecture,
    train: &RowSet,
) -> Spec {
    let mut spec = spec.clone();
    let funnel = match architecture.funnel {
        FunnelRule::Product => spec.config.funnel.clone(),
        FunnelRule::Own => Vec::new(),
    };
    for (i, task) in spec.tasks.iter_mut().enumerate() {
        let before = funnel
            .windows(2)
            .find(|pair| pair[1] == i)
            .map(|pair| pair[0]);
        let labels = train.labels(i);
        // Half a row on each side keeps it finite.
        let share = |count: f64| count + 0.5;
        task.prior = match (&kinds[i].1, before) {
            (TaskKind::Binary, before) => {
                let given = before.map(|before| train.labels(before).positives());
                let rows = given.unwrap_or(labels.labelled) as f64;
                let positives = (labels.positives() as f64).min(rows);
                vec![(share(positives) / share(rows - positives)).ln()]
            }
            (TaskKind::MultiClass(_), _) => {
                let rows = share(labels.labelled as f64);
                let counts = labels.classes.iter();
                counts.map(|&n| (share(n as f64) / rows).ln()).collect()
            }
            (TaskKind::Regression(_), _) => vec![0.],
        };
    }
    spec
}

/// The train rows on a GPU with what they take of the budget; none where they don't fit, to be read
/// batch by batch.
fn resident<'a>(fit: &Fit<'a>) -> Result<Option<(Resident, Memory<'a>)>> {
    if fit.device == Device::Cpu {
        return Ok(None);
    }
    // On the CPU: the labels once more, and the numbers of the rows.
    let bytes = fit.train.rows() as usize * (4 * fit.spec.tasks.len() + 8);
    if !fit.budget.try_grow(bytes) {
        return Ok(None);
    }
    let memory = Memory {
        budget: fit.budget,
        bytes,
    };
    match Resident::new(fit.train, fit.device) {
        Ok(rows) => Ok(Some((rows, memory))),
        Err(Error::Torch(_) | Error::Resources(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// What learns, and what an epoch needs beside it.
struct Trainer<'a> {
    fit: &'a Fit<'a>,
    learner: Learner,
    /// The train rows, where they are kept on a GPU.
    resident: Option<(Resident, Memory<'a>)>,
    report: &'a dyn Fn(&TrainingEvent) -> bool,
}

impl<'a> Trainer<'a> {
    fn new(
        fit: &'a Fit<'a>,
        spec: &Spec,
        params: &Params,
        report: &'a dyn Fn(&TrainingEvent) -> bool,
    ) -> Result<Self> {
        Ok(Self {
            fit,
            learner: Learner::new(fit, spec, params)?,
            resident: resident(fit)?,
            report,
        })
    }

    /// One pass over the train rows; returns its rows of the history.
    fn train_epoch(&mut self, epoch: usize) -> Result<Vec<Epoch>> {
        let options = self.fit.options;
        let start = Instant::now();
        let seed = options.seed;
        let mut running = Running::new(&self.fit.tasks);
        let order = Order::Shuffled {
            seed,
            epoch: epoch as u64,
        };
        let total = self.fit.train.rows();
        let batches = total.div_ceil(options.batch_size as u64);
        let mut batch = 0;
        let mut rows = 0;
        let resident = self.resident.take();
        let train = self.fit.train;
        let mut learn = |now: Rows| {
            batch += 1;
            rows += now.count() as u64;
            let done = (epoch - 1) as f64 + (batch - 1) as f64 / batches as f64;
            let progress = done / options.epochs as f64;
            let seed = [seed, epoch as u64, batch];
            self.learner.step(&now, seed, progress, &mut running)?;
            if batch % 16 == 1 || batch == batches {
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
                losses: vec![("loss", running.mean)],
                seconds_left: left as f64 / rows_per_second,
            };
            match (self.report)(&event) {
                true => Ok(()),
                false => Err(Error::cancelled()),
            }
        };
        match &resident {
            Some((resident, _)) => {
                let numbers = train.shuffled(seed, epoch as u64);
                for numbers in numbers.chunks(options.batch_size) {
                    let (batch, labels) = resident.batch(numbers)?;
                    learn(Rows::Resident(batch, labels))?;
                }
            }
            None => {
                let iter = train.batches(options.batch_size, order);
                prefetched(iter, |encoded| learn(Rows::Encoded(encoded)))?;
            }
        }
        self.resident = resident;
        running.check(epoch)?;
        self.learner.after_epoch(&running.means());
        let scores = running.scores();
        Ok(self.rows(epoch, "train", start, &scores, &running.mean_weights()))
    }

    /// Every task over `rows`.
    fn score(&mut self, rows: &RowSet) -> Result<Vec<TaskScore>> {
        let (fit, report) = (self.fit, self.report);
        let go_on = || report(&TrainingEvent::Evaluating);
        let (workers, shards) = (&self.learner.workers, &mut self.learner.shards);
        let batch = fit.options.batch_size;
        evaluate(
            workers,
            shards,
            rows,
            batch,
            &fit.tasks,
            fit.user_column,
            &go_on,
        )
    }

    /// The rows of the history; `weights` are the tasks' mean ones of the epoch.
    fn rows(
        &self,
        epoch: usize,
        split: &str,
        start: Instant,
        scores: &[TaskScore],
        weights: &[f64],
    ) -> Vec<Epoch> {
        let seconds = start.elapsed().as_secs_f64();
        let tasks = &self.fit.spec.tasks;
        tasks
            .iter()
            .zip(scores)
            .zip(weights)
            .map(|((task, score), &weight)| Epoch {
                epoch: epoch as i64,
                split: split.to_string(),
                task: task.name.clone(),
                loss: score.loss,
                auc: score.metric("auc"),
                weight,
                rows: score.rows as i64,
                seconds,
            })
            .collect()
    }
}

/// What weights, moments, the copy of the best epoch and a batch take of the budget, while training
/// runs.
struct Memory<'a> {
    budget: &'a dyn Budget,
    bytes: usize,
}

impl<'a> Memory<'a> {
    fn reserve(fit: &Fit<'a>) -> Result<Self> {
        let rows = fit.table_rows;
        let bytes = fit.options.memory_bytes(
            fit.architecture,
            fit.spec,
            rows,
            fit.threads,
            fit.train.rows(),
        )?;
        if fit.budget.try_grow(bytes) {
            return Ok(Self {
                budget: fit.budget,
                bytes,
            });
        }
        Err(Error::resources(format!(
            "the weights ({} embeddings of {} values, and the layers), their optimizer and a batch need \
             {} MB, more than the memory limit leaves; lower embedding_dim, max_vocabulary, the layers' \
             units or batch_size, or raise the limit",
            fit.table_rows,
            fit.architecture.row_width(fit.spec),
            bytes.div_ceil(1 << 20)
        )))
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        self.budget.shrink(self.bytes);
    }
}
