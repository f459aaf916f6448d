//! What training a generator against a discriminator has in common, whatever they draw: weights that
//! are stepped together, and what an epoch has come to.

use std::time::Instant;

use tch::{Kind, Tensor};

use super::report::Epoch;
use crate::error::{Error, Result};
use crate::layer::Params;

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

    /// One step of Adam down `loss`.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn step(&mut self, loss: &Tensor, learn_rate: f64) -> Result<()> {
        let gradients = Tensor::f_run_backward(&[loss], &self.leaves, false, false)?;
        let _guard = tch::no_grad_guard();
        let parts =
            gradients
                .iter()
                .zip(&self.leaves)
                .map(|(gradient, leaf)| match gradient.defined() {
                    true => gradient.f_reshape([-1]),
                    false => leaf.f_zeros_like()?.f_reshape([-1]),
                });
        let gradient = Tensor::f_cat(&parts.collect::<std::result::Result<Vec<_>, _>>()?, 0)?;
        self.step += 1;
        let (b1, b2) = self.betas;
        let left = |beta: f64| 1. - beta.powi(self.step);
        let _ = self
            .first
            .f_mul_scalar_(b1)?
            .f_add_(&gradient.f_mul_scalar(1. - b1)?)?;
        let square = gradient.f_square()?.f_mul_scalar(1. - b2)?;
        let _ = self.second.f_mul_scalar_(b2)?.f_add_(&square)?;
        let root = self
            .second
            .f_div_scalar(left(b2))?
            .f_sqrt()?
            .f_add_scalar(1e-8)?;
        let change = self
            .first
            .f_div(&root)?
            .f_mul_scalar(learn_rate / left(b1))?;
        let _ = self.flat.f_sub_(&change)?;
        Ok(())
    }

    /// All weights as they are now.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn copy(&self) -> Result<Tensor> {
        Ok(self.flat.f_detach()?.copy())
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

    /// Takes a step's losses, a scalar for each name, over `rows` rows.
    ///
    /// # Errors
    /// `Execution` when one is NaN or beyond all bounds: the sides have lost each other.
    pub fn add(&mut self, epoch: usize, losses: &[&Tensor], rows: i64) -> Result<()> {
        self.steps += 1.;
        self.rows += rows;
        for ((name, sum), loss) in self.names.iter().zip(&mut self.sums).zip(losses) {
            let loss = loss.f_to_kind(Kind::Double)?.f_double_value(&[])?;
            if !loss.is_finite() || loss.abs() > DIVERGED {
                return Err(Error::execution(format!(
                    "training diverged in epoch {epoch}: the loss of the {name} is {loss}; a lower learn_rate \
                     helps most often"
                )));
            }
            *sum += loss;
        }
        Ok(())
    }

    /// Rows a second so far.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// The mean of the first loss.
    pub fn mean(&self) -> f64 {
        self.sums.first().copied().unwrap_or_default() / self.steps.max(1.)
    }

    /// A row of the history for each loss.
    pub fn rows(&self, epoch: usize) -> Vec<Epoch> {
        let seconds = self.start.elapsed().as_secs_f64();
        let row = |(name, sum): (&&str, &f64)| Epoch {
            epoch: epoch as i64,
            split: "train".into(),
            task: (*name).into(),
            loss: Some(sum / self.steps.max(1.)),
            auc: None,
            weight: 1.,
            rows: self.rows,
            seconds,
        };
        self.names.iter().zip(&self.sums).map(row).collect()
    }
}

/// The row of the history of what an epoch's generator was worth: the lower the better.
pub fn worth(epoch: usize, task: &str, score: f64, rows: usize, start: Instant) -> Epoch {
    Epoch {
        epoch: epoch as i64,
        split: "eval".into(),
        task: task.into(),
        loss: Some(score),
        auc: None,
        weight: 1.,
        rows: rows as i64,
        seconds: start.elapsed().as_secs_f64(),
    }
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
        losses.add(1, &[&Tensor::from(2.)], 10).unwrap();
        let text = losses
            .add(1, &[&Tensor::from(f64::NAN)], 10)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("diverged in epoch 1: the loss of the generator"),
            "{text}"
        );
    }
}
