//! The adversarial loop over coded rows: discriminator and generator step in turn, every epoch's
//! rows are compared with those held back, and the generator of the best is kept.
//!
//! A step has two halves that run side by side, a thread each: several threads inside libtorch cost more
//! than they bring at these sizes. So the result does not depend on the number of threads.

mod sampling;
mod step;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use tch::{Device, Tensor};

use super::checkpoint::{Checkpoint, Checkpoints, Progress};
use super::duel::{Losses, Side, scored};
use super::options::TrainOptions;
use super::report::{Epoch, TrainingEvent};
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::feature::table::{Allowed, Codec, Coded, Decoder};
use crate::feature::{Budget, Charge};
use crate::gan::TableGenerator;
use crate::gan::tabular::{
    Discriminator, Generator, Guide, Layout, PACK, Predictor, Sampler, Tuples,
};
use crate::layer::Params;
use crate::metric::synthetic::closeness::Closeness;
use crate::model::Config;
use crate::random::Draws;
use sampling::Rows;
use step::{Chance, Half, Replica, Rival, batch_rows};

/// What TRAINING_INFO shows of an epoch.
const LOSSES: &[&str] = &[
    "generator",
    "discriminator",
    "gradient_penalty",
    "likelihood",
    "guidance",
];

/// Decay of Adam's moments, as CTGAN has them.
const BETAS: (f64, f64) = (0.5, 0.9);

/// What is left of the learn rate in the end, so that the last epochs settle.
const LAST_RATE: f64 = 0.1;

/// Share of rows held back to compare with; how many at the most, and at the least to be worth it.
const HELD_BACK: (f64, usize, usize) = (0.1, 10_000, 200);

/// Rows of which less than this share of what real ones have are different have collapsed.
const COLLAPSED: f64 = 0.1;

/// Says how close rows come to the real ones at some positions.
pub trait Judge {
    /// Drawn rows.
    ///
    /// # Errors
    /// `Cancelled`.
    fn drawn(&self, real: Range<usize>, drawn: &Coded) -> Result<Closeness>;

    /// Other real rows: what can be had at the most.
    ///
    /// # Errors
    /// `Cancelled`.
    fn others(&self, real: Range<usize>, others: Range<usize>) -> Result<Closeness>;
}

/// All that one training needs.
pub struct Adversarial<'a> {
    /// How rows are coded.
    pub codec: &'a Codec,
    /// The rows, in random order.
    pub coded: &'a Coded,
    /// Sizes of layers.
    pub config: &'a Config,
    /// How to train.
    pub options: &'a TrainOptions,
    /// Compares the rows of an epoch.
    pub judge: &'a dyn Judge,
    /// Where the state after an epoch is kept.
    pub checkpoints: &'a dyn Checkpoints,
    /// Threads at the most.
    pub threads: usize,
    /// Who is asked for the memory of weights and batches.
    pub budget: Arc<dyn Budget>,
}

/// A trained generator.
pub struct Generated {
    /// What is stored.
    pub params: Params,
    /// A row per epoch and loss.
    pub history: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
}

/// Trains, with guidance where there is a guide. `report` hears of every step; it returns false to cancel.
///
/// # Errors
/// `Cancelled`; `Resources` when weights don't fit in the budget; `Execution` when a loss becomes
/// infinite or NaN, or the generated rows are all alike; `Io` when a checkpoint can't be written.
pub fn fit(
    fit: &Adversarial,
    guide: Option<Predictor>,
    report: &dyn Fn(&TrainingEvent) -> bool,
    epoch_done: &mut dyn FnMut(&[Epoch]),
) -> Result<Generated> {
    tch::set_num_threads(1);
    let mut memory = Charge::new(fit.budget.clone());
    let bytes = memory_bytes(fit)?;
    if !memory.ensure(bytes) {
        return Err(Error::resources(format!(
            "training needs {} MB for weights and batches, more than the memory limit leaves; lower \
             hidden_units, batch_size or max_vocabulary",
            bytes.div_ceil(1 << 20)
        )));
    }
    let mut trainer = Trainer::new(fit, guide)?;
    let mut progress = Progress::default();
    let mut best: Option<Tensor> = None;
    match fit.checkpoints.load()? {
        Some(saved) => {
            trainer.go_on_from(&saved)?;
            best = Some(saved.tensor("best")?.shallow_clone());
            progress = saved.progress;
        }
        None => progress.history = trainer.floor()?,
    }
    epoch_done(&progress.history);
    for epoch in progress.epoch + 1..=fit.options.epochs {
        let mut rows = trainer.train_epoch(epoch, report)?;
        let start = Instant::now();
        if !report(&TrainingEvent::Evaluating) {
            return Err(Error::cancelled());
        }
        let found = trainer.judge(epoch)?;
        let quality = found.quality();
        let held = trainer.held.len();
        rows.extend(scored(epoch, "eval", &found.scores(), held, start));
        epoch_done(&rows);
        progress.history.extend(rows);
        progress.epoch = epoch;
        let better = progress.best.is_none_or(|(_, most)| quality > most);
        if better || !fit.options.early_stop {
            progress.best = Some((epoch, quality));
            best = Some(trainer.side.copy()?);
        }
        if let Some(best) = &best
            && epoch < fit.options.epochs
        {
            let mut checkpoint = trainer.checkpoint();
            checkpoint.progress = progress.clone();
            checkpoint.add("best", best);
            fit.checkpoints.save(&checkpoint)?;
            report(&TrainingEvent::Saved { epoch });
        }
    }
    let none = || Error::internal("no epoch was trained");
    trainer.side.restore(&best.ok_or_else(none)?)?;
    Ok(Generated {
        params: trainer.stored()?,
        best_epoch: progress.best.ok_or_else(none)?.0,
        history: progress.history,
    })
}

