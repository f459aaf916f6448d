//! The adversarial loop over coded rows: discriminator and generator step in turn, every epoch's
//! generator is compared with rows held back, and the best is kept.
//!
//! A step has two halves that run side by side, a thread each: several threads inside libtorch cost more
//! than they bring at these sizes. So the result does not depend on the number of threads.

mod sampling;
mod step;

use std::sync::Arc;
use std::time::Instant;

use tch::{Device, Tensor};

use super::duel::{Losses, Side, worth};
use super::options::TrainOptions;
use super::report::{Epoch, TrainingEvent};
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::feature::table::{Allowed, Codec, Coded, Draws, distance};
use crate::feature::{Budget, Charge};
use crate::gan::TableGenerator;
use crate::gan::tabular::{Generator, Layout, PACK, Sampler, Tuples};
use crate::layer::Params;
use crate::model::Config;
use sampling::Rows;
use step::{Chance, Half, Replica, Rival, batch_rows};

/// What TRAINING_INFO shows of an epoch.
const LOSSES: &[&str] = &[
    "generator",
    "discriminator",
    "gradient_penalty",
    "likelihood",
];

/// Decay of Adam's moments, as CTGAN has them.
const BETAS: (f64, f64) = (0.5, 0.9);

/// What is left of the learn rate in the end, so that the last epochs settle.
const LAST_RATE: f64 = 0.1;

/// Share of rows held back to compare with; how many at the most, and at the least to be worth it.
const HELD_BACK: (f64, usize, usize) = (0.1, 10_000, 200);

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

/// Trains. `report` hears of every step; it returns false to cancel.
///
/// # Errors
/// `Cancelled`; `Resources` when weights don't fit in the budget; `Execution` when a loss becomes
/// infinite or NaN.
pub fn fit(
    fit: &Adversarial,
    report: &dyn Fn(&TrainingEvent) -> bool,
    epoch_done: &mut dyn FnMut(&[Epoch]),
) -> Result<Generated> {
    tch::set_num_threads(1);
    let mut memory = Charge::new(fit.budget.clone());
    let mut trainer = Trainer::new(fit)?;
    let bytes = trainer.memory_bytes();
    if !memory.ensure(bytes) {
        return Err(Error::resources(format!(
            "training needs {} MB for weights and batches, more than the memory limit leaves; lower \
             hidden_units, batch_size or max_vocabulary",
            bytes.div_ceil(1 << 20)
        )));
    }
    let mut history = Vec::new();
    let mut best: Option<(f64, usize, Tensor)> = None;
    for epoch in 1..=fit.options.epochs {
        let mut rows = trainer.train_epoch(epoch, report)?;
        let start = Instant::now();
        if !report(&TrainingEvent::Evaluating) {
            return Err(Error::cancelled());
        }
        let score = trainer.score()?;
        rows.push(worth(epoch, "distance", score, trainer.held.rows, start));
        epoch_done(&rows);
        history.extend(rows);
        let better = best.as_ref().is_none_or(|(least, ..)| score < *least);
        if better || !fit.options.early_stop {
            best = Some((score, epoch, trainer.side.copy()?));
        }
    }
    let (_, best_epoch, weights) = best.ok_or_else(|| Error::internal("no epoch was trained"))?;
    trainer.side.restore(&weights)?;
    Ok(Generated {
        params: trainer.stored()?,
        history,
        best_epoch,
    })
}

struct Trainer<'a> {
    fit: &'a Adversarial<'a>,
    layout: Layout,
    workers: Workers,
    rows: Rows,
    held: Coded,
    params: Params,
    side: Side,
    /// Draws what is compared with rows held back.
    sampler: Sampler,
    learner: Replica,
    rival: Rival,
}

impl<'a> Trainer<'a> {
    fn new(fit: &'a Adversarial<'a>) -> Result<Self> {
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
        Ok(Self {
            workers: Workers::start(fit.threads.min(2))?,
            rows: Rows::new(&layout, fit.coded, count)?,
            held: Coded {
                rows: held.len(),
                slots: fit
                    .coded
                    .slots
                    .iter()
                    .map(|s| s[held.clone()].to_vec())
                    .collect(),
                places: Vec::new(),
            },
            sampler: Sampler {
                generator: replica()?.generator,
                tuples: Tuples::count(&layout, fit.coded),
            },
            learner: replica()?,
            rival: Rival::new(&layout, fit.config, &discriminator, replica()?, BETAS)?,
            params,
            side,
            layout,
            fit,
        })
    }

    /// Bytes of weights with their moments, gradients and the best epoch's copy, of the coded rows, and of
    /// what a batch leaves behind.
    fn memory_bytes(&self) -> usize {
        let weights = self.side.weights() + self.rival.weights();
        let units = self.layout.units();
        let hidden = self.fit.config.hidden_units.iter().sum::<i64>();
        let widths = (hidden + self.layout.most_slots()) as usize;
        // Of every value on the way forward one to keep, one on the way back.
        let row = 8 * (units * 2 * widths + 8 * self.layout.width() as usize);
        let batch = batch_rows(self.fit.options.batch_size) * row;
        24 * weights + 12 * self.fit.coded.rows * units + 2 * batch
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
        let mut losses = Losses::new(LOSSES);
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
                loss: losses.mean("likelihood"),
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
            between: Tensor::f_from_slice(&draws.units(size / PACK as usize))?,
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

    /// How far as many drawn rows as are held back are from these.
    fn score(&self) -> Result<f64> {
        let _guard = tch::no_grad_guard();
        // The same random numbers after every epoch.
        let mut draws = Draws::new(&[self.fit.options.seed, u64::MAX]);
        let drawn = self
            .sampler
            .draw(self.held.rows, &Allowed::default(), &mut draws)?;
        let units = 0..self.layout.units();
        let widths: Vec<_> = units.map(|unit| self.layout.slots(unit) as usize).collect();
        Ok(distance(&widths, &self.held, &drawn))
    }

    /// All weights, and what is no weight but stored with them.
    fn stored(self) -> Result<Params> {
        let mut tensors = self.params.tensors();
        tensors.push(self.sampler.tuples.store(&self.layout)?);
        Params::loaded(tensors, Device::Cpu)
    }
}
