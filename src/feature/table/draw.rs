//! Random numbers that depend on a few words alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::normal;
use crate::feature::vocabulary::hash::mix;

/// A stream of random numbers. Only raw words are taken from the package, so that a seed means the same
/// when it changes how it makes floats.
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream that `parts` choose together: a seed, a batch, an attempt.
    pub fn new(parts: &[u64]) -> Self {
        let seed = parts.iter().fold(0, |seed, part| mix(seed ^ mix(*part)));
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Above 0 and below 1.
    pub fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        normal::quantile(self.unit())
    }

    /// A position, by rising sums of weights of which the last is that of all.
    pub fn by_sums(&mut self, sums: &[f64]) -> usize {
        let total = sums.last().copied().unwrap_or_default();
        let at = self.unit() * total;
        sums.partition_point(|sum| *sum <= at)
            .min(sums.len().saturating_sub(1))
    }

    /// `n` standard normal numbers.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal() as f32).collect()
    }

    /// `n` numbers above 0 and below 1.
    pub fn units(&mut self, n: usize) -> Vec<f32> {
        // Rounding to f32 must not give 1.
        let unit = |word: u64| ((word >> 41) as f32 + 0.5) / (1u32 << 23) as f32;
        (0..n).map(|_| unit(self.0.next_u64())).collect()
    }
}

/// The rising sums of `weights`.
pub fn sums(weights: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.;
    let add = |weight| {
        sum += weight;
        sum
    };
    weights.into_iter().map(add).collect()
}
