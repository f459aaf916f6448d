//! Convolutions over images, by libtorch's operators.
//!
//! Shapes: B images, C channels, H rows of W pixels, K outputs.

use tch::{Kind, Tensor};

use super::{Init, Path};
use crate::error::Result;

/// Which way a convolution goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// 3 x 3 at every pixel: the size stays.
    Same,
    /// 4 x 4 at every second pixel: half the size.
    Down,
    /// The transpose of that: twice the size.
    Up,
}

/// One convolution with a bias.
pub struct Conv {
    weight: Tensor, // [K, C, S, S], up [C, K, S, S]
    bias: Tensor,   // [K], f32
    way: Way,
}

impl Conv {
    /// `outputs` channels from `inputs` channels of so many pixels each.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(path: &Path, way: Way, inputs: i64, outputs: i64, pixels: i64) -> Result<Self> {
        // How many inputs an output adds up, and how many pixels there are of each output.
        let (shape, fan_in, positions) = match way {
            Way::Same => ([outputs, inputs, 3, 3], inputs * 9, pixels),
            Way::Down => ([outputs, inputs, 4, 4], inputs * 16, pixels / 4),
            Way::Up => ([inputs, outputs, 4, 4], inputs * 4, pixels * 4),
        };
        let init = Init::He { fan_in };
        Ok(Self {
            weight: path.kernel("weight", &shape, init, outputs * positions)?,
            bias: path.weight("bias", &[outputs], Init::Zeros)?,
            way,
        })
    }

    /// `x` is `[B, C, H, W]`, of even sides where the size changes; returns `[B, K, H', W']` in the kind
    /// of products.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_as(x, self.weight.kind())
    }

    /// The same, computed in `kind` whatever that of its weights is.
    ///
    /// # Errors
    /// As [`Conv::forward`].
    pub fn forward_as(&self, x: &Tensor, kind: Kind) -> Result<Tensor> {
        let (x, bias) = (x.f_to_kind(kind)?, self.bias.f_to_kind(kind)?);
        let (weight, bias) = (&self.weight.f_to_kind(kind)?, Some(&bias));
        Ok(match self.way {
            Way::Same => x.f_conv2d(weight, bias, [1, 1], [1, 1], [1, 1], 1)?,
            Way::Down => x.f_conv2d(weight, bias, [2, 2], [1, 1], [1, 1], 1)?,
            Way::Up => x.f_conv_transpose2d(weight, bias, [2, 2], [1, 1], [0, 0], 1, [1, 1])?,
        })
    }
}

/// The largest of every 2 x 2 pixels, at the right and lower edge of fewer.
///
/// # Errors
/// `Torch` when there is no memory left.
pub fn max_pool(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], true)?)
}

/// `x` where it is positive, a fifth of it elsewhere.
/// A. Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013.
///
/// # Errors
/// `Torch` when there is no memory left.
pub fn leaky_relu(x: &Tensor) -> Result<Tensor> {
    // The operator of that name can't be told its slope here.
    Ok(x.f_prelu(&Tensor::from(0.2f32).f_to_kind(x.kind())?)?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::layer::Params;

    #[test]
    fn sizes_stay_halve_and_double() {
        let params = Params::fresh(1, Device::Cpu);
        let root = params.root();
        let x = Tensor::ones([2, 3, 8, 4], (Kind::Float, Device::Cpu));
        for (name, way, size) in [
            ("same", Way::Same, [2, 5, 8, 4]),
            ("down", Way::Down, [2, 5, 4, 2]),
            ("up", Way::Up, [2, 5, 16, 8]),
        ] {
            let conv = Conv::new(&(&root / name), way, 3, 5, 32).unwrap();
            assert_eq!(conv.forward(&x).unwrap().size(), size);
        }
        // Values a row that products leave: 5 channels of 32, 8 and 128 pixels.
        assert_eq!(params.outputs(), 5 * (32 + 8 + 128));
        let odd = Tensor::ones([1, 1, 5, 3], (Kind::Float, Device::Cpu));
        assert_eq!(max_pool(&odd).unwrap().size(), [1, 1, 3, 2]);
    }

    #[test]
    fn leaky_relu_keeps_a_fifth() {
        let x = Tensor::from_slice(&[-1f32, 0., 2.]);
        let y = Vec::<f32>::try_from(leaky_relu(&x).unwrap()).unwrap();
        assert_eq!(y, [-0.2, 0., 2.]);
    }
}
