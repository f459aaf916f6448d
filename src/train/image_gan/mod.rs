//! The adversarial loop over images: discriminator and generator take turns, a moving average of the
//! generator is what is kept.
//!
//! The non-saturating loss of I. Goodfellow et al. (NIPS 2014); the gradient penalty R1 on real images of
//! L. Mescheder et al. (ICML 2018), at every 16th step as in T. Karras et al., "Analyzing and Improving
//! the Image Quality of StyleGAN" (CVPR 2020); the moving average of Y. Yazici et al. (ICLR 2019).
//!
//! Shapes: B images, P pixels, Z values of noise, K classes.

mod looks;
mod memory;
mod probe;
mod step;

pub use memory::memory_bytes;

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::checkpoint::{Checkpoint, Checkpoints, Progress};
use super::optimizer::{DenseOptimizer, Rule};
use super::prefetch::prefetched;
use super::report::{Epoch, TrainingEvent};
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::feature::{Budget, EncodedBatch, Order, RowSet};
use crate::gan::image::{Design, Generator, ImageSpec, Statistics};
use crate::layer::{Draws, Params};
use looks::{BATCH, Looks, Real, Scores};
use memory::Memory;
use step::{Shard, shares};

/// Rows of a share of a step at the least.
const MIN_SHARE: usize = 32;
/// Adam's decays: a short memory of the direction, as the opponent moves.
const BETAS: [f32; 2] = [0.5, 0.99];
/// Weight of the gradient penalty, and the steps from one to the next.
const PENALTY: f64 = 0.5;
const PENALTY_EVERY: u64 = 16;
/// Decay of the moving average at a step.
const AVERAGE: f64 = 0.998;
/// Batches that the generator's statistics are measured over, and their rows.
const MEASURED: (u32, i64) = (32, 256);
/// A mean loss that no pair comes back from: the scores of sound ones stay below a hundred.
const DIVERGED: f64 = 1e3;
/// Classes whose recall is reported, if there are not more.
const SHOWN_CLASSES: usize = 20;
/// Generated images whose pixels vary less than this share of what real ones do are all alike.
const COLLAPSED: f64 = 0.1;

/// Turns images, `[B, P]`, into features, `[B, D]`.
pub type Features<'a> = dyn Fn(&Tensor) -> Result<Tensor> + 'a;

/// All that the training of a pair needs.
pub struct ImageFit<'a> {
    /// The pair.
    pub design: &'static Design,
    /// What the images are like.
    pub spec: ImageSpec,
    /// The names of the classes, in order.
    pub classes: &'a [String],
    /// Rows to learn from: P numbers and the class, NaN where it is not known.
    pub train: &'a RowSet,
    /// Rows held back, for the score.
    pub eval: Option<&'a RowSet>,
    /// Passes over the data.
    pub epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Learn rate of both.
    pub learn_rate: f64,
    /// Seed of weights, noise and the order of rows.
    pub seed: u64,
    /// Whose features the score is taken in, and how many there are; without them there is no score.
    pub features: Option<(&'a Features<'a>, i64)>,
    /// Where the networks live.
    pub device: Device,
    /// What products are computed in.
    pub products: Kind,
    /// Threads that share a step on the CPU.
    pub threads: usize,
    /// Who is asked for memory.
    pub budget: &'a dyn Budget,
    /// Where the state after an epoch is kept.
    pub checkpoints: &'a dyn Checkpoints,
}

/// A trained generator.
pub struct TrainedImages {
    /// Its weights.
    pub params: Params,
    /// Rows of the losses, the penalty and the score of every epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
}

/// Trains a pair. `report` hears of every batch; it returns false to cancel.
///
/// # Errors
/// `Cancelled`; `Resources` when the networks don't fit in the budget; `Execution` when a loss becomes
/// infinite or NaN, all generated images are alike, or no row has a class; `Io` when spilled rows can't
/// be read or a checkpoint can't be written.
pub fn fit_images(
    fit: &ImageFit,
    report: &dyn Fn(&TrainingEvent) -> bool,
    epoch_done: &mut dyn FnMut(&[Epoch]),
) -> Result<TrainedImages> {
    let memory = Memory::reserve(fit)?;
    // As in the workers: how a sum is divided among threads shows in its last bits.
    tch::set_num_threads(1);
    let mut pair = Pair::new(fit, report)?;
    let real = Real::new(fit, report)?;
    let mut progress = Progress::default();
    let mut best: Option<Tensor> = None;
    if let Some(saved) = fit.checkpoints.load()? {
        pair.go_on_from(&saved)?;
        progress = saved.progress.clone();
        if progress.best.is_some() {
            best = Some(saved.tensor("best")?.f_to_device(fit.device)?);
        }
    } else {
        progress.history = scored(fit, 0, "real", &real.floor, real.rows, 0.);
    }
    epoch_done(&progress.history);
    for epoch in progress.epoch + 1..=fit.epochs {
        let first = progress.history.len();
        progress.history.extend(pair.train_epoch(epoch)?);
        let start = Instant::now();
        pair.measure(epoch)?;
        let found = pair.score(&real, epoch)?;
        check_variety(epoch, found.variety, real.variety)?;
        let seconds = start.elapsed().as_secs_f64();
        let rows = scored(fit, epoch, "eval", &found.scores, found.rows, seconds);
        progress.history.extend(rows);
        if let Some(distance) = found.scores.distance
            && progress.best.is_none_or(|(_, least)| distance < least)
        {
            progress.best = Some((epoch, distance));
            best = Some(pair.average_flat.f_detach_copy()?);
        }
        epoch_done(&progress.history[first..]);
        progress.epoch = epoch;
        if epoch < fit.epochs {
            let mut checkpoint = pair.checkpoint();
            checkpoint.progress = progress.clone();
            if let Some(best) = &best {
                checkpoint.add("best", best);
            }
            fit.checkpoints.save(&checkpoint)?;
            report(&TrainingEvent::Saved { epoch });
        }
    }
    if let Some(best) = &best {
        let _guard = tch::no_grad_guard();
        pair.average_flat.f_copy_(best)?;
    }
    let best_epoch = progress.best.map_or(fit.epochs, |(epoch, _)| epoch);
    let history = progress.history;
    let params = pair.average;
    drop(memory);
    Ok(TrainedImages {
        params,
        history,
        best_epoch,
    })
}