/// Bytes of weights with their moments, gradients and the best epoch's copy, of the coded rows, and of what a
/// batch leaves behind.
fn memory_bytes(fit: &Adversarial) -> Result<usize> {
    let layout = Layout::new(fit.codec);
    let shapes = [Params::shapes(), Params::shapes()];
    Generator::new(layout.clone(), fit.config, &shapes[0].root())?;
    Discriminator::new(layout.clone(), fit.config, &shapes[1].root())?;
    let tensors = shapes.iter().flat_map(Params::tensors);
    let weights: usize = tensors.map(|(_, tensor)| tensor.numel()).sum();
    let units = layout.units();
    let hidden = fit.config.hidden_units.iter().sum::<i64>();
    let widths = (hidden + layout.most_slots()) as usize;
    // Of every value on the way forward one to keep, one on the way back.
    let row = 8 * (units * 2 * widths + 8 * layout.width() as usize);
    let batch = batch_rows(fit.options.batch_size) * row;
    Ok(24 * weights + 12 * fit.coded.rows * units + 2 * batch)
}

struct Trainer<'a> {
    fit: &'a Adversarial<'a>,
    layout: Layout,
    workers: Workers,
    rows: Rows,
    /// Positions of the rows held back.
    held: Range<usize>,
    /// Different rows among these.
    different: usize,
    params: Params,
    side: Side,
    /// Draws what is compared with rows held back.
    sampler: Sampler,
    learner: Replica,
    rival: Rival,
    losses: &'static [&'static str],
}

impl<'a> Trainer<'a> {
    fn new(fit: &'a Adversarial<'a>, predictor: Option<Predictor>) -> Result<Self> {
        let layout = Layout::new(fit.codec);
        let all = fit.coded.rows;
        let (share, most, least) = HELD_BACK;
        let spare = ((all as f64 * share) as usize).min(most);
        // Too few to spare any: the rows are compared with themselves.
        let (count, held) = match spare < least {
            true => (all, 0..all),
            false => (all - spare, all - spare..all),
        };
        let seed = fit.options.seed;
        let params = Params::fresh(seed, Device::Cpu);
        Generator::new(layout.clone(), fit.config, &(&params.root() / "generator"))?;
        let (side, _) = Side::new(&params, BETAS)?;
        let replica = || Replica::new(&layout, fit.config, &params);
        let discriminator = Params::fresh(seed, Device::Cpu);
        let guide = predictor.map(|predictor| {
            let decoder = Decoder::new(fit.codec)?;
            Guide::new(&layout, &decoder, predictor)
        });
        let guide = guide.transpose()?;
        // The last of them is a guide's.
        let losses = &LOSSES[..LOSSES.len() - usize::from(guide.is_none())];
        Ok(Self {
            workers: Workers::start(fit.threads.min(2))?,
            rows: Rows::new(&layout, fit.coded, count)?,
            different: different(fit.coded, held.clone()),
            held,
            sampler: Sampler {
                generator: replica()?.generator,
                tuples: Tuples::count(&layout, fit.coded),
            },
            learner: replica()?,
            rival: Rival::new(
                &layout,
                fit.config,
                &discriminator,
                replica()?,
                guide,
                BETAS,
            )?,
            losses,
            params,
            side,
            layout,
            fit,
        })
    }

