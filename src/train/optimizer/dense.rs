//! Steps of the dense weights, all of them at every batch. They lie in one buffer side by side.

use std::ops::Range;

use half::bf16;
use multiversion::multiversion;
use tch::{Device, Kind, Tensor};

use super::{ADAGRAD_EPSILON, ADAM_EPSILON, BETAS, Rule, adam_correction, adam_step, take};
use crate::error::Result;
use crate::tensor::element::Element;
use crate::tensor::memory::{as_mut_slice, as_slice};
use crate::train::checkpoint::Checkpoint;
use crate::train::threads::Workers;

/// Dense weights with their moments.
pub struct DenseOptimizer {
    rule: Rule,
    learn_rate: f32,
    l2: f32,
    betas: [f32; 2],
    flat: Tensor,   // [n]
    first: Tensor,  // [n] for Adam, empty for Adagrad
    second: Tensor, // [n]
    weights: Vec<Weight>,
    step: i32,
}

/// One weight's part of the buffer.
struct Weight {
    len: usize,
    /// The copy that the network computes with, where it is not the weight itself.
    copy: Option<Tensor>,
}

impl DenseOptimizer {
    /// An optimizer of the weights in `flat`, f32. `working` are the network's in the same order: the
    /// weights themselves, or copies of another kind, which every step renews. `l2` adds `l2 * w` to
    /// the gradient.
    pub fn new(rule: Rule, learn_rate: f64, l2: f64, flat: Tensor, working: &[Tensor]) -> Self {
        let weight = |tensor: &Tensor| Weight {
            len: tensor.numel(),
            copy: (tensor.kind() != Kind::Float).then(|| tensor.detach()),
        };
        Self {
            rule,
            learn_rate: learn_rate as f32,
            l2: l2 as f32,
            betas: BETAS,
            first: match rule {
                Rule::Adam => flat.zeros_like(),
                Rule::Adagrad => Tensor::zeros([0], (Kind::Float, flat.device())),
            },
            second: flat.zeros_like(),
            weights: working.iter().map(weight).collect(),
            flat,
            step: 0,
        }
    }

    /// The same with other decays of Adam's first and second moment.
    pub fn with_betas(mut self, betas: [f32; 2]) -> Self {
        self.betas = betas;
        self
    }

