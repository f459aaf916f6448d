//! Linear layers without activation.
//!
//! Shapes: G layers side by side, B rows, F inputs, H outputs.

use tch::{Kind, Tensor};

use super::{Init, Path};
use crate::error::Result;

/// G linear layers, each on its own input: by libtorch's operators.
pub struct Linear {
    weight: Tensor, // [G, F, H]
    bias: Tensor,   // [G, 1, H], f32
}

impl Linear {
    /// `groups` layers of `outputs` values on `inputs`.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(path: &Path, groups: i64, inputs: i64, outputs: i64) -> Result<Self> {
        let init = Init::Lecun { fan_in: inputs };
        Ok(Self {
            weight: path.matrix("weight", &[groups, inputs, outputs], init)?,
            bias: path.weight("bias", &[groups, 1, outputs], Init::Zeros)?,
        })
    }

    /// `x` is `[G, B, F]`; returns `[G, B, H]`. With `only`, an i64 list of layers, both have just these.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn each(&self, x: &Tensor, only: Option<&Tensor>) -> Result<Tensor> {
        let x = x.f_to_kind(self.weight.kind())?;
        let pick = |tensor: &Tensor| match only {
            Some(only) => tensor.f_index_select(0, only),
            None => Ok(tensor.shallow_clone()),
        };
        let product = x.f_bmm(&pick(&self.weight)?)?;
        let bias = pick(&self.bias)?.f_to_kind(product.kind())?;
        Ok(product.f_add(&bias)?)
    }

    /// Of one layer, computed in `kind` whatever that of its weights is: `x` is `[B, F]`; returns
    /// `[B, H]` of that kind.
    ///
    /// # Errors
    /// As [`Linear::each`].
    pub fn one_as(&self, x: &Tensor, kind: Kind) -> Result<Tensor> {
        let weight = self.weight.f_select(0, 0)?.f_to_kind(kind)?;
        let bias = self.bias.f_flatten(0, -1)?.f_to_kind(kind)?;
        Ok(bias.f_addmm(&x.f_to_kind(kind)?, &weight)?)
    }

    /// Of one layer: `x` is `[B, F]`; returns `[B, H]`.
    ///
    /// # Errors
    /// As [`Linear::each`].
    pub fn one(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.each(&x.f_unsqueeze(0)?, None)?.f_squeeze_dim(0)?)
    }
}
