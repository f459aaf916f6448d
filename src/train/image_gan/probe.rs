//! Train on synthetic, test on real, at every epoch: a linear probe (G. Alain, Y. Bengio, "Understanding
//! intermediate layers using linear classifier probes", 2016) on the classifier's features learns the labels
//! of generated images and is tested on real ones. It costs a second where a classifier costs minutes.
//!
//! Shapes: N images, D features, K classes.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::layer::{Init, Params};
use crate::train::duel::Side;

/// Steps over all images.
const STEPS: usize = 200;
const LEARN_RATE: f64 = 0.03;
/// Weight of half of the squared weights.
const DECAY: f64 = 1e-3;
const BETAS: (f64, f64) = (0.9, 0.999);

/// Features of images and their classes.
#[derive(Default)]
pub struct Examples {
    features: Vec<Tensor>, // [n, D] each
    classes: Vec<i64>,
}

/// What the probe got right of the real images.
pub struct Lessons {
    /// Share of all.
    pub accuracy: f64,
    /// Share of each class; none where no real image has it.
    pub recall: Vec<Option<f64>>,
}

impl Examples {
    /// Adds images.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn add(&mut self, features: &Tensor, classes: &[i64]) -> Result<()> {
        let features = features.f_detach()?.f_to_kind(Kind::Float)?;
        self.features.push(features.f_to_device(Device::Cpu)?);
        self.classes.extend(classes);
        Ok(())
    }

    /// `[N, D]` and `[N]`.
    fn all(&self) -> Result<(Tensor, Tensor)> {
        let features = Tensor::f_cat(&self.features, 0)?;
        Ok((features, Tensor::f_from_slice(&self.classes)?))
    }
}

/// Learns from `synthetic`, tests on `real`; none where one of them has no images.
///
/// # Errors
/// `Torch` when there is no memory left.
pub fn probe(synthetic: &Examples, real: &Examples, classes: i64) -> Result<Option<Lessons>> {
    if synthetic.classes.is_empty() || real.classes.is_empty() {
        return Ok(None);
    }
    let (x, y) = synthetic.all()?;
    let rows = [0i64];
    let mean = x.f_mean_dim(rows.as_slice(), true, Kind::Float)?;
    let deviation = x
        .f_std_dim(rows.as_slice(), false, true)?
        .f_add_scalar(1e-3)?;
    let scaled = |x: &Tensor| x.f_sub(&mean)?.f_div(&deviation);
    let x = scaled(&x)?;
    let params = Params::fresh(0, Device::Cpu);
    let shape = [x.size()[1], classes];
    let _ = params.root().weight("weight", &shape, Init::Zeros)?;
    let _ = params.root().weight("bias", &[classes], Init::Zeros)?;
    let (mut side, leaves) = Side::new(&params, BETAS)?;
    let weight = leaves.root().weight("weight", &shape, Init::Zeros)?;
    let bias = leaves.root().weight("bias", &[classes], Init::Zeros)?;
    tch::with_grad(|| {
        for _ in 0..STEPS {
            let logits = x.f_mm(&weight)?.f_add(&bias)?;
            let loss =
                logits.f_cross_entropy_loss::<Tensor>(&y, None, tch::Reduction::Mean, -100, 0.)?;
            let squares = weight.f_square()?.f_sum(Kind::Float)?;
            side.step(&loss.f_add(&squares.f_mul_scalar(DECAY / 2.)?)?, LEARN_RATE)?;
        }
        Ok::<_, crate::error::Error>(())
    })?;
    let (x, y) = real.all()?;
    let _guard = tch::no_grad_guard();
    let said = scaled(&x)?
        .f_mm(&weight)?
        .f_add(&bias)?
        .f_argmax(1, false)?;
    let is_right = said.f_eq_tensor(&y)?.f_to_kind(Kind::Float)?;
    let recall = (0..classes).map(|class| {
        let own = y.f_eq(class)?.f_to_kind(Kind::Float)?;
        let count = own.f_sum(Kind::Double)?.f_double_value(&[])?;
        let right = own
            .f_mul(&is_right)?
            .f_sum(Kind::Double)?
            .f_double_value(&[])?;
        Ok((count > 0.).then(|| right / count))
    });
    Ok(Some(Lessons {
        recall: recall.collect::<Result<_>>()?,
        accuracy: is_right.f_mean(Kind::Double)?.f_double_value(&[])?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Classes 0 and 1 lie apart along the first feature; of 2 there is no real image.
    fn examples(count: usize, flip: bool) -> Examples {
        let mut examples = Examples::default();
        for i in 0..count {
            let class = (i % 2) as i64;
            let away = if (class == 1) == flip { -1. } else { 1. };
            let noise = ((i * 7919) % 100) as f32 / 100. - 0.5;
            let features = Tensor::from_slice(&[away + noise, noise * 3.]).view([1, 2]);
            examples.add(&features, &[class]).unwrap();
        }
        examples
    }

    #[test]
    fn what_generated_images_teach_is_tested_on_real_ones() {
        let lessons = probe(&examples(200, false), &examples(100, false), 3)
            .unwrap()
            .unwrap();
        assert_eq!(lessons.accuracy, 1.);
        assert_eq!(lessons.recall, [Some(1.), Some(1.), None]);
        // Labels the wrong way round teach nothing that holds.
        let lessons = probe(&examples(200, true), &examples(100, false), 3)
            .unwrap()
            .unwrap();
        assert!(lessons.accuracy < 0.05, "{}", lessons.accuracy);
        assert!(
            probe(&Examples::default(), &examples(10, false), 3)
                .unwrap()
                .is_none()
        );
    }
}
