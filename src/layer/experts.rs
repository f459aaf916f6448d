//! Several networks of the same shape side by side.
//!
//! Shapes: E networks, B rows, F inputs, H units of the last layer.

use tch::Tensor;

use super::dense::Dense;
use super::{Mode, Path, Reads};
use crate::error::Result;

/// E stacks of fully connected layers, each layer with ReLU and dropout. Experts when they read one
/// input, towers when each reads its own.
pub struct ParallelMlp {
    layers: Vec<Dense>,
    networks: i64,
    reads: Reads,
}

impl ParallelMlp {
    /// `networks` stacks with layers of the given widths on `inputs` values a row.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(
        path: &Path,
        networks: i64,
        reads: Reads,
        inputs: i64,
        units: &[i64],
        rate: f64,
    ) -> Result<Self> {
        let mut layers = Vec::with_capacity(units.len());
        let mut fan_in = inputs;
        for (i, &width) in units.iter().enumerate() {
            let reads = if i == 0 { reads } else { Reads::Each };
            layers.push(Dense::new(
                &(path / i),
                reads,
                [networks, fan_in, width],
                rate,
            )?);
            fan_in = width;
        }
        Ok(Self {
            layers,
            networks,
            reads,
        })
    }

    /// `x` is `[B, F]`, or `[E, B, F]` where each network reads its own; returns `[E, B, H]`. With
    /// `only`, an i64 list of networks, the result and the latter have just these.
    ///
    /// # Errors
    /// As [`Dense::forward`].
    pub fn forward(&self, x: &Tensor, only: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
        if self.layers.is_empty() && self.reads == Reads::One {
            let networks = only.map_or(self.networks, |only| only.size()[0]);
            let (rows, width) = (x.size()[0], x.size()[1]);
            return Ok(x.f_expand([networks, rows, width], false)?);
        }
        let mut layers = self.layers.iter();
        layers.try_fold(x.shallow_clone(), |h, layer| layer.forward(&h, only, mode))
    }

    /// The same of all networks, with nothing on the tape: many stacks of which each has few rows are walked
    /// back faster by libtorch alone.
    ///
    /// # Errors
    /// As [`Dense::forward`].
    pub fn by_operators(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let Some((first, rest)) = self.layers.split_first() else {
            return self.forward(x, None, mode);
        };
        let h = first.by_operators(x, mode)?;
        rest.iter()
            .try_fold(h, |h, layer| layer.by_operators(&h, mode))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::layer::{Mlp, Params, Workspace};

    /// Each network of the stack must equal a plain MLP with its slice of the weights.
    #[test]
    fn equals_separate_networks() {
        let params = Params::fresh(3, Device::Cpu);
        let stack = ParallelMlp::new(&params.root(), 3, Reads::One, 4, &[5, 2], 0.).unwrap();
        let x = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([2, 4]) / 7.;
        let workspace = Workspace::default();
        let mode = Mode::Apply(&workspace);
        let all = stack.forward(&x, None, mode).unwrap();
        for e in 0..3 {
            let slices = params.tensors().into_iter().map(|(name, t)| {
                // The layer that reads the common input has its networks in the middle.
                let dim = i64::from(name == "0/weight");
                let t = t.narrow(dim, e, 1).contiguous();
                (name, t)
            });
            let one = Params::loaded(slices.collect(), Device::Cpu).unwrap();
            let mlp = ParallelMlp::new(&one.root(), 1, Reads::One, 4, &[5, 2], 0.).unwrap();
            let alone = mlp.forward(&x, None, mode).unwrap();
            assert!(all.get(e).allclose(&alone.get(0), 1e-5, 1e-6, false));
        }
        let only = Tensor::from_slice(&[2i64, 0]);
        let some = stack.forward(&x, Some(&only), mode).unwrap();
        assert!(some.allclose(&all.index_select(0, &only), 1e-6, 1e-7, false));
    }

    /// A layer is `relu(x W + b)`: by libtorch's own operators, layer after layer.
    #[test]
    fn a_stack_of_one_is_a_plain_network() {
        let params = Params::fresh(3, Device::Cpu);
        let mlp = Mlp::new(&params.root(), 4, &[5, 2], 0.).unwrap();
        let x = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([2, 4]) / 7.;
        let workspace = Workspace::default();
        let got = mlp.forward(&x, Mode::Apply(&workspace)).unwrap();
        let expected = ["0", "1"].iter().fold(x, |h, i| {
            let tensors = params.tensors();
            let find = |name: String| &tensors.iter().find(|(n, _)| *n == name).unwrap().1;
            let weight = find(format!("{i}/weight")).squeeze();
            (h.mm(&weight) + find(format!("{i}/bias")).flatten(0, -1)).relu()
        });
        assert!(got.allclose(&expected, 1e-5, 1e-6, false));
    }
}
