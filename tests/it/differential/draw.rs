//! What a seed draws: choices, fresh names, and a note of the kinds that a query is made of.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of choices that depends on a seed and a stream number only.
pub struct Draw {
    random: ChaCha8Rng,
    names: usize,
    kinds: BTreeSet<&'static str>,
}

impl Draw {
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self {
            random,
            names: 0,
            kinds: BTreeSet::new(),
        }
    }

    /// Uniform in `0..bound`; `bound` is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound as u64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Between `low` and `high` different items in random order, or all where there are fewer.
    pub fn some<T: Clone>(&mut self, from: &[T], low: usize, high: usize) -> Vec<T> {
        let mut left = from.to_vec();
        let number = self.between(low as i64, high as i64) as usize;
        let number = number.min(left.len());
        (0..number)
            .map(|_| left.swap_remove(self.below(left.len())))
            .collect()
    }

    /// A name that no other part of this query has.
    pub fn name(&mut self) -> String {
        self.names += 1;
        format!("q{}", self.names)
    }

    /// Notes that the query has a part of this kind.
    pub fn note(&mut self, kind: &'static str) {
        self.kinds.insert(kind);
    }

    /// The kinds noted since the last query, which ends here.
    pub fn end(&mut self) -> BTreeSet<&'static str> {
        self.names = 0;
        std::mem::take(&mut self.kinds)
    }
}
