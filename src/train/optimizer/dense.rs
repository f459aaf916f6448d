//! Steps of the dense weights, all of them at every batch.

use tch::{Device, Tensor};

use super::{ADAGRAD_EPSILON, ADAM_EPSILON, BETA1, BETA2, Rule, adam_correction, adam_step};
use crate::error::Result;
use crate::tensor::memory::{as_mut_slice, as_slice};

/// Dense weights with their moments.
pub struct DenseOptimizer {
    rule: Rule,
    learn_rate: f32,
    l2: f32,
    weights: Vec<Tensor>,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
    step: i32,
}

impl DenseOptimizer {
    /// An optimizer of `weights`, which it shares with the network and whose order gradients keep. `l2` adds `l2 * w` to the
    /// gradient.
    pub fn new(rule: Rule, learn_rate: f64, l2: f64, weights: Vec<Tensor>) -> Self {
        let zeros = || weights.iter().map(Tensor::zeros_like).collect::<Vec<_>>();
        Self {
            rule,
            learn_rate: learn_rate as f32,
            l2: l2 as f32,
            first: match rule {
                Rule::Adam => zeros(),
                Rule::Adagrad => Vec::new(),
            },
            second: zeros(),
            weights,
            step: 0,
        }
    }

    /// One step down `gradients`, one for each weight.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn step(&mut self, gradients: &[Tensor]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.step += 1;
        for (i, gradient) in gradients.iter().enumerate() {
            if gradient.defined() {
                match gradient.device() {
                    Device::Cpu => self.step_in_place(i, &gradient.contiguous())?,
                    _ => self.step_by_operators(i, gradient)?,
                }
            }
        }
        Ok(())
    }

    fn step_in_place(&mut self, i: usize, gradient: &Tensor) -> Result<()> {
        let mut weight = self.weights[i].detach();
        let weights = as_mut_slice(&mut weight)?;
        let gradients = as_slice(gradient)?;
        let seconds = as_mut_slice(&mut self.second[i])?;
        let l2 = self.l2;
        match self.rule {
            Rule::Adam => {
                let (scale, root_scale) = adam_correction(self.step);
                let rate = self.learn_rate * scale;
                let firsts = as_mut_slice(&mut self.first[i])?;
                for (((w, &g), m), v) in weights.iter_mut().zip(gradients).zip(firsts).zip(seconds)
                {
                    adam_step(w, g + l2 * *w, m, v, rate, root_scale);
                }
            }
            Rule::Adagrad => {
                for ((w, &g), v) in weights.iter_mut().zip(gradients).zip(seconds) {
                    let g = g + l2 * *w;
                    *v += g * g;
                    *w -= self.learn_rate * g / (v.sqrt() + ADAGRAD_EPSILON);
                }
            }
        }
        Ok(())
    }

    fn step_by_operators(&mut self, i: usize, gradient: &Tensor) -> Result<()> {
        let mut weight = self.weights[i].detach();
        let gradient = gradient.f_add(&weight.f_mul_scalar(f64::from(self.l2))?)?;
        let second = &mut self.second[i];
        match self.rule {
            Rule::Adam => {
                let (scale, root_scale) = adam_correction(self.step);
                let rate = f64::from(self.learn_rate * scale);
                let first = &mut self.first[i];
                let _ = first.f_lerp_(&gradient, f64::from(1. - BETA1))?;
                let _ = second.f_lerp_(&gradient.f_square()?, f64::from(1. - BETA2))?;
                let root = second
                    .f_sqrt()?
                    .f_mul_scalar(f64::from(root_scale))?
                    .f_add_scalar(f64::from(ADAM_EPSILON))?;
                let _ = weight.f_sub_(&first.f_div(&root)?.f_mul_scalar(rate)?)?;
            }
            Rule::Adagrad => {
                let _ = second.f_add_(&gradient.f_square()?)?;
                let root = second.f_sqrt()?.f_add_scalar(f64::from(ADAGRAD_EPSILON))?;
                let rate = f64::from(self.learn_rate);
                let _ = weight.f_sub_(&gradient.f_div(&root)?.f_mul_scalar(rate)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight() -> Tensor {
        Tensor::from_slice(&[1f32, -2., 0.5])
    }

    /// Two steps by the paper's equations, written out.
    #[test]
    fn adam_takes_the_steps_of_the_paper() {
        let mut adam = DenseOptimizer::new(Rule::Adam, 0.1, 0., vec![weight()]);
        adam.step(&[Tensor::from_slice(&[1f32, 2., -3.])]).unwrap();
        adam.step(&[Tensor::from_slice(&[0.5f32, -1., 0.])])
            .unwrap();
        let got = Vec::<f32>::try_from(&adam.weights[0]).unwrap();
        // The first step is -0.1 * sign(g); the second uses m / (1 - 0.9^2) and v / (1 - 0.999^2).
        let expected: Vec<f32> = [
            (1., 0.9 * 0.1 + 0.1 * 0.5, 0.999 * 0.001 + 0.001 * 0.25),
            (-2., 0.9 * 0.2 - 0.1, 0.999 * 0.004 + 0.001),
            (0.5, -0.9 * 0.3, 0.999 * 0.009),
        ]
        .into_iter()
        .zip([-0.1f64, -0.1, 0.1])
        .map(|((w, m, v), first): ((f64, f64, f64), f64)| {
            (w + first - 0.1 * (m / 0.19) / (v / 0.001_999).sqrt()) as f32
        })
        .collect();
        for (g, e) in got.iter().zip(&expected) {
            assert!((g - e).abs() < 1e-5, "{got:?} {expected:?}");
        }
    }

    /// The kernel in place and the operators that a GPU uses are one rule.
    #[test]
    fn both_paths_take_the_same_steps() {
        for rule in [Rule::Adam, Rule::Adagrad] {
            let mut a = DenseOptimizer::new(rule, 0.1, 0.01, vec![weight()]);
            let mut b = DenseOptimizer::new(rule, 0.1, 0.01, vec![weight()]);
            for g in [[1f32, 2., -3.], [0.5, -1., 0.]] {
                let g = Tensor::from_slice(&g);
                a.step(std::slice::from_ref(&g)).unwrap();
                b.step += 1;
                b.step_by_operators(0, &g).unwrap();
            }
            assert!(a.weights[0].allclose(&b.weights[0], 1e-5, 1e-6, false));
        }
    }
}