fn row(epoch: usize, split: &str, task: &str, loss: f64, rows: u64, seconds: f64) -> Epoch {
    Epoch {
        epoch: epoch as i64,
        split: split.into(),
        task: task.into(),
        loss: Some(loss),
        auc: None,
        weight: 1.,
        rows: rows as i64,
        seconds,
    }
}

/// Rows of the history for scores: the distance, and what was learnt from images of real ones, each class by
/// its name where there are not too many.
fn scored(
    fit: &ImageFit,
    epoch: usize,
    split: &str,
    scores: &Scores,
    rows: u64,
    seconds: f64,
) -> Vec<Epoch> {
    let row = |task: &str, score| row(epoch, split, task, score, rows, seconds);
    let mut found = Vec::new();
    if let Some(distance) = scores.distance {
        found.push(row("frechet_distance", distance));
    }
    if let Some(lessons) = &scores.lessons {
        found.push(row("tstr_accuracy", lessons.accuracy));
        if fit.classes.len() <= SHOWN_CLASSES {
            let each = fit.classes.iter().zip(&lessons.recall);
            found.extend(each.filter_map(|(class, recall)| {
                Some(row(&format!("tstr_recall {class}"), (*recall)?))
            }));
        }
    }
    found
}

/// Images that are all alike are of no use, whatever their score.
fn check_variety(epoch: usize, made: f64, real: f64) -> Result<()> {
    if made >= COLLAPSED * real {
        return Ok(());
    }
    Err(Error::execution(format!(
        "training collapsed in epoch {epoch}: the generated images are all alike, their pixels vary by \
         {made:.4} where real ones do by {real:.4}; a lower learn_rate or a larger batch_size helps most \
         often, and a label in input_label_cols"
    )))
}

/// Both networks with all that a step needs.
struct Pair<'a> {
    fit: &'a ImageFit<'a>,
    report: &'a dyn Fn(&TrainingEvent) -> bool,
    workers: Workers,
    shards: Vec<Shard>,
    generator: DenseOptimizer,
    discriminator: DenseOptimizer,
    generator_flat: Tensor,
    /// The moving average: its weights, the same in one buffer, and a network over them.
    average: Params,
    average_flat: Tensor,
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
    fn new(fit: &'a ImageFit<'a>, report: &'a dyn Fn(&TrainingEvent) -> bool) -> Result<Self> {
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
    fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        self.generator.keep("generator", &mut checkpoint);
        self.discriminator.keep("discriminator", &mut checkpoint);
        checkpoint.add("average", &self.average_flat);
        checkpoint.count("step", self.step as i64);
        checkpoint
    }

    /// Becomes the pair that a checkpoint was made of.
    fn go_on_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.generator.go_on("generator", checkpoint)?;
        self.discriminator.go_on("discriminator", checkpoint)?;
        checkpoint.restore("average", &self.average_flat)?;
        self.step = checkpoint.counted("step")? as u64;
        Ok(())
    }

    /// One pass over the train rows; returns its rows of the history.
    fn train_epoch(&mut self, epoch: usize) -> Result<Vec<Epoch>> {
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
    fn measure(&mut self, epoch: usize) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let (batches, rows) = MEASURED;
        for n in 1..=batches {
            self.go_on()?;
            let draws = Draws::new(&[self.fit.seed, epoch as u64, u64::from(n), u64::MAX]);
            let (noise, labels) = self.drawn(&draws, rows, i64::from(n))?;
            let statistics = Statistics::Measure(n);
            let _ = self
                .averaged
                .images(&noise, labels.as_ref(), statistics, self.fit.products)?;
        }
        Ok(())
    }

    /// Noise and, from class `first` on, one class after the other.
    fn drawn(&self, draws: &Draws, rows: i64, first: i64) -> Result<(Tensor, Option<Tensor>)> {
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
    fn score(&self, real: &Real, epoch: usize) -> Result<Found> {
        let _guard = tch::no_grad_guard();
        let mut sums = Looks::new(self.fit)?;
        let draws = Draws::new(&[self.fit.seed, epoch as u64, u64::MAX]);
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
struct Found {
    scores: Scores,
    variety: f64,
    rows: u64,
}

impl Sums {
    /// Mean losses of generator and discriminator.
    fn means(&self) -> (f64, f64) {
        let steps = self.steps.max(1.);
        (self.generator / steps, self.discriminator / steps)
    }
}

#[cfg(test)]
mod tests;
