//! Random numbers one after the other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{STEP, box_muller, mix, quantile};

/// A stream of random numbers: ChaCha with eight rounds.
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream that `parts` choose together: a seed, a batch, an attempt.
    pub fn new(parts: &[u64]) -> Self {
        Self::seeded(parts.iter().fold(0, |seed, part| mix(seed ^ mix(*part))))
    }

    /// The stream of a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Stream number `stream` of a seed; they are independent of each other.
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// The stream by which an epoch's rows are shuffled.
    pub fn of_epoch(seed: u64, epoch: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform, from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        to_unit(self.word())
    }

    /// Uniform, above 0 and below 1.
    pub fn open_unit(&mut self) -> f64 {
        ((self.word() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// `n` numbers above 0 and below 1.
    pub fn open_units(&mut self, n: usize) -> Vec<f32> {
        // Rounding to f32 must not give 1.
        let unit = |word: u64| ((word >> 41) as f32 + 0.5) / (1u32 << 23) as f32;
        (0..n).map(|_| unit(self.word())).collect()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.word()) * bound as u128) >> 64) as usize
    }

    /// Standard normal, of one word.
    pub fn normal(&mut self) -> f64 {
        quantile(self.open_unit())
    }

    /// `n` standard normal numbers.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal() as f32).collect()
    }

    /// Standard normal, of two uniform numbers (Box and Muller).
    pub fn box_muller(&mut self) -> f64 {
        box_muller(1. - self.unit(), self.unit())
    }

    /// The same of other numbers of the same words.
    pub fn box_muller_up(&mut self) -> f64 {
        // The next number that [`Draws::unit`] could give, 1 at the most.
        let mut above = || self.unit() + f64::EPSILON / 2.;
        box_muller(above(), above())
    }

    /// An index drawn with the given weights.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0. {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// A position, by rising sums of weights of which the last is that of all.
    pub fn by_sums(&mut self, sums: &[f64]) -> usize {
        let total = sums.last().copied().unwrap_or_default();
        let at = self.open_unit() * total;
        sums.partition_point(|sum| *sum <= at)
            .min(sums.len().saturating_sub(1))
    }

    /// Puts `items` in random order (R. Fisher, F. Yates, 1938).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// The numbers from 0 to `count` in an order that depends on seed and epoch alone.
pub fn permutation(count: u64, seed: u64, epoch: u64) -> Vec<i64> {
    let mut numbers: Vec<i64> = (0..count as i64).collect();
    Draws::of_epoch(seed, epoch).shuffle(&mut numbers);
    numbers
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

/// A number from 0 to below 1 that is a function of its inputs: what must be the same wherever it is asked for, such as
/// the discount of a product on a day.
pub fn unit_of(seed: u64, a: u64, b: u64) -> f64 {
    let next = |state: u64| mix(state.wrapping_add(STEP));
    to_unit(next(next(next(seed) ^ a) ^ b))
}

fn to_unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_often_as_they_should_be() {
        let mut draws = Draws::new(&[1, 2]);
        let n = 40_000;
        let mut counts = [0f64; 3];
        for _ in 0..n {
            counts[draws.weighted(&[1., 2., 5.])] += 1. / f64::from(n);
            counts[draws.by_sums(&sums([1., 2., 5.]))] += 1. / f64::from(n);
        }
        for (count, expected) in counts.into_iter().zip([0.25, 0.5, 1.25]) {
            assert!((count - expected).abs() < 0.02, "{counts:?}");
        }
        let normals: [fn(&mut Draws) -> f64; 2] = [Draws::normal, Draws::box_muller];
        for normal in normals {
            let values: Vec<_> = (0..n).map(|_| normal(&mut draws)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            let square = values.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
            assert!(mean.abs() < 0.02 && (square - 1.).abs() < 0.03);
        }
    }

    /// Logs, models and generated rows of a seed are to stay: these are the words of version 0.1.
    #[test]
    fn streams_stay_what_they_are() {
        let first = |mut draws: Draws| draws.word();
        assert_eq!(
            [
                first(Draws::new(&[1, 2])),
                first(Draws::seeded(1)),
                first(Draws::stream(1, 2)),
                first(Draws::of_epoch(1, 2)),
                crate::random::Words::new(&[1, 2]).take(1)[0],
                crate::random::seed_of(1, "table"),
            ],
            [
                5_787_997_496_374_061_574,
                7_424_550_030_962_593_201,
                16_166_618_085_559_792_950,
                6_082_804_599_785_255_738,
                3_301_599_820_926_951_958,
                8_583_921_542_012_250_174,
            ]
        );
    }
}
