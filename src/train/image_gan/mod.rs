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
mod pair;
mod probe;
mod step;

pub use memory::memory_bytes;

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::checkpoint::{Checkpoints, Progress};
use super::report::{Epoch, TrainingEvent};
use crate::error::{Error, Result};
use crate::feature::{Budget, RowSet};
use crate::gan::image::{Design, ImageSpec};
use crate::layer::Params;
use looks::{Real, Scores};
use memory::Memory;
use pair::Pair;

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

#[cfg(test)]
mod tests;
