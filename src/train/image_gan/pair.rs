//! Generator and discriminator with all that their turns need, and the generator's moving average.

use std::time::Instant;

use tch::{Device, Tensor};

use super::looks::{BATCH, Looks, Real, Scores};
use super::step::{PENALTY_EVERY, Shard, shares};
use super::{ImageFit, row};
use crate::error::{Error, Result};
use crate::feature::{EncodedBatch, Order};
use crate::gan::image::{Generator, Statistics};
use crate::layer::Params;
use crate::random::Words;
use crate::train::checkpoint::Checkpoint;
use crate::train::optimizer::{DenseOptimizer, Rule};
use crate::train::prefetch::prefetched;
use crate::train::report::{Epoch, TrainingEvent};
use crate::train::threads::Workers;

/// Rows of a share of a step at the least.
const MIN_SHARE: usize = 32;
/// Adam's decays: a short memory of the direction, as the opponent moves.
const BETAS: [f32; 2] = [0.5, 0.99];
/// Decay of the moving average at a step.
const AVERAGE: f64 = 0.998;
/// Batches that the generator's statistics are measured over, and their rows.
const MEASURED: (u32, i64) = (32, 256);
/// A mean loss that no pair comes back from: the scores of sound ones stay below a hundred.
const DIVERGED: f64 = 1e3;

/// Both networks with all that a step needs.
pub struct Pair<'a> {
    fit: &'a ImageFit<'a>,
    report: &'a dyn Fn(&TrainingEvent) -> bool,
    workers: Workers,
    shards: Vec<Shard>,
    generator: DenseOptimizer,
    discriminator: DenseOptimizer,
    generator_flat: Tensor,
    /// The moving average: its weights, the same in one buffer, and a network over them.
    pub average: Params,
    pub average_flat: Tensor,
    averaged: Box<dyn Generator>,
    step: u64,
}

/// Sums over an epoch.
#[derive(Default)]
struct Sums {
    generator: f64,
    discriminator: f64,
    steps: f64,
    penalty: f64,
    penalties: f64,
}

impl<'a> Pair<'a> {
    pub fn new(fit: &'a ImageFit<'a>, report: &'a dyn Fn(&TrainingEvent) -> bool) -> Result<Self> {
        let design = fit.design;
        let fresh = |seed| Params::fresh(seed, fit.device);
        let [generator, average] = [fresh(fit.seed), fresh(fit.seed)];
        let discriminator = fresh(fit.seed.wrapping_add(1));
        let _ = (design.generator)(&fit.spec, &generator.root())?;
        let _ = (design.generator)(&fit.spec, &average.root())?;
        let _ = (design.discriminator)(&fit.spec, &discriminator.root())?;
        let generator_flat = generator.flatten("")?;
        let discriminator_flat = discriminator.flatten("")?;
        let average_flat = average.flatten("")?;
        let average = average.share()?;
        let averaged = (design.generator)(&fit.spec, &average.root())?;
        let shards = match fit.device {
            Device::Cpu => fit.threads.clamp(1, fit.batch_size.div_ceil(MIN_SHARE)),
            _ => 1,
        };
        let shards = (0..shards)
            .map(|_| Shard::new(fit, &generator, &discriminator))
            .collect::<Result<Vec<_>>>()?;
        let optimizer = |params: &Params, flat: &Tensor| {
            let weights: Vec<_> = params.tensors().into_iter().map(|(_, t)| t).collect();
            let flat = flat.shallow_clone();
            DenseOptimizer::new(Rule::Adam, fit.learn_rate, 0., flat, &weights).with_betas(BETAS)
        };
        Ok(Self {
            fit,
            report,
            workers: Workers::start(shards.len())?,
            shards,
            generator: optimizer(&generator, &generator_flat),
            discriminator: optimizer(&discriminator, &discriminator_flat),
            generator_flat,
            average,
            average_flat,
            averaged,
            step: 0,
        })
    }

