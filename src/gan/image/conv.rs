//! A small convolutional pair that knows classes throughout: normalization by class in the generator, a
//! projection in the discriminator.
//! A. Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
//! Adversarial Networks", ICLR 2016; T. Miyato, M. Koyama, "cGANs with Projection Discriminator", ICLR
//! 2018.
//!
//! Shapes: B images, H rows of W pixels, K classes.

use tch::{Kind, Tensor};

use super::{Design, Discriminator, Generator, ImageSpec, Statistics, norm::BatchNorm};
use crate::error::Result;
use crate::layer::{Conv, Init, Linear, Path, Way, leaky_relu};

/// The entry of the list.
pub const DESIGN: Design = Design {
    name: "conv",
    noise: 64,
    multiple: 4,
    learn_rate: 5e-4,
    generator,
    discriminator,
};

/// Channels at a quarter of the size, and at half.
const CHANNELS: [i64; 2] = [128, 64];

/// Width of a class's embedding beside the noise.
const EMBEDDING: i64 = 32;

/// Units of the discriminator's dense layer.
const UNITS: i64 = 128;

struct ConvGenerator {
    embedding: Option<Tensor>, // [K, 32]
    dense: Linear,
    norms: [BatchNorm; 2],
    up: [Conv; 2],
    /// H and W of the smallest.
    size: [i64; 2],
}

struct ConvDiscriminator {
    down: [Conv; 2],
    dense: Linear,
    output: Linear,
    projection: Option<Tensor>, // [K, U]
    /// H and W.
    size: [i64; 2],
}

fn generator(spec: &ImageSpec, path: &Path) -> Result<Box<dyn Generator>> {
    let size = spec.size.map(|side| side / 4);
    let (pixels, [a, b], classes) = (size[0] * size[1], CHANNELS, spec.classes);
    let embedding = (classes > 0)
        .then(|| path.weight("embedding", &[classes, EMBEDDING], Init::Normal { std: 1. }))
        .transpose()?;
    let inputs = DESIGN.noise + if embedding.is_some() { EMBEDDING } else { 0 };
    let [up, norm] = [path / "up", path / "norm"];
    Ok(Box::new(ConvGenerator {
        embedding,
        dense: Linear::new(&(path / "dense"), 1, inputs, pixels * a)?,
        norms: [
            BatchNorm::new(&(&norm / 0), a, classes)?,
            BatchNorm::new(&(&norm / 1), b, classes)?,
        ],
        up: [
            Conv::new(&(&up / 0), Way::Up, a, b, pixels)?,
            Conv::new(&(&up / 1), Way::Up, b, 1, 4 * pixels)?,
        ],
        size,
    }))
}

fn discriminator(spec: &ImageSpec, path: &Path) -> Result<Box<dyn Discriminator>> {
    let (pixels, [a, b], classes) = (spec.pixels(), CHANNELS, spec.classes);
    let down = path / "down";
    let projection = || path.weight("projection", &[classes, UNITS], Init::Normal { std: 0.1 });
    Ok(Box::new(ConvDiscriminator {
        down: [
            Conv::new(&(&down / 0), Way::Down, 1, b, pixels)?,
            Conv::new(&(&down / 1), Way::Down, b, a, pixels / 4)?,
        ],
        dense: Linear::new(&(path / "dense"), 1, pixels / 16 * a, UNITS)?,
        output: Linear::new(&(path / "output"), 1, UNITS, 1)?,
        projection: (classes > 0).then(projection).transpose()?,
        size: spec.size,
    }))
}

impl Generator for ConvGenerator {
    fn images(
        &self,
        noise: &Tensor,
        labels: Option<&Tensor>,
        statistics: Statistics,
        kind: Kind,
    ) -> Result<Tensor> {
        let input = match (&self.embedding, labels) {
            (Some(table), Some(labels)) => {
                Tensor::f_cat(&[noise, &table.f_index_select(0, labels)?], 1)?
            }
            _ => noise.shallow_clone(),
        };
        let [height, width] = self.size;
        let x = self.dense.one_as(&input, kind)?;
        // The channels of a pixel side by side, as convolutions on a CPU like them.
        let mut x = x
            .f_view([-1, height, width, CHANNELS[0]])?
            .f_permute([0, 3, 1, 2])?;
        for (norm, up) in self.norms.iter().zip(&self.up) {
            x = norm.forward(&x, labels, statistics)?.f_relu()?;
            x = up.forward_as(&x, kind)?;
        }
        Ok(x.f_flatten(1, -1)?.f_to_kind(Kind::Float)?.f_tanh()?)
    }
}

impl Discriminator for ConvDiscriminator {
    fn scores(&self, images: &Tensor, labels: Option<&Tensor>, kind: Kind) -> Result<Tensor> {
        let [height, width] = self.size;
        // One channel: this is the order in memory as well.
        let mut x = images
            .f_view([-1, height, width, 1])?
            .f_permute([0, 3, 1, 2])?;
        for down in &self.down {
            x = leaky_relu(&down.forward_as(&x, kind)?)?;
        }
        let x = x.f_permute([0, 2, 3, 1])?.f_flatten(1, -1)?;
        let h = leaky_relu(&self.dense.one_as(&x, kind)?)?.f_to_kind(Kind::Float)?; // [B, U]
        let score = self.output.one_as(&h, Kind::Float)?.f_squeeze_dim(1)?;
        let (Some(projection), Some(labels)) = (&self.projection, labels) else {
            return Ok(score);
        };
        let of_class = projection.f_index_select(0, labels)?.f_mul(&h)?;
        let sum = of_class.f_sum_dim_intlist(&[1i64][..], false, Kind::Float)?;
        Ok(score.f_add(&sum.f_div_scalar((UNITS as f64).sqrt())?)?)
    }
}
