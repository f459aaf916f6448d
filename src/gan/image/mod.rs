//! Generators of gray images and their discriminators: one design per file, and the list [`ALL`].
//!
//! A generator turns noise, and a class where there are classes, into pixels from -1 to 1. A
//! discriminator scores how real images look, of their class where there are classes. Both keep their
//! weights in f32 and compute in the kind that they are asked for.
//!
//! Shapes: B images, H rows of W pixels, Z values of noise, K classes.

mod conv;
mod dense;
mod norm;

pub use norm::Statistics;

use tch::{Kind, Tensor};

use super::{Defaults, Makes};
use crate::error::{Error, Result};
use crate::layer::Path;

/// The entry of the list of generators.
pub const DESIGN: super::Design = super::Design {
    name: "image_gan",
    summary: "draws gray images, of a class where there is a label; arch names the pair of networks",
    paper: "I. Goodfellow et al., Generative Adversarial Nets, NIPS 2014",
    makes: Makes::Images,
    options: &[
        "input_label_cols",
        "tasks",
        "exclude_cols",
        "image_size",
        "arch",
        "classifier",
        "epochs",
        "batch_size",
        "learn_rate",
        "data_split_method",
        "data_split_col",
        "data_split_eval_fraction",
        "resume",
        "device",
        "precision",
    ],
    defaults: Defaults {
        epochs: 12,
        batch_size: 128,
        learn_rate: dense::DESIGN.learn_rate,
        hidden_units: &[],
    },
};

/// What the images are like.
#[derive(Clone, Copy, Debug)]
pub struct ImageSpec {
    /// H and W.
    pub size: [i64; 2],
    /// K; 0 where images have no class.
    pub classes: i64,
}

impl ImageSpec {
    /// H * W.
    pub fn pixels(&self) -> i64 {
        self.size[0] * self.size[1]
    }
}

/// Makes images.
pub trait Generator: Send {
    /// `noise` is `[B, Z]`, `labels` `[B]` i64, there if there are classes; returns pixels from -1 to 1,
    /// `[B, H * W]` f32.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    fn images(
        &self,
        noise: &Tensor,
        labels: Option<&Tensor>,
        statistics: Statistics,
        kind: Kind,
    ) -> Result<Tensor>;
}

/// Tells real images from made ones.
pub trait Discriminator: Send {
    /// `images` is `[B, H * W]`, `labels` `[B]` i64, there if there are classes; returns a score each,
    /// `[B]` f32, higher where an image looks real.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    fn scores(&self, images: &Tensor, labels: Option<&Tensor>, kind: Kind) -> Result<Tensor>;
}

/// An entry of the list of designs.
pub struct Design {
    /// The value of `arch`.
    pub name: &'static str,
    /// Z.
    pub noise: i64,
    /// What both sides of an image must be divisible by.
    pub multiple: i64,
    /// The learn rate where none is given.
    pub learn_rate: f64,
    /// Builds the generator with the weights found or made at the path.
    pub generator: fn(&ImageSpec, &Path) -> Result<Box<dyn Generator>>,
    /// Builds the discriminator likewise.
    pub discriminator: fn(&ImageSpec, &Path) -> Result<Box<dyn Discriminator>>,
}

/// Every design.
pub static ALL: &[Design] = &[dense::DESIGN, conv::DESIGN];

/// The design of that name.
///
/// # Errors
/// `Plan` when there is none; the message lists all.
pub fn find(name: &str) -> Result<&'static Design> {
    ALL.iter()
        .find(|design| design.name == name)
        .ok_or_else(|| {
            let known: Vec<_> = ALL.iter().map(|design| design.name).collect();
            Error::plan(format!(
                "unknown arch {name:?}; known: {}",
                known.join(", ")
            ))
        })
}

impl Design {
    /// Holds that the design can make images of this size.
    ///
    /// # Errors
    /// `Plan` when a side can't be divided.
    pub fn check(&self, [height, width]: [i64; 2]) -> Result<()> {
        if height % self.multiple == 0 && width % self.multiple == 0 {
            return Ok(());
        }
        Err(Error::plan(format!(
            "arch = '{}' needs sides divisible by {}, got images of {height} x {width}; arch = 'dense' takes \
             any size",
            self.name, self.multiple
        )))
    }
}

#[cfg(test)]
mod tests;
