//! What training a generator against a discriminator has in common, whatever they draw: weights that
//! are stepped together, and what an epoch has come to.

use std::time::Instant;

use tch::{Kind, Tensor};

use super::checkpoint::Checkpoint;
use super::report::Epoch;
use crate::error::{Error, Result};
use crate::layer::Params;

/// Keeps Adam's quotient finite.
const EPSILON: f64 = 1e-8;

/// A loss that is this far from 0 will not come back.
const DIVERGED: f64 = 1e6;

/// Weights of one side, in one buffer, with the moments of Adam.
pub struct Side {
    flat: Tensor,
    first: Tensor,
    second: Tensor,
    leaves: Vec<Tensor>,
    betas: (f64, f64),
    step: i32,
}

impl Side {
    /// The weights that a network has asked `params` for; returns them as a network is to be built over
    /// them, with gradients.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn new(params: &Params, betas: (f64, f64)) -> Result<(Self, Params)> {
        let flat = params.flatten("")?;
        let leaves = params.leaves("")?;
        let side = Self {
            first: flat.f_zeros_like()?,
            second: flat.f_zeros_like()?,
            leaves: leaves.tensors().into_iter().map(|(_, t)| t).collect(),
            flat,
            betas,
            step: 0,
        };
        Ok((side, leaves))
    }

    /// One step down `loss`.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn step(&mut self, loss: &Tensor, learn_rate: f64) -> Result<()> {
        self.apply(&gradient(loss, &self.leaves)?, learn_rate)
    }

    /// One step of Adam down the gradient of all weights, in one row.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn apply(&mut self, gradient: &Tensor, learn_rate: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.step += 1;
        let (b1, b2) = self.betas;
        let left = |beta: f64| 1. - beta.powi(self.step);
        let _ = self
            .first
            .f_mul_scalar_(b1)?
            .f_add_(&gradient.f_mul_scalar(1. - b1)?)?;
        let square = gradient.f_square()?.f_mul_scalar(1. - b2)?;
        let _ = self.second.f_mul_scalar_(b2)?.f_add_(&square)?;
        let root = self.second.f_div_scalar(left(b2))?.f_sqrt()?;
        let change = self.first.f_div(&root.f_add_scalar(EPSILON)?)?;
        let _ = self
            .flat
            .f_sub_(&change.f_mul_scalar(learn_rate / left(b1))?)?;
        Ok(())
    }

    /// All weights as they are now.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn copy(&self) -> Result<Tensor> {
        Ok(self.flat.f_detach()?.copy())
    }

    /// Adds weights and moments to a checkpoint, under `name`.
    pub fn keep(&self, name: &str, checkpoint: &mut Checkpoint) {
        let state = [&self.flat, &self.first, &self.second];
        checkpoint.add_weights(name, state, self.step);
    }

    /// Takes them back from a checkpoint.
    ///
    /// # Errors
    /// As [`Checkpoint::restore`].
    pub fn go_on(&mut self, name: &str, checkpoint: &Checkpoint) -> Result<()> {
        let state = [&self.flat, &self.first, &self.second];
        self.step = checkpoint.restore_weights(name, state)?;
        Ok(())
    }

    /// Brings weights back.
    ///
    /// # Errors
    /// `Torch`, which a user can't cause.
    pub fn restore(&mut self, weights: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.flat.f_copy_(weights)?;
        Ok(())
    }
}

/// The gradient of `loss` with respect to `leaves`, in one row; zeros where it does not depend on one.
///
/// # Errors
/// `Torch` when libtorch fails.
pub fn gradient(loss: &Tensor, leaves: &[Tensor]) -> Result<Tensor> {
    let gradients = Tensor::f_run_backward(&[loss], leaves, false, false)?;
    let _guard = tch::no_grad_guard();
    let parts = gradients
        .iter()
        .zip(leaves)
        .map(|(gradient, leaf)| match gradient.defined() {
            true => gradient.f_reshape([-1]),
            false => leaf.f_zeros_like()?.f_reshape([-1]),
        });
    let parts = parts.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Tensor::f_cat(&parts, 0)?)
}

