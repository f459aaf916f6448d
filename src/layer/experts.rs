//! Several networks of the same shape side by side, computed as batched products.
//!
//! Shapes: E networks, B rows, F inputs, H units of the last layer.

use tch::Tensor;

use super::{Init, Mode, Path, dropout};
use crate::error::Result;

/// E stacks of fully connected layers, each layer with ReLU and dropout. Experts when they read one
/// input, towers when each reads its own.
pub struct ParallelMlp {
    layers: Vec<(Tensor, Tensor)>, // weight [E, in, out], bias [E, 1, out]
    networks: i64,
    rate: f64,
}

impl ParallelMlp {
    /// `networks` stacks with layers of the given widths on `inputs` values a row.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, networks: i64, inputs: i64, units: &[i64], rate: f64) -> Result<Self> {
        let mut layers = Vec::with_capacity(units.len());
        let mut fan_in = inputs;
        for (i, &width) in units.iter().enumerate() {
            let at = path / i;
            layers.push((
                at.weight("weight", &[networks, fan_in, width], Init::He { fan_in })?,
                at.weight("bias", &[networks, 1, width], Init::Zeros)?,
            ));
            fan_in = width;
        }
        Ok(Self {
            layers,
            networks,
            rate,
        })
    }

    /// All networks on the same input: `x` is `[B, F]`; returns `[E, B, H]`.
    pub fn forward_shared(&self, x: &Tensor, mode: Mode) -> Tensor {
        let (rows, width) = (x.size()[0], x.size()[1]);
        self.forward_each(&x.expand([self.networks, rows, width], false), None, mode)
    }

    /// Each network on its own input: `x` is `[E, B, F]`; returns `[E, B, H]`. With `only`, an i64
    /// list of networks, `x` and the result have just these.
    pub fn forward_each(&self, x: &Tensor, only: Option<&Tensor>, mode: Mode) -> Tensor {
        self.layers
            .iter()
            .fold(x.shallow_clone(), |h, (weight, bias)| {
                let mut out = match only {
                    Some(only) => {
                        bias.index_select(0, only)
                            .baddbmm(&h, &weight.index_select(0, only), 1, 1)
                    }
                    None => bias.baddbmm(&h, weight, 1, 1),
                };
                dropout(out.relu_(), self.rate, mode)
            })
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::layer::{Mlp, Params};

    /// Each network of the stack must equal a plain MLP with its slice of the weights.
    #[test]
    fn equals_separate_networks() {
        let params = Params::fresh(3, Device::Cpu);
        let stack = ParallelMlp::new(&params.root(), 3, 4, &[5, 2], 0.).unwrap();
        let x = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([2, 4]) / 7.;
        let all = stack.forward_shared(&x, Mode::Apply);
        for e in 0..3 {
            let slices = params.tensors().into_iter().map(|(name, t)| {
                let t = t.get(e);
                let t = if name.ends_with("bias") {
                    t.squeeze_dim(0)
                } else {
                    t
                };
                (name, t)
            });
            let one = Params::loaded(slices.collect(), Device::Cpu).unwrap();
            let mlp = Mlp::new(&one.root(), 4, &[5, 2], 0.).unwrap();
            assert!(
                all.get(e)
                    .allclose(&mlp.forward(&x, Mode::Apply), 1e-5, 1e-6, false)
            );
        }
        let only = Tensor::from_slice(&[2i64, 0]);
        let some = stack.forward_each(&x.expand([2, 2, 4], false), Some(&only), Mode::Apply);
        assert!(some.allclose(&all.index_select(0, &only), 1e-6, 1e-7, false));
    }
}
