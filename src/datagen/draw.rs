//! Reproducible random numbers and weighted choice.
//! Only raw ChaCha words are taken from the package, so that the log of a seed stays the same
//! when a random number library changes how it makes floats or ranges.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers that depends on a seed and a stream number only.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// Streams of one seed are independent of each other.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        to_unit(self.0.next_u64())
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// An index drawn with the given weights.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// One normal effect per level of an attribute, brought to mean 0 and the given spread over
    /// the levels, so that an attribute with few levels matters equally under every seed.
    pub(super) fn effects(&mut self, levels: usize, spread: f64) -> Vec<f64> {
        let raw: Vec<f64> = (0..levels).map(|_| self.normal()).collect();
        let mean = raw.iter().sum::<f64>() / levels as f64;
        let variance = raw.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / levels as f64;
        let scale = spread / variance.sqrt().max(f64::MIN_POSITIVE);
        raw.iter().map(|x| (x - mean) * scale).collect()
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// A number in `[0, 1)` that is a function of its inputs (SplitMix64): what must be the same
/// wherever it is asked for, such as the discount of a product on a day.
pub(super) fn hashed_unit(seed: u64, a: u64, b: u64) -> f64 {
    to_unit(mix(mix(mix(seed) ^ a) ^ b))
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn to_unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

/// Draws items in proportion to fixed weights in constant time.
/// A. J. Walker, "An Efficient Method for Generating Discrete Random Variables with General
/// Distributions", ACM TOMS 3, 1977; tables built as M. D. Vose, IEEE TSE 17, 1991.
pub(super) struct Alias {
    items: Vec<u32>,
    keep: Vec<f64>,
    other: Vec<u32>,
}

impl Alias {
    /// `weights[i]` is the positive weight of `items[i]`; there is at least one item.
    pub(super) fn new(items: Vec<u32>, weights: &[f64]) -> Self {
        let scale = items.len() as f64 / weights.iter().sum::<f64>();
        let mut keep: Vec<f64> = weights.iter().map(|w| w * scale).collect();
        let mut other: Vec<u32> = (0..items.len() as u32).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|i| keep[*i] < 1.0);
        while let (Some(low), Some(high)) = (small.pop(), large.pop()) {
            other[low] = high as u32;
            keep[high] -= 1.0 - keep[low];
            if keep[high] < 1.0 {
                small.push(high);
            } else {
                large.push(high);
            }
        }
        for rest in small.into_iter().chain(large) {
            keep[rest] = 1.0;
        }
        Self { items, keep, other }
    }

    /// One item.
    pub(super) fn draw(&self, draw: &mut Draw) -> usize {
        let slot = draw.below(self.items.len());
        let slot = if draw.unit() < self.keep[slot] {
            slot
        } else {
            self.other[slot] as usize
        };
        self.items[slot] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alias_draws_in_proportion_to_weights() {
        let alias = Alias::new(vec![4, 5, 6], &[1.0, 2.0, 5.0]);
        let mut draw = Draw::new(1, 0);
        let mut counts = [0f64; 7];
        for _ in 0..80_000 {
            counts[alias.draw(&mut draw)] += 1.0 / 80_000.0;
        }
        assert!((counts[4] - 0.125).abs() < 0.01, "{counts:?}");
        assert!((counts[5] - 0.25).abs() < 0.01, "{counts:?}");
        assert!((counts[6] - 0.625).abs() < 0.01, "{counts:?}");
    }

    #[test]
    fn effects_have_the_asked_spread() {
        let effects = Draw::new(3, 0).effects(5, 0.7);
        let variance = effects.iter().map(|x| x * x).sum::<f64>() / 5.0;
        assert!(effects.iter().sum::<f64>().abs() < 1e-12);
        assert!((variance.sqrt() - 0.7).abs() < 1e-12);
    }
}
