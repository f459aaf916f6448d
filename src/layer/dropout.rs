//! Dropout with a generator of its own, so that several threads can draw at once and one seed still
//! gives one result.

use std::cell::Cell;

use tch::{Device, Tensor};

/// What a forward pass is for.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Dropout is on and draws from here.
    Train(&'a Draws),
    /// Every unit takes part.
    Apply,
}

/// A stream of random bits: SplitMix64 (G. Steele et al., "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014).
#[derive(Debug)]
pub struct Draws(Cell<u64>);

impl Draws {
    /// The stream that `parts` choose together: a seed, an epoch, a step.
    pub fn new(parts: &[u64]) -> Self {
        let state = parts
            .iter()
            .fold(0x9e37_79b9_7f4a_7c15, |state, part| mix(state ^ mix(*part)));
        Self(Cell::new(state))
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        mix(state)
    }

    /// `n` values, 0 with probability `rate` (to 1 / 65,536) and `1 / (1 - rate)` otherwise.
    fn mask(&self, n: usize, rate: f64) -> Vec<f32> {
        let threshold = (rate * 65_536.).round() as u64;
        let keep = (1. / (1. - rate)) as f32;
        let mut mask = vec![0f32; n];
        for four in mask.chunks_mut(4) {
            let mut bits = self.next();
            for value in four {
                *value = if bits & 0xffff < threshold { 0. } else { keep };
                bits >>= 16;
            }
        }
        mask
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Inverted dropout: in training, zeroes each element with probability `rate` and scales the rest by
/// `1 / (1 - rate)`. N. Srivastava et al., "Dropout", JMLR 15, 2014.
pub fn dropout(x: Tensor, rate: f64, mode: Mode) -> Tensor {
    match mode {
        Mode::Train(draws) if rate > 0. => match x.device() {
            Device::Cpu => {
                let mask = Tensor::from_slice(&draws.mask(x.numel(), rate)).view_as(&x);
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

    #[test]
    fn drops_the_share_and_keeps_the_mean() {
        let x = Tensor::ones([400, 500], (Kind::Float, Device::Cpu));
        let y = dropout(x.shallow_clone(), 0.3, Mode::Train(&Draws::new(&[1, 2])));
        let dropped = y
            .eq(0.)
            .to_kind(Kind::Float)
            .mean(Kind::Float)
            .double_value(&[]);
        assert!((dropped - 0.3).abs() < 0.005, "{dropped}");
        assert!((y.mean(Kind::Float).double_value(&[]) - 1.).abs() < 0.01);
        let same = dropout(x.shallow_clone(), 0.3, Mode::Train(&Draws::new(&[1, 2])));
        assert!(same.equal(&y));
        let other = dropout(x.shallow_clone(), 0.3, Mode::Train(&Draws::new(&[1, 3])));
        assert!(!other.equal(&y));
        assert!(dropout(x.shallow_clone(), 0.3, Mode::Apply).equal(&x));
    }
}