    /// One step down the sum of `gradients`: of each share one for each weight, undefined where the
    /// loss does not depend on it.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn step(&mut self, gradients: &[Vec<Tensor>], workers: &Workers) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.step += 1;
        match self.flat.device() {
            Device::Cpu => self.step_in_place(gradients, workers),
            _ => self.step_by_operators(gradients),
        }
    }

    /// Adds weights and moments to a checkpoint, under `name`.
    pub fn keep(&self, name: &str, checkpoint: &mut Checkpoint) {
        let state = [&self.flat, &self.first, &self.second];
        checkpoint.add_weights(name, state, self.step);
    }

    /// Takes them back from a checkpoint.
    ///
    /// # Errors
    /// As [`Checkpoint::restore`].
    pub fn go_on(&mut self, name: &str, checkpoint: &Checkpoint) -> Result<()> {
        let state = [&self.flat, &self.first, &self.second];
        self.step = checkpoint.restore_weights(name, state)?;
        self.refresh()
    }

    /// Copies the weights to those that the network computes with.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn refresh(&mut self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let mut at = 0;
        for weight in &mut self.weights {
            if let Some(copy) = &mut weight.copy {
                let part = self.flat.f_narrow(0, at, weight.len as i64)?;
                copy.f_copy_(&part.f_view_as(copy)?)?;
            }
            at += weight.len as i64;
        }
        Ok(())
    }

    fn step_in_place(&mut self, gradients: &[Vec<Tensor>], workers: &Workers) -> Result<()> {
        let rule = Step {
            rule: self.rule,
            learn_rate: self.learn_rate,
            l2: self.l2,
            betas: self.betas,
            correction: adam_correction(self.betas, self.step),
        };
        let threads = workers.count();
        let mut shares: Vec<Vec<Piece>> = (0..threads).map(|_| Vec::new()).collect();
        // SAFETY: the networks share the weights, but no pass runs during a step; moments are the optimizer's own.
        let (mut flat, mut first, mut second) = unsafe {
            (
                as_mut_slice::<f32>(&mut self.flat)?,
                as_mut_slice::<f32>(&mut self.first)?,
                as_mut_slice::<f32>(&mut self.second)?,
            )
        };
        for (i, weight) in self.weights.iter_mut().enumerate() {
            let len = weight.len;
            let mut weights = take(&mut flat, len);
            let mut firsts = take(&mut first, len);
            let mut seconds = take(&mut second, len);
            let mut copies = match &mut weight.copy {
                // SAFETY: as above; a copy has memory of its own.
                Some(copy) => unsafe { as_mut_slice::<bf16>(copy)? },
                None => &mut [],
            };
            let gradients: Vec<_> = gradients.iter().map(|g| &g[i]).collect();
            let gradients: Vec<_> = gradients.into_iter().filter(|g| g.defined()).collect();
            if gradients.is_empty() {
                continue;
            }
            // Every thread takes a part of every weight.
            let size = len.div_ceil(threads);
            for (t, share) in shares.iter_mut().enumerate() {
                let (from, to) = ((t * size).min(len), ((t + 1) * size).min(len));
                share.push(Piece {
                    weights: take(&mut weights, to - from),
                    first: take(&mut firsts, to - from),
                    second: take(&mut seconds, to - from),
                    copies: take(&mut copies, to - from),
                    gradients: gradients
                        .iter()
                        // SAFETY: nobody writes to gradients during a step.
                        .map(|g| Ok(unsafe { Gradient::new(g) }?.part(from..to)))
                        .collect::<Result<_>>()?,
                });
            }
        }
        workers.run(shares, |pieces| {
            for piece in pieces {
                rule.take(piece);
            }
            Ok(())
        })?;
        Ok(())
    }

    fn step_by_operators(&mut self, gradients: &[Vec<Tensor>]) -> Result<()> {
        // Neighbours that have a gradient are stepped as one; in most networks that is all.
        let (mut at, mut from) = (0, 0);
        let mut parts: Vec<Tensor> = Vec::new();
        for i in 0..self.weights.len() {
            let len = self.weights[i].len as i64;
            let defined = gradients.iter().map(|g| &g[i]).filter(|g| g.defined());
            let mut sum: Option<Tensor> = None;
            for gradient in defined {
                let gradient = gradient.f_reshape([-1])?.f_to_kind(Kind::Float)?;
                sum = Some(match sum {
                    Some(sum) => sum.f_add(&gradient)?,
                    None => gradient,
                });
            }
            match sum {
                Some(sum) => parts.push(sum),
                None => {
                    self.step_run(from, &parts)?;
                    parts.clear();
                    from = at + len;
                }
            }
            at += len;
        }
        self.step_run(from, &parts)?;
        self.refresh()
    }

    /// Steps the weights from place `from` of the buffer, down gradients that lie side by side.
    fn step_run(&mut self, from: i64, gradients: &[Tensor]) -> Result<()> {
        if gradients.is_empty() {
            return Ok(());
        }
        let gradient = Tensor::f_cat(gradients, 0)?;
        let len = gradient.size()[0];
        let mut weight = self.flat.f_narrow(0, from, len)?;
        let mut second = self.second.f_narrow(0, from, len)?;
        let gradient = gradient.f_add(&weight.f_mul_scalar(f64::from(self.l2))?)?;
        match self.rule {
            Rule::Adam => {
                let (scale, root_scale) = adam_correction(self.betas, self.step);
                let rate = f64::from(self.learn_rate * scale);
                let mut first = self.first.f_narrow(0, from, len)?;
                let _ = first.f_lerp_(&gradient, f64::from(1. - self.betas[0]))?;
                let _ = second.f_lerp_(&gradient.f_square()?, f64::from(1. - self.betas[1]))?;
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

/// A thread's part of a weight; `first` and `copies` are empty where there are none.
struct Piece<'a> {
    weights: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    copies: &'a mut [bf16],
    gradients: Vec<Gradient<'a>>,
}

/// A gradient's elements.
#[derive(Clone, Copy)]
pub enum Gradient<'a> {
    /// In f32.
    Full(&'a [f32]),
    /// In bfloat16.
    Half(&'a [bf16]),
}

impl<'a> Gradient<'a> {
    /// Those of a contiguous tensor on the CPU.
    ///
    /// # Errors
    /// `Internal` for any other tensor.
    ///
    /// # Safety
    /// As for [`as_slice`].
    pub unsafe fn new(tensor: &'a Tensor) -> Result<Self> {
        // SAFETY: the caller's promise is that of `as_slice`.
        unsafe {
            Ok(match tensor.kind() {
                Kind::BFloat16 => Self::Half(as_slice(tensor)?),
                _ => Self::Full(as_slice(tensor)?),
            })
        }
    }

    /// Those at some places.
    pub fn part(self, places: Range<usize>) -> Self {
        match self {
            Self::Full(elements) => Self::Full(&elements[places]),
            Self::Half(elements) => Self::Half(&elements[places]),
        }
    }

    /// Adds them to as many sums.
    pub fn add_to(self, sums: &mut [f32]) {
        match self {
            Self::Full(elements) => add(sums, elements),
            Self::Half(elements) => add(sums, elements),
        }
    }
}

/// What a step of a weight needs to know.
#[derive(Clone, Copy)]
struct Step {
    rule: Rule,
    learn_rate: f32,
    l2: f32,
    betas: [f32; 2],
    correction: (f32, f32),
}

/// Weights that are stepped at once, so that the sum of their gradients stays in the cache.
const BLOCK: usize = 512;

impl Step {
    fn take(self, piece: Piece) {
        let mut sum = [0f32; BLOCK];
        for from in (0..piece.weights.len()).step_by(BLOCK) {
            let to = (from + BLOCK).min(piece.weights.len());
            let sum = &mut sum[..to - from];
            sum.fill(0.);
            for gradient in &piece.gradients {
                gradient.part(from..to).add_to(sum);
            }
            let weights = &mut piece.weights[from..to];
            let second = &mut piece.second[from..to];
            match self.rule {
                Rule::Adam => self.adam(weights, sum, &mut piece.first[from..to], second),
                Rule::Adagrad => self.adagrad(weights, sum, second),
            }
            if !piece.copies.is_empty() {
                renew(&mut piece.copies[from..to], weights);
            }
        }
    }

    fn adam(self, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let (scale, root_scale) = self.correction;
        adam(
            self.betas,
            weights,
            gradient,
            first,
            second,
            self.l2,
            self.learn_rate * scale,
            root_scale,
        );
    }

    fn adagrad(self, weights: &mut [f32], gradient: &[f32], second: &mut [f32]) {
        adagrad(weights, gradient, second, self.l2, self.learn_rate);
    }
}

#[multiversion(targets = "simd")]
fn add<E: Element>(sum: &mut [f32], gradient: &[E]) {
    for (sum, g) in sum.iter_mut().zip(gradient) {
        *sum += g.widen();
    }
}

#[multiversion(targets = "simd")]
fn renew(copies: &mut [bf16], weights: &[f32]) {
    for (copy, weight) in copies.iter_mut().zip(weights) {
        *copy = <bf16 as Element>::narrow(*weight);
    }
}

#[multiversion(targets = "simd")]
#[allow(clippy::too_many_arguments)]
fn adam(
    betas: [f32; 2],
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    l2: f32,
    rate: f32,
    root_scale: f32,
) {
    let moments = first.iter_mut().zip(second);
    for ((w, &g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
        adam_step(betas, w, g + l2 * *w, m, v, rate, root_scale);
    }
}

#[multiversion(targets = "simd")]
fn adagrad(weights: &mut [f32], gradient: &[f32], second: &mut [f32], l2: f32, rate: f32) {
    for ((w, &g), v) in weights.iter_mut().zip(gradient).zip(second) {
        let g = g + l2 * *w;
        *v += g * g;
        *w -= rate * g / (v.sqrt() + ADAGRAD_EPSILON);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight() -> Tensor {
        Tensor::from_slice(&[1f32, -2., 0.5])
    }

    fn optimizer(rule: Rule, l2: f64, flat: &Tensor, working: &[Tensor]) -> DenseOptimizer {
        DenseOptimizer::new(rule, 0.1, l2, flat.shallow_clone(), working)
    }

    /// Two steps by the paper's equations, written out.
    #[test]
    fn adam_takes_the_steps_of_the_paper() {
        let workers = Workers::start(2).unwrap();
        let flat = weight();
        let mut adam = optimizer(Rule::Adam, 0., &flat, &[flat.shallow_clone()]);
        for g in [[1f32, 2., -3.], [0.5, -1., 0.]] {
            adam.step(&[vec![Tensor::from_slice(&g)]], &workers)
                .unwrap();
        }
        let got = Vec::<f32>::try_from(&flat).unwrap();
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

    /// The kernel in place, over shares and threads, and the operators that a GPU uses are one rule;
    /// both renew the network's copies.
    #[test]
    fn both_paths_take_the_same_steps() {
        let workers = Workers::start(2).unwrap();
        for rule in [Rule::Adam, Rule::Adagrad] {
            let ways = [true, false].map(|in_place| {
                let flat = Tensor::cat(&[weight(), weight() * 2.], 0);
                let copy = weight().to_kind(Kind::BFloat16);
                let second = flat.narrow(0, 3, 3);
                let working = [copy.shallow_clone(), second];
                let mut optimizer = optimizer(rule, 0.01, &flat, &working);
                // A step without a gradient for the first weight moves nothing of it.
                let lone = [vec![Tensor::new(), weight()]];
                match in_place {
                    true => optimizer.step(&lone, &workers).unwrap(),
                    false => {
                        optimizer.step += 1;
                        optimizer.step_by_operators(&lone).unwrap();
                    }
                }
                assert!(flat.narrow(0, 0, 3).equal(&weight()));
                for g in [[1f32, 2., -3.], [0.5, -1., 0.]] {
                    let g = Tensor::from_slice(&g);
                    let half = (&g / 2.).to_kind(Kind::BFloat16);
                    let gradients = [
                        vec![half.shallow_clone(), g.shallow_clone()],
                        vec![half, Tensor::new()],
                    ];
                    match in_place {
                        true => optimizer.step(&gradients, &workers).unwrap(),
                        false => {
                            optimizer.step += 1;
                            optimizer.step_by_operators(&gradients).unwrap();
                        }
                    }
                }
                let renewed = flat.narrow(0, 0, 3).to_kind(Kind::BFloat16);
                assert!(copy.equal(&renewed), "{rule:?}");
                flat
            });
            assert!(ways[0].allclose(&ways[1], 1e-5, 1e-6, false), "{rule:?}");
        }
    }
}
