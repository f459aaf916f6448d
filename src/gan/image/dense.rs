//! The fully connected pair: noise 100 -> 128 -> 256 -> 512 -> 1024 -> pixels, and its mirror image.
//! I. Goodfellow et al., "Generative Adversarial Nets", NIPS 2014; M. Mirza, S. Osindero, "Conditional
//! Generative Adversarial Nets", 2014. Normalization, LeakyReLU and tanh as in the widely used PyTorch-GAN
//! implementations: from the second layer of the generator on, none in the discriminator. A class is an
//! embedding beside the noise, and one of the discriminator's own beside the pixels.
//!
//! Shapes: B images, P pixels, K classes.

use tch::{Kind, Tensor};

use super::{Design, Discriminator, Generator, ImageSpec, Statistics, norm::BatchNorm};
use crate::error::Result;
use crate::layer::{Init, Linear, Path, leaky_relu};

/// The entry of the list.
pub const DESIGN: Design = Design {
    name: "dense",
    noise: 100,
    multiple: 1,
    learn_rate: 2e-4,
    generator,
    discriminator,
};

/// Units of the generator's layers; the discriminator's come in the other order.
const UNITS: [i64; 4] = [128, 256, 512, 1024];

/// Width of a class's embedding.
const EMBEDDING: i64 = 10;

struct DenseGenerator {
    embedding: Option<Tensor>, // [K, 10]
    layers: Vec<(Linear, Option<BatchNorm>)>,
    output: Linear,
}

struct DenseDiscriminator {
    embedding: Option<Tensor>, // [K, 10]
    layers: Vec<Linear>,
    output: Linear,
}

fn embedding(spec: &ImageSpec, path: &Path) -> Result<Option<Tensor>> {
    let table = || {
        path.weight(
            "embedding",
            &[spec.classes, EMBEDDING],
            Init::Normal { std: 1. },
        )
    };
    (spec.classes > 0).then(table).transpose()
}

/// `x` with the embeddings of `labels` beside it.
fn with_labels(x: &Tensor, table: Option<&Tensor>, labels: Option<&Tensor>) -> Result<Tensor> {
    Ok(match (table, labels) {
        (Some(table), Some(labels)) => Tensor::f_cat(&[x, &table.f_index_select(0, labels)?], 1)?,
        _ => x.shallow_clone(),
    })
}

fn generator(spec: &ImageSpec, path: &Path) -> Result<Box<dyn Generator>> {
    let embedding = embedding(spec, path)?;
    let mut inputs = DESIGN.noise + if embedding.is_some() { EMBEDDING } else { 0 };
    let mut layers = Vec::new();
    for (i, units) in UNITS.into_iter().enumerate() {
        let at = &(path / "layer") / i;
        let norm = (i > 0).then(|| BatchNorm::new(&(&at / "norm"), units, 0));
        layers.push((Linear::new(&at, 1, inputs, units)?, norm.transpose()?));
        inputs = units;
    }
    Ok(Box::new(DenseGenerator {
        embedding,
        layers,
        output: Linear::new(&(path / "output"), 1, inputs, spec.pixels())?,
    }))
}

fn discriminator(spec: &ImageSpec, path: &Path) -> Result<Box<dyn Discriminator>> {
    let embedding = embedding(spec, path)?;
    let mut inputs = spec.pixels() + if embedding.is_some() { EMBEDDING } else { 0 };
    let mut layers = Vec::new();
    for (i, units) in UNITS.into_iter().rev().enumerate() {
        layers.push(Linear::new(&(&(path / "layer") / i), 1, inputs, units)?);
        inputs = units;
    }
    Ok(Box::new(DenseDiscriminator {
        embedding,
        layers,
        output: Linear::new(&(path / "output"), 1, inputs, 1)?,
    }))
}

impl Generator for DenseGenerator {
    fn images(
        &self,
        noise: &Tensor,
        labels: Option<&Tensor>,
        statistics: Statistics,
        kind: Kind,
    ) -> Result<Tensor> {
        let mut x = with_labels(noise, self.embedding.as_ref(), labels)?;
        for (layer, norm) in &self.layers {
            x = layer.one_as(&x, kind)?;
            if let Some(norm) = norm {
                x = norm.forward(&x, None, statistics)?;
            }
            x = leaky_relu(&x)?;
        }
        let x = self.output.one_as(&x, kind)?;
        Ok(x.f_to_kind(Kind::Float)?.f_tanh()?)
    }
}

impl Discriminator for DenseDiscriminator {
    fn scores(&self, images: &Tensor, labels: Option<&Tensor>, kind: Kind) -> Result<Tensor> {
        let mut x = with_labels(images, self.embedding.as_ref(), labels)?;
        for layer in &self.layers {
            x = leaky_relu(&layer.one_as(&x, kind)?)?;
        }
        // The last product in f32: scores of eight bits would have steps.
        Ok(self.output.one_as(&x, Kind::Float)?.f_squeeze_dim(1)?)
    }
}
