//! Random words that can be had at any place of their stream, for loops that draw on several threads.

use std::cell::Cell;

use super::{STEP, mix};

/// A stream of random bits: SplitMix64. Its n-th word can be had without those before.
#[derive(Debug)]
pub struct Words(Cell<u64>);

impl Words {
    /// The stream that `parts` choose together: a seed, an epoch, a step.
    pub fn new(parts: &[u64]) -> Self {
        let state = parts
            .iter()
            .fold(STEP, |state, part| mix(state ^ mix(*part)));
        Self(Cell::new(state))
    }

    /// Sets the next `words` words aside: returns the state before them, for [`Words::fill`].
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

    /// The next `n` words.
    pub fn take(&self, n: usize) -> Vec<u64> {
        let mut words = vec![0; n];
        Self::fill(self.skip(n), &mut words);
        words
    }

    /// `n` values of a standard normal distribution, two of a word (Box and Muller).
    pub fn normals(&self, n: usize) -> Vec<f32> {
        let pair = |word: &u64| {
            // In (0, 1], so that the logarithm is finite, and in [0, 1).
            let (u, v) = ((word >> 32) as f64 + 1., *word as u32 as f64);
            let scale = 2f64.powi(-32);
            let radius = (-2. * (u * scale).ln()).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * v * scale).sin_cos();
            [(radius * cos) as f32, (radius * sin) as f32]
        };
        let words = self.take(n.div_ceil(2));
        let mut values: Vec<_> = words.iter().flat_map(pair).collect();
        values.truncate(n);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_have_the_moments_of_their_distribution() {
        let values = Words::new(&[3, 1]).normals(100_001);
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
        assert_eq!(values, Words::new(&[3, 1]).normals(100_001));
        assert_ne!(values, Words::new(&[3, 2]).normals(100_001));
    }

    #[test]
    fn a_word_can_be_had_without_those_before() {
        let all = Words::new(&[7]).take(5);
        let mut last = [0; 2];
        let from = Words::new(&[7]).skip(0);
        Words::fill(Words::after(from, 3), &mut last);
        assert_eq!(last, all[3..]);
        let in_parts = Words::new(&[7]);
        assert_eq!([in_parts.take(2), in_parts.take(3)].concat(), all);
    }
}