    /// All that the epochs to come need.
    fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        self.side.keep("generator", &mut checkpoint);
        self.rival.side().keep("discriminator", &mut checkpoint);
        checkpoint
    }

    /// Becomes the trainer that a checkpoint was made of.
    fn go_on_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.side.go_on("generator", checkpoint)?;
        self.rival.side_mut().go_on("discriminator", checkpoint)
    }

    /// As many steps as it takes to see as many rows as there are.
    fn train_epoch(
        &mut self,
        epoch: usize,
        report: &dyn Fn(&TrainingEvent) -> bool,
    ) -> Result<Vec<Epoch>> {
        let options = self.fit.options;
        let size = batch_rows(options.batch_size);
        let batches = (self.rows.count() as u64).div_ceil(size as u64);
        let all = batches * options.epochs as u64;
        let mut losses = Losses::new(self.losses);
        for batch in 1..=batches {
            let mut draws = Draws::new(&[options.seed, epoch as u64, batch]);
            let done = (epoch as u64 - 1) * batches + batch - 1;
            let gone = done as f64 / all as f64;
            let learn_rate = options.learn_rate * (1. - (1. - LAST_RATE) * gone);
            losses.add(
                epoch,
                &self.step(size, learn_rate, &mut draws)?,
                size as i64,
            )?;
            let rows_per_second = losses.rows_per_second();
            let event = TrainingEvent::Batch {
                epoch,
                epochs: options.epochs,
                batch,
                batches,
                rows_per_second,
                losses: losses.means(),
                seconds_left: ((all - done - 1) * size as u64) as f64 / rows_per_second,
            };
            if !report(&event) {
                return Err(Error::cancelled());
            }
        }
        Ok(losses.rows(epoch))
    }

    /// A step of either side.
    fn step(
        &mut self,
        size: usize,
        learn_rate: f64,
        draws: &mut Draws,
    ) -> Result<Vec<(&'static str, Tensor)>> {
        let batch = self.rows.batch(size, draws)?;
        let generator = &self.sampler.generator;
        let chance = Chance {
            before: generator.noise(size, draws)?,
            after: generator.noise(size, draws)?,
            between: Tensor::f_from_slice(&draws.open_units(size / PACK as usize))?,
            learn_rate,
        };
        let noise = generator.noise(size, draws)?;
        let halves = vec![
            Half::Likelihood(&mut self.learner, batch.share(), noise),
            Half::Rival(&mut self.rival, batch, Box::new(chance)),
        ];
        let found = self.workers.run(halves, Half::run)?;
        let mut losses = Vec::new();
        let mut sum: Option<Tensor> = None;
        for half in found {
            losses.extend(half.losses);
            sum = Some(match sum {
                None => half.gradient,
                Some(sum) => sum.f_add(&half.gradient)?,
            });
        }
        if let Some(gradient) = sum {
            self.side.apply(&gradient, learn_rate)?;
        }
        Ok(losses)
    }

    /// How close as many rows of those learnt from come to those held back.
    fn floor(&self) -> Result<Vec<Epoch>> {
        let start = Instant::now();
        // Where none are held back there is nothing to compare.
        let others = 0..self.held.len().min(self.held.start);
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let rows = others.len();
        let found = self.fit.judge.others(self.held.clone(), others)?;
        Ok(scored(0, "real", &found.scores(), rows, start))
    }

    /// How close as many drawn rows as are held back come to these.
    fn judge(&self, epoch: usize) -> Result<Closeness> {
        let _guard = tch::no_grad_guard();
        // The same random numbers after every epoch.
        let mut draws = Draws::new(&[self.fit.options.seed, u64::MAX]);
        let rows = self.held.len();
        let drawn = self.sampler.draw(rows, &Allowed::default(), &mut draws)?;
        let (made, real) = (different(&drawn, 0..rows), self.different);
        check_variety(epoch, rows, made, real)?;
        self.fit.judge.drawn(self.held.clone(), &drawn)
    }

    /// All weights, and what is no weight but stored with them.
    fn stored(self) -> Result<Params> {
        let mut tensors = self.params.tensors();
        tensors.push(self.sampler.tuples.store(&self.layout)?);
        Params::loaded(tensors, Device::Cpu)
    }
}

/// Of `rows` generated rows `made` are different, of as many real ones `real`.
fn check_variety(epoch: usize, rows: usize, made: usize, real: usize) -> Result<()> {
    match made as f64 >= COLLAPSED * real as f64 {
        true => Ok(()),
        false => Err(Error::execution(format!(
            "training collapsed in epoch {epoch}: of {rows} generated rows {made} are different, of as many real \
             ones {real}; a lower learn_rate or a larger batch_size helps most often"
        ))),
    }
}

/// Different rows among some, as their slots tell.
fn different(coded: &Coded, rows: Range<usize>) -> usize {
    let row = |at: usize| {
        coded
            .slots
            .iter()
            .map(|slots| slots[at])
            .collect::<Vec<_>>()
    };
    rows.map(row).collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests;
