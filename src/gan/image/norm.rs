//! Batch normalization whose scale and shift can depend on the class.
//! S. Ioffe, C. Szegedy, "Batch Normalization", ICML 2015; H. de Vries et al., "Modulating Early Visual
//! Processing by Language", NIPS 2017.
//!
//! Shapes: B rows, C channels, H rows of W pixels, K classes.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::layer::{Init, Path};

/// Where mean and variance of a channel come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// From the batch.
    Batch,
    /// From the batch, which is the n-th, from 1, to be averaged in what is stored.
    Measure(u32),
    /// As they are stored: a row does not depend on the others.
    Stored,
}

/// Keeps the quotient finite.
const EPSILON: f64 = 1e-5;

/// One normalization.
pub struct BatchNorm {
    scale: Tensor,    // [K or 1, C]
    shift: Tensor,    // [K or 1, C]
    mean: Tensor,     // [C]
    variance: Tensor, // [C]
    by_class: bool,
}

impl BatchNorm {
    /// Over `channels`, with a scale and shift for each class where `classes` is not 0.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, channels: i64, classes: i64) -> Result<Self> {
        let (shape, ones) = ([classes.max(1), channels], vec![1.; channels as usize]);
        let scales = vec![1.; (classes.max(1) * channels) as usize];
        Ok(Self {
            scale: path.weight("scale", &shape, Init::Values(&scales))?,
            shift: path.weight("shift", &shape, Init::Zeros)?,
            mean: path.weight("mean", &[channels], Init::Zeros)?,
            variance: path.weight("variance", &[channels], Init::Values(&ones))?,
            by_class: classes > 0,
        })
    }

    /// `x` is `[B, C]` or `[B, C, H, W]`, `labels` `[B]` i64; returns the shape and kind of `x`.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn forward(
        &self,
        x: &Tensor,
        labels: Option<&Tensor>,
        statistics: Statistics,
    ) -> Result<Tensor> {
        if let Statistics::Measure(n) = statistics {
            self.measure(x, n)?;
        }
        let none = None::<&Tensor>;
        let stored = statistics == Statistics::Stored;
        let (mean, variance) = match stored {
            true => (Some(&self.mean), Some(&self.variance)),
            false => (None, None),
        };
        if !self.by_class {
            let (scale, shift) = (self.scale.f_select(0, 0)?, self.shift.f_select(0, 0)?);
            let (scale, shift) = (Some(&scale), Some(&shift));
            let train = !stored;
            return Ok(x.f_batch_norm(scale, shift, mean, variance, train, 0., EPSILON, false)?);
        }
        let x = x.f_batch_norm(none, none, mean, variance, !stored, 0., EPSILON, false)?;
        let of_class = |weight: &Tensor| -> Result<Tensor> {
            let rows = match labels {
                Some(labels) => weight.f_index_select(0, labels)?,
                None => weight.shallow_clone(),
            };
            let mut shape = rows.size();
            shape.resize(x.dim(), 1);
            Ok(rows.f_to_kind(x.kind())?.f_view(&shape[..])?)
        };
        Ok(x.f_mul(&of_class(&self.scale)?)?
            .f_add(&of_class(&self.shift)?)?)
    }

    fn measure(&self, x: &Tensor, n: u32) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let x = x
            .f_to_kind(Kind::Float)?
            .f_transpose(0, 1)?
            .f_flatten(1, -1)?; // [C, B * H * W]
        let (variance, mean) = x.f_var_mean_dim(&[1i64][..], false, false)?;
        for (stored, new) in [(&self.mean, mean), (&self.variance, variance)] {
            let mut stored = stored.shallow_clone();
            let _ = stored.f_lerp_(&new, 1. / f64::from(n.max(1)))?;
        }
        Ok(())
    }
}