    /// All that the epochs to come need.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        self.generator.keep("generator", &mut checkpoint);
        self.discriminator.keep("discriminator", &mut checkpoint);
        checkpoint.add("average", &self.average_flat);
        checkpoint.count("step", self.step as i64);
        checkpoint
    }

    /// Becomes the pair that a checkpoint was made of.
    pub fn go_on_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.generator.go_on("generator", checkpoint)?;
        self.discriminator.go_on("discriminator", checkpoint)?;
        checkpoint.restore("average", &self.average_flat)?;
        self.step = checkpoint.counted("step")? as u64;
        Ok(())
    }

    /// One pass over the train rows; returns its rows of the history.
    pub fn train_epoch(&mut self, epoch: usize) -> Result<Vec<Epoch>> {
        let fit = self.fit;
        let start = Instant::now();
        let order = Order::Shuffled {
            seed: fit.seed,
            epoch: epoch as u64,
        };
        let total = fit.train.rows();
        let (mut rows, mut batch, mut sums) = (0, 0, Sums::default());
        let batches = total.div_ceil(fit.batch_size as u64);
        prefetched(fit.train.batches(fit.batch_size, order), |encoded| {
            batch += 1;
            self.step(encoded, [fit.seed, epoch as u64, batch], &mut sums)?;
            rows += encoded.rows as u64;
            let (generator, discriminator) = sums.means();
            // NaN is not below it either.
            let is_sound = |loss: f64| loss < DIVERGED;
            if !is_sound(generator) || !is_sound(discriminator) {
                return Err(Error::execution(format!(
                    "training diverged in epoch {epoch}: the losses are {generator} (generator) and \
                     {discriminator} (discriminator); a lower learn_rate helps most often"
                )));
            }
            let rows_per_second = rows as f64 / start.elapsed().as_secs_f64().max(1e-9);
            let left = total * (fit.epochs - epoch) as u64 + (total - rows.min(total));
            let event = TrainingEvent::Batch {
                epoch,
                epochs: fit.epochs,
                batch,
                batches,
                rows_per_second,
                losses: vec![
                    ("generator", generator),
                    ("discriminator", discriminator),
                    ("gradient_penalty", sums.penalty / sums.penalties.max(1.)),
                ],
                seconds_left: left as f64 / rows_per_second,
            };
            match (self.report)(&event) {
                true => Ok(()),
                false => Err(Error::cancelled()),
            }
        })?;
        if sums.steps == 0. {
            let what = match fit.spec.classes {
                0 => "images",
                _ => "images with a label",
            };
            return Err(Error::execution(format!(
                "no image to train on: no step of {} rows has two {what}; a larger batch_size, or more of them",
                fit.batch_size
            )));
        }
        let seconds = start.elapsed().as_secs_f64();
        let (generator, discriminator) = sums.means();
        let row = |task, loss| row(epoch, "train", task, loss, rows, seconds);
        Ok(vec![
            row("generator", generator),
            row("discriminator", discriminator),
            Epoch {
                // An epoch of a few steps may have had none.
                loss: (sums.penalties > 0.).then(|| sums.penalty / sums.penalties),
                ..row("gradient_penalty", 0.)
            },
        ])
    }

    /// A turn of the discriminator, one of the generator.
    fn step(&mut self, encoded: &EncodedBatch, seed: [u64; 3], sums: &mut Sums) -> Result<()> {
        let (fit, products) = (self.fit, self.fit.products);
        let shares = shares(fit, encoded, self.shards.len(), seed)?;
        let rows: i64 = shares.iter().map(|share| share.rows()).sum();
        // One has no statistics.
        if rows < 2 {
            return Ok(());
        }
        self.step += 1;
        let penalty = (self.step - 1).is_multiple_of(PENALTY_EVERY);
        let work = self.shards.iter_mut().zip(shares).collect();
        let turns = self.workers.run(work, |(shard, share)| {
            shard.discriminate(share, rows as f64, penalty, products)
        })?;
        let mut shares = Vec::with_capacity(turns.len());
        let mut gradients = Vec::with_capacity(turns.len());
        for turn in turns {
            sums.discriminator += turn.loss.f_double_value(&[])?;
            if let Some(penalty) = turn.penalty {
                sums.penalty += penalty.f_double_value(&[])?;
            }
            gradients.push(turn.gradients);
            shares.push(turn.share);
        }
        self.discriminator.step(&gradients, &self.workers)?;
        let work = self.shards.iter_mut().zip(shares).collect();
        let turns = self.workers.run(work, |(shard, share)| {
            shard.generate(share, rows as f64, products)
        })?;
        let mut gradients = Vec::with_capacity(turns.len());
        for turn in turns {
            sums.generator += turn.loss.f_double_value(&[])?;
            gradients.push(turn.gradients);
        }
        self.generator.step(&gradients, &self.workers)?;
        sums.steps += 1.;
        sums.penalties += f64::from(u8::from(penalty));
        let _guard = tch::no_grad_guard();
        // The first steps are soon forgotten.
        let step = self.step as f64;
        let decay = AVERAGE.min((1. + step) / (10. + step));
        let _ = self
            .average_flat
            .f_lerp_(&self.generator_flat, 1. - decay)?;
        Ok(())
    }

    /// Measures the statistics that the average's normalizations will have.
    pub fn measure(&mut self, epoch: usize) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let (batches, rows) = MEASURED;
        for n in 1..=batches {
            self.go_on()?;
            let draws = Words::new(&[self.fit.seed, epoch as u64, u64::from(n), u64::MAX]);
            let (noise, labels) = self.drawn(&draws, rows, i64::from(n))?;
            let statistics = Statistics::Measure(n);
            let _ = self
                .averaged
                .images(&noise, labels.as_ref(), statistics, self.fit.products)?;
        }
        Ok(())
    }

    /// Noise and, from class `first` on, one class after the other.
    fn drawn(&self, draws: &Words, rows: i64, first: i64) -> Result<(Tensor, Option<Tensor>)> {
        let fit = self.fit;
        let width = fit.design.noise;
        let noise = Tensor::f_from_slice(&draws.normals((rows * width) as usize))?
            .f_view([rows, width])?
            .f_to_device(fit.device)?;
        let classes: Vec<_> = (first..first + rows)
            .map(|i| i % fit.spec.classes.max(1))
            .collect();
        let labels = (fit.spec.classes > 0)
            .then(|| Tensor::f_from_slice(&classes)?.f_to_device(fit.device))
            .transpose()?;
        Ok((noise, labels))
    }

    /// What the average's images are like, as many as there are real ones.
    pub fn score(&self, real: &Real, epoch: usize) -> Result<Found> {
        let _guard = tch::no_grad_guard();
        let mut sums = Looks::new(self.fit)?;
        let draws = Words::new(&[self.fit.seed, epoch as u64, u64::MAX]);
        let mut rows = 0;
        while rows < real.rows {
            self.go_on()?;
            let now = (real.rows - rows).min(BATCH as u64) as i64;
            let (noise, labels) = self.drawn(&draws, now, rows as i64)?;
            let images = self.averaged.images(
                &noise,
                labels.as_ref(),
                Statistics::Stored,
                self.fit.products,
            )?;
            // As they will be written: whole shades.
            let images = images
                .f_add_scalar(1.)?
                .f_mul_scalar(127.5)?
                .f_round()?
                .f_div_scalar(127.5)?
                .f_sub_scalar(1.)?;
            let classes: Vec<_> = match &labels {
                Some(labels) => Vec::<i64>::try_from(labels)?
                    .into_iter()
                    .map(Some)
                    .collect(),
                None => Vec::new(),
            };
            sums.add(self.fit, &images, &classes)?;
            rows += now as u64;
        }
        Ok(Found {
            scores: real.score(self.fit, &sums)?,
            variety: sums.variety()?,
            rows,
        })
    }

    fn go_on(&self) -> Result<()> {
        match (self.report)(&TrainingEvent::Evaluating) {
            true => Ok(()),
            false => Err(Error::cancelled()),
        }
    }
}

/// What an epoch has come to.
pub struct Found {
    /// Of its images.
    pub scores: Scores,
    /// Mean deviation of a pixel.
    pub variety: f64,
    /// Images that were judged.
    pub rows: u64,
}

impl Sums {
    /// Mean losses of generator and discriminator.
    fn means(&self) -> (f64, f64) {
        let steps = self.steps.max(1.);
        (self.generator / steps, self.discriminator / steps)
    }
}
