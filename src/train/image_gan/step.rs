//! A thread's share of the two turns of a step.
//!
//! Shapes: B images, P pixels, Z values of noise.

use tch::{Kind, Tensor};

use super::ImageFit;
use crate::error::{Error, Result};
use crate::feature::EncodedBatch;
use crate::gan::image::{Discriminator, Generator, Statistics};
use crate::layer::Params;
use crate::random::Words;

/// Weight of the gradient penalty, and the steps from one to the next.
const PENALTY: f64 = 0.5;
pub const PENALTY_EVERY: u64 = 16;

/// One thread's replicas, which share their weights with all others.
pub struct Shard {
    generator: Box<dyn Generator>,
    generator_leaves: Vec<Tensor>,
    discriminator: Box<dyn Discriminator>,
    discriminator_leaves: Vec<Tensor>,
}

/// A thread's part of a batch.
pub struct Share {
    images: Tensor,         // [b, P]
    labels: Option<Tensor>, // [b] i64
    noise: Tensor,          // [b, Z]
    /// Generated images, with the way back to the generator.
    made: Option<Tensor>,
}

/// What one turn of a share gives back.
pub struct Turn {
    /// Of the weights of the network whose turn it is, by name.
    pub gradients: Vec<Tensor>,
    /// The share's part of the mean loss.
    pub loss: Tensor,
    /// The share's part of the mean squared gradient at real images.
    pub penalty: Option<Tensor>,
    /// The share, for the next turn.
    pub share: Share,
}

/// Divides the rows of a batch that have a class, where there are classes, among so many shares, or fewer where
/// each would not have two.
///
/// # Errors
/// `Torch` when the device has no memory left.
pub fn shares(
    fit: &ImageFit,
    encoded: &EncodedBatch,
    count: usize,
    seed: [u64; 3],
) -> Result<Vec<Share>> {
    let pixels = fit.spec.pixels() as usize;
    let labelled = fit.spec.classes > 0;
    let tasks = encoded.labels.len() / encoded.rows.max(1);
    let class = |row: usize| encoded.labels[row * tasks];
    let rows: Vec<_> = (0..encoded.rows)
        .filter(|&row| !labelled || !class(row).is_nan())
        .collect();
    // Fewer than two in a share have no statistics.
    let count = count.min(rows.len() / 2).max(1);
    let part = |index: usize| rows.len() * index / count..rows.len() * (index + 1) / count;
    let share = |(index, rows): (usize, &[usize])| {
        let images: Vec<f32> = rows
            .iter()
            .flat_map(|row| &encoded.dense[row * pixels..][..pixels])
            .copied()
            .collect();
        let b = rows.len() as i64;
        let labels: Vec<_> = match labelled {
            true => rows.iter().map(|&row| class(row) as i64).collect(),
            false => Vec::new(),
        };
        let [seed, epoch, batch] = seed;
        let width = fit.design.noise;
        let noise =
            Words::new(&[seed, epoch, batch, index as u64]).normals(rows.len() * width as usize);
        Ok(Share {
            images: Tensor::f_from_slice(&images)?
                .f_view([b, pixels as i64])?
                .f_to_device(fit.device)?,
            labels: labelled
                .then(|| Tensor::f_from_slice(&labels)?.f_to_device(fit.device))
                .transpose()?,
            noise: Tensor::f_from_slice(&noise)?
                .f_view([b, width])?
                .f_to_device(fit.device)?,
            made: None,
        })
    };
    let parts = (0..count).map(|index| (index, &rows[part(index)]));
    parts.map(share).collect()
}

impl Share {
    /// B.
    pub fn rows(&self) -> i64 {
        self.images.size()[0]
    }
}

