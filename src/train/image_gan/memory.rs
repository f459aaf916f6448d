//! How much memory the training of a pair takes.

use super::ImageFit;
use crate::error::{Error, Result};
use crate::feature::Budget;
use crate::gan::image::{Design, ImageSpec};
use crate::layer::Params;

/// What networks, moments and a batch take of the budget, while training runs.
pub struct Memory<'a> {
    budget: &'a dyn Budget,
    bytes: usize,
}

impl<'a> Memory<'a> {
    /// Asks for it.
    ///
    /// # Errors
    /// `Resources` when there is not as much.
    pub fn reserve(fit: &ImageFit<'a>) -> Result<Self> {
        let bytes = memory_bytes(fit.design, &fit.spec, fit.batch_size, fit.threads)?;
        if fit.budget.try_grow(bytes) {
            return Ok(Self {
                budget: fit.budget,
                bytes,
            });
        }
        Err(Error::resources(format!(
            "generator, discriminator, their optimizers and a batch need {} MB, more than the memory limit \
             leaves; lower batch_size or raise the limit",
            bytes.div_ceil(1 << 20)
        )))
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        self.budget.shrink(self.bytes);
    }
}

/// Bytes of both networks with moments, gradients, the average and its best, and of what a batch leaves
/// behind on its way through them.
///
/// # Errors
/// As the networks fail to be built.
pub fn memory_bytes(
    design: &Design,
    spec: &ImageSpec,
    batch_size: usize,
    threads: usize,
) -> Result<usize> {
    let (generator, discriminator) = (Params::shapes(), Params::shapes());
    let _ = (design.generator)(spec, &generator.root())?;
    let _ = (design.discriminator)(spec, &discriminator.root())?;
    let weights = |params: &Params| -> usize {
        let tensors = params.tensors();
        tensors.iter().map(|(_, tensor)| tensor.numel()).sum()
    };
    let (made, judged) = (weights(&generator), weights(&discriminator));
    let bytes = 4 * (made * (5 + threads) + judged * (3 + threads));
    // Of every value the product, what becomes of it, copies of other kinds and the gradients; twice in
    // the discriminator, which sees real and generated images.
    let row = 24 * (generator.outputs() + 2 * discriminator.outputs() + 3 * spec.pixels() as usize);
    Ok(bytes.saturating_add(row.saturating_mul(batch_size)))
}