/// The losses of an epoch so far, by name.
pub struct Losses {
    names: &'static [&'static str],
    sums: Vec<f64>,
    steps: f64,
    rows: i64,
    start: Instant,
}

impl Losses {
    /// Nothing yet.
    pub fn new(names: &'static [&'static str]) -> Self {
        Self {
            sums: vec![0.; names.len()],
            names,
            steps: 0.,
            rows: 0,
            start: Instant::now(),
        }
    }

    /// Takes a step's losses by name, scalars, over `rows` rows.
    ///
    /// # Errors
    /// `Execution` when one is NaN or beyond all bounds: the sides have lost each other.
    pub fn add(&mut self, epoch: usize, losses: &[(&str, Tensor)], rows: i64) -> Result<()> {
        self.steps += 1.;
        self.rows += rows;
        for (name, loss) in losses {
            let loss = loss.f_to_kind(Kind::Double)?.f_double_value(&[])?;
            if !loss.is_finite() || loss.abs() > DIVERGED {
                return Err(Error::execution(format!(
                    "training diverged in epoch {epoch}: the loss of the {name} is {loss}; a lower learn_rate \
                     helps most often"
                )));
            }
            if let Some(at) = self.names.iter().position(|known| known == name) {
                self.sums[at] += loss;
            }
        }
        Ok(())
    }

    /// Rows a second so far.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// The means so far, by name.
    pub fn means(&self) -> Vec<(&'static str, f64)> {
        let means = self.sums.iter().map(|sum| sum / self.steps.max(1.));
        self.names.iter().copied().zip(means).collect()
    }

    /// A row of the history for each loss.
    pub fn rows(&self, epoch: usize) -> Vec<Epoch> {
        let seconds = self.start.elapsed().as_secs_f64();
        let row = |(name, mean): (&str, f64)| Epoch {
            epoch: epoch as i64,
            split: "train".into(),
            task: name.into(),
            loss: Some(mean),
            auc: None,
            weight: 1.,
            rows: self.rows,
            seconds,
        };
        self.means().into_iter().map(row).collect()
    }
}

/// A row of the history for each score that rows have, of those of an epoch for example.
pub fn scored(
    epoch: usize,
    split: &str,
    scores: &[(&'static str, f64)],
    rows: usize,
    start: Instant,
) -> Vec<Epoch> {
    let row = |(name, score): &(&str, f64)| Epoch {
        epoch: epoch as i64,
        split: split.into(),
        task: (*name).into(),
        loss: Some(*score),
        auc: None,
        weight: 1.,
        rows: rows as i64,
        seconds: start.elapsed().as_secs_f64(),
    };
    scores.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::layer::Init;

    #[test]
    fn steps_lead_down_and_weights_come_back() {
        let params = Params::fresh(1, Device::Cpu);
        let _ = params
            .root()
            .weight("w", &[2], Init::Values(&[3., -2.]))
            .unwrap();
        let (mut side, leaves) = Side::new(&params, (0.5, 0.9)).unwrap();
        let w = leaves.root().weight("w", &[2], Init::Zeros).unwrap();
        let before = side.copy().unwrap();
        for _ in 0..200 {
            side.step(&w.square().sum(Kind::Float), 0.05).unwrap();
        }
        assert!(
            Vec::<f32>::try_from(&w.detach())
                .unwrap()
                .iter()
                .all(|w| w.abs() < 0.05)
        );
        side.restore(&before).unwrap();
        assert_eq!(Vec::<f32>::try_from(&w.detach()).unwrap(), [3., -2.]);
    }

    #[test]
    fn a_loss_without_bounds_is_an_error() {
        let mut losses = Losses::new(&["generator"]);
        losses
            .add(1, &[("generator", Tensor::from(2.))], 10)
            .unwrap();
        let text = losses
            .add(1, &[("generator", Tensor::from(f64::NAN))], 10)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("diverged in epoch 1: the loss of the generator"),
            "{text}"
        );
    }
}
