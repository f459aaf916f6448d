//! Dropout with a generator of its own, so that several threads can draw at once and one seed still
//! gives one result.

use std::cell::Cell;

use tch::{Device, Tensor};

use super::Mode;
use super::kernel::activation::{keep_scale, threshold};

/// A stream of random bits: SplitMix64 (G. Steele et al., "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014). Its n-th word can be had without those before.
#[derive(Debug)]
pub struct Draws(Cell<u64>);

/// What the generator's state grows by from word to word.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draws {
    /// The stream that `parts` choose together: a seed, an epoch, a step.
    pub fn new(parts: &[u64]) -> Self {
        let state = parts
            .iter()
            .fold(STEP, |state, part| mix(state ^ mix(*part)));
        Self(Cell::new(state))
    }

    /// Sets the next `words` words aside: returns the state before them, for [`Draws::fill`].
    pub fn skip(&self, words: usize) -> u64 {
        let state = self.0.get();
        self.0.set(Self::after(state, words));
        state
    }

    /// The words that follow `state`.
    #[inline(always)]
    pub fn fill(state: u64, words: &mut [u64]) {
        for (i, word) in words.iter_mut().enumerate() {
            *word = mix(Self::after(state, i + 1));
        }
    }

    /// The state `words` words later.
    #[inline(always)]
    pub fn after(state: u64, words: usize) -> u64 {
        state.wrapping_add(STEP.wrapping_mul(words as u64))
    }

    /// `n` values of a standard normal distribution.
    /// G. Box, M. Muller, "A Note on the Generation of Random Normal Deviates", 1958.
    pub fn normals(&self, n: usize) -> Vec<f32> {
        let mut words = vec![0; n.div_ceil(2)];
        Self::fill(self.skip(words.len()), &mut words);
        let pair = |word: &u64| {
            // In (0, 1], so that the logarithm is finite, and in [0, 1).
            let (u, v) = ((word >> 32) as f64 + 1., *word as u32 as f64);
            let scale = 2f64.powi(-32);
            let radius = (-2. * (u * scale).ln()).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * v * scale).sin_cos();
            [(radius * cos) as f32, (radius * sin) as f32]
        };
        let mut values: Vec<_> = words.iter().flat_map(pair).collect();
        values.truncate(n);
        values
    }

    /// `n` values, 0 with probability `rate` (to 1 / 65,536) and `1 / (1 - rate)` otherwise.
    fn mask(&self, n: usize, rate: f64) -> Vec<f32> {
        let (threshold, keep) = (threshold(rate), keep_scale(rate));
        let mut words = vec![0; n.div_ceil(4)];
        Self::fill(self.skip(words.len()), &mut words);
        let bits: &[u16] = bytemuck::cast_slice(&words);
        let value = |bits: &u16| if *bits < threshold { 0. } else { keep };
        bits[..n].iter().map(value).collect()
    }
}

#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Inverted dropout: in training, zeroes each element with probability `rate` and scales the rest by
/// `1 / (1 - rate)`. N. Srivastava et al., "Dropout", JMLR 15, 2014.
pub fn dropout(x: Tensor, rate: f64, mode: Mode) -> Tensor {
    match mode {
        Mode::Train(tape) if rate > 0. => match x.device() {
            Device::Cpu => {
                let mask = Tensor::from_slice(&tape.draws().mask(x.numel(), rate)).view_as(&x);
                &x * mask.to_kind(x.kind())
            }
            _ => x.dropout(rate, true),
        },
        _ => x,
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::layer::{Tape, Workspace};

    #[test]
    fn normals_have_the_moments_of_their_distribution() {
        let values = Draws::new(&[3, 1]).normals(100_001);
        let moment = |power: i32| {
            let powers = values.iter().map(|v| f64::from(*v).powi(power));
            powers.sum::<f64>() / values.len() as f64
        };
        for (power, expected) in [(1, 0.), (2, 1.), (3, 0.), (4, 3.)] {
            let got = moment(power);
            assert!((got - expected).abs() < 0.08, "{power}: {got}");
        }
        let neighbours = values.chunks_exact(2).map(|v| f64::from(v[0] * v[1]));
        assert!((neighbours.sum::<f64>() / 50_000.).abs() < 0.02);
        assert_eq!(values, Draws::new(&[3, 1]).normals(100_001));
        assert_ne!(values, Draws::new(&[3, 2]).normals(100_001));
    }

    #[test]
    fn drops_the_share_and_keeps_the_mean() {
        let x = Tensor::ones([400, 500], (Kind::Float, Device::Cpu));
        let drop = |seed: u64| {
            let workspace = Workspace::default();
            let tape = Tape::new(Draws::new(&[1, seed]), &workspace);
            dropout(x.shallow_clone(), 0.3, Mode::Train(&tape))
        };
        let y = drop(2);
        let dropped = y
            .eq(0.)
            .to_kind(Kind::Float)
            .mean(Kind::Float)
            .double_value(&[]);
        assert!((dropped - 0.3).abs() < 0.005, "{dropped}");
        assert!((y.mean(Kind::Float).double_value(&[]) - 1.).abs() < 0.01);
        assert!(drop(2).equal(&y));
        assert!(!drop(3).equal(&y));
        let workspace = Workspace::default();
        assert!(dropout(x.shallow_clone(), 0.3, Mode::Apply(&workspace)).equal(&x));
    }
}
