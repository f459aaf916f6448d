//! What images are like: how much their pixels vary, and their features, for the score.
//!
//! Shapes: B images, P pixels.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::ImageFit;
use super::probe::{Examples, Lessons, probe};
use crate::error::{Error, Result};
use crate::feature::{EncodedBatch, Order, RowSet};
use crate::train::frechet::{FeatureSums, Normal};
use crate::train::report::TrainingEvent;

/// Images that a score is taken over, at the most.
const SCORED: u64 = 5_000;

/// Images that go through a network at once.
pub const BATCH: usize = 500;

/// Real images, to hold generated ones against.
pub struct Real {
    /// Of their features.
    pub features: Option<Normal>,
    /// Of the features of those that have a class.
    pub examples: Examples,
    /// The scores of other real images.
    pub floor: Scores,
    /// Mean deviation of a pixel.
    pub variety: f64,
    /// How many there are.
    pub rows: u64,
}

impl Real {
    /// From the rows held back, or else those to learn from.
    ///
    /// # Errors
    /// `Cancelled`; `Io` when spilled rows can't be read.
    pub fn new(fit: &ImageFit, report: &dyn Fn(&TrainingEvent) -> bool) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        // Those held back, beside as many to learn from; or two halves of the latter.
        let (first, others) = match fit.eval {
            Some(eval) => {
                let others = Looks::of(fit, fit.train, 0..SCORED, report)?;
                (Looks::of(fit, eval, 0..SCORED, report)?, others)
            }
            None => {
                let half = SCORED.min(fit.train.rows().div_ceil(2));
                let others = Looks::of(fit, fit.train, half..2 * half, report)?;
                (Looks::of(fit, fit.train, 0..half, report)?, others)
            }
        };
        let mut real = Self {
            features: first.normal()?,
            variety: first.variety()?,
            rows: first.rows,
            examples: first.examples,
            floor: Scores::default(),
        };
        if others.rows > 1 {
            real.floor = real.score(fit, &others)?;
        }
        Ok(real)
    }

    /// The scores of other images.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn score(&self, fit: &ImageFit, others: &Looks) -> Result<Scores> {
        let distance = match (&self.features, others.normal()?) {
            (Some(real), Some(made)) => Some(real.distance(&made)?),
            _ => None,
        };
        Ok(Scores {
            distance,
            lessons: probe(&others.examples, &self.examples, fit.spec.classes)?,
        })
    }
}

/// How good images are.
#[derive(Default)]
pub struct Scores {
    /// The Frechet distance in the features.
    pub distance: Option<f64>,
    /// What they teach of real ones.
    pub lessons: Option<Lessons>,
}

/// Sums over images and their features.
pub struct Looks {
    /// Features of images that have a class, where there are classes and features.
    examples: Examples,
    features: Option<FeatureSums>,
    sum: Tensor,     // [P], f64
    squares: Tensor, // [P], f64
    rows: u64,
}

impl Looks {
    /// Of no images.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn new(fit: &ImageFit) -> Result<Self> {
        let zeros = || Tensor::f_zeros([fit.spec.pixels()], (Kind::Double, Device::Cpu));
        Ok(Self {
            examples: Examples::default(),
            features: fit
                .features
                .map(|(_, count)| FeatureSums::new(count))
                .transpose()?,
            sum: zeros()?,
            squares: zeros()?,
            rows: 0,
        })
    }

    /// Of these of the rows, as far as there are so many.
    fn of(
        fit: &ImageFit,
        rows: &RowSet,
        wanted: Range<u64>,
        report: &dyn Fn(&TrainingEvent) -> bool,
    ) -> Result<Self> {
        let mut looks = Self::new(fit)?;
        let mut batches = rows.batches(BATCH, Order::Stored);
        let mut encoded = EncodedBatch::default();
        let pixels = fit.spec.pixels() as usize;
        let mut at = 0;
        while at < wanted.end && batches.next_into(&mut encoded)? {
            if !report(&TrainingEvent::Evaluating) {
                return Err(Error::cancelled());
            }
            let count = encoded.rows as u64;
            let from = wanted.start.saturating_sub(at).min(count) as usize;
            let to = (wanted.end - at).min(count) as usize;
            at += count;
            if from < to {
                let part = &encoded.dense[from * pixels..to * pixels];
                let images = Tensor::f_from_slice(part)?.f_view([-1, pixels as i64])?;
                let tasks = encoded.labels.len() / count.max(1) as usize;
                let class = |row: usize| encoded.labels.get(row * tasks).copied();
                let class = |row| class(row).filter(|c| !c.is_nan()).map(|c| c as i64);
                let classes: Vec<_> = (from..to).map(class).collect();
                looks.add(fit, &images.f_to_device(fit.device)?, &classes)?;
            }
        }
        Ok(looks)
    }

    /// Takes in images, `[B, P]`, and their classes as far as these are known.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn add(&mut self, fit: &ImageFit, images: &Tensor, classes: &[Option<i64>]) -> Result<()> {
        if let (Some(sums), Some((features, _))) = (&mut self.features, fit.features) {
            let features = features(images)?;
            sums.add(&features)?;
            let known = classes.iter().zip(0i64..);
            let known = known.filter_map(|(class, row)| Some(((*class)?, row)));
            let (classes, rows): (Vec<_>, Vec<_>) = known.unzip();
            if fit.spec.classes > 0 && !rows.is_empty() {
                let rows = Tensor::f_from_slice(&rows)?.f_to_device(fit.device)?;
                self.examples
                    .add(&features.f_index_select(0, &rows)?, &classes)?;
            }
        }
        let x = images.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
        let sum = |x: &Tensor| x.f_sum_dim_intlist(&[0i64][..], false, Kind::Double);
        let _ = self.sum.f_add_(&sum(&x)?)?;
        let _ = self.squares.f_add_(&sum(&x.f_square()?)?)?;
        self.rows += images.size()[0] as u64;
        Ok(())
    }

    /// Of their features; none where nobody has any.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn normal(&self) -> Result<Option<Normal>> {
        self.features.as_ref().map(FeatureSums::normal).transpose()
    }

    /// The mean over the pixels of their deviation.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn variety(&self) -> Result<f64> {
        let rows = self.rows.max(1) as f64;
        let mean = self.sum.f_div_scalar(rows)?;
        let variance = self.squares.f_div_scalar(rows)?.f_sub(&mean.f_square()?)?;
        let deviation = variance.f_clamp_min(0.)?.f_sqrt()?;
        Ok(deviation.f_mean(Kind::Double)?.f_double_value(&[])?)
    }
}