impl Shard {
    /// Replicas over the weights of both.
    ///
    /// # Errors
    /// As the networks fail to be built.
    pub fn new(fit: &ImageFit, generator: &Params, discriminator: &Params) -> Result<Self> {
        let tensors = |params: &Params| params.tensors().into_iter().map(|(_, t)| t).collect();
        let (generator, discriminator) = (generator.leaves("")?, discriminator.leaves("")?);
        Ok(Self {
            generator_leaves: tensors(&generator),
            generator: (fit.design.generator)(&fit.spec, &generator.root())?,
            discriminator_leaves: tensors(&discriminator),
            discriminator: (fit.design.discriminator)(&fit.spec, &discriminator.root())?,
        })
    }

    /// Makes images, and the gradients of the discriminator that is to tell them from the real ones. `rows`
    /// are those of the whole batch.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn discriminate(
        &mut self,
        mut share: Share,
        rows: f64,
        penalty: bool,
        kind: Kind,
    ) -> Result<Turn> {
        let labels = share.labels.as_ref();
        let made = self
            .generator
            .images(&share.noise, labels, Statistics::Batch, kind)?;
        let both = Tensor::f_cat(&[&share.images, &made.detach()], 0)?;
        let twice = labels.map(|l| Tensor::f_cat(&[l, l], 0)).transpose()?;
        let scores = self.discriminator.scores(&both, twice.as_ref(), kind)?;
        let b = share.images.size()[0];
        let real = scores.f_narrow(0, 0, b)?.f_neg()?.f_softplus()?;
        let fake = scores.f_narrow(0, b, b)?.f_softplus()?;
        let loss = real.f_add(&fake)?.f_sum(Kind::Float)?.f_div_scalar(rows)?;
        let mut total = loss.shallow_clone();
        let mut squares = None;
        if penalty {
            let mean = self.squared_gradient(&share)?.f_div_scalar(rows)?;
            // Taken seldom, it weighs more.
            total = total.f_add(&mean.f_mul_scalar(PENALTY / 2. * PENALTY_EVERY as f64)?)?;
            squares = Some(mean.detach());
        }
        let gradients = backward(&total, &self.discriminator_leaves)?;
        share.made = Some(made);
        Ok(Turn {
            gradients,
            loss: loss.detach(),
            penalty: squares,
            share,
        })
    }

    /// The squared gradient of the score with respect to the pixels, summed over the real images.
    fn squared_gradient(&self, share: &Share) -> Result<Tensor> {
        let images = share.images.f_detach()?.f_set_requires_grad(true)?;
        // Squares of small numbers: products of f32.
        let labels = share.labels.as_ref();
        let scores = self.discriminator.scores(&images, labels, Kind::Float)?;
        let sum = scores.f_sum(Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[sum], &[images], true, true)?;
        Ok(gradients[0].f_square()?.f_sum(Kind::Float)?)
    }

    /// The gradients of the generator that is to deceive the discriminator.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn generate(&mut self, mut share: Share, rows: f64, kind: Kind) -> Result<Turn> {
        let made = share
            .made
            .take()
            .ok_or_else(|| Error::internal("the generator's turn came first"))?;
        let labels = share.labels.as_ref();
        let scores = self.discriminator.scores(&made, labels, kind)?;
        let loss = scores
            .f_neg()?
            .f_softplus()?
            .f_sum(Kind::Float)?
            .f_div_scalar(rows)?;
        Ok(Turn {
            gradients: backward(&loss, &self.generator_leaves)?,
            loss: loss.detach(),
            penalty: None,
            share,
        })
    }
}

/// The gradients of `loss`, undefined where it does not depend on a weight, each in the order of its
/// weight: those of convolutions may come with the channels of a pixel side by side.
fn backward(loss: &Tensor, leaves: &[Tensor]) -> Result<Vec<Tensor>> {
    let gradients = Tensor::f_run_backward(&[loss], leaves, false, false)?;
    let gradients = gradients
        .into_iter()
        .map(|gradient| match gradient.defined() {
            true => gradient.f_contiguous(),
            false => Ok(gradient),
        });
    Ok(gradients.collect::<std::result::Result<_, _>>()?)
}
