//! What a row is made of: a score, and factors that it may do without.

use std::cmp::Ordering;
use std::fmt::Debug;

/// A score: `f32`, as models give it, or `f64`.
pub trait Score: Copy + Debug + Default + Send + Sync + 'static {
    /// Distance from 1 to the next larger number of this type.
    const EPSILON: f64;

    /// The same number as `f64`.
    fn widen(self) -> f64;

    /// The same number with one zero instead of two, so that -0 and 0 tie in [`Score::order`].
    fn one_zero(self) -> Self;

    /// Ascending order of numbers without -0; NaN stands at either end.
    fn order(&self, other: &Self) -> Ordering;
}

impl Score for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    fn widen(self) -> f64 {
        f64::from(self)
    }

    fn one_zero(self) -> Self {
        self + 0.0
    }

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

impl Score for f64 {
    const EPSILON: f64 = f64::EPSILON;

    fn widen(self) -> f64 {
        self
    }

    fn one_zero(self) -> Self {
        self + 0.0
    }

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

/// A number that a row carries besides its score, its weight say: `f64`, or nothing at all where it is 1 in every row.
pub trait Factor: Copy + Debug + Default + Send + Sync + 'static {
    /// Whether rows carry the number.
    const CARRIED: bool;

    /// What a row carries for this number.
    fn of(number: f64) -> Self;

    /// The number.
    fn get(self) -> f64;

    /// The sum of so many numbers.
    fn sum(numbers: impl ExactSizeIterator<Item = Self>) -> f64;
}

impl Factor for () {
    const CARRIED: bool = false;

    fn of(_: f64) {}

    fn get(self) -> f64 {
        1.0
    }

    fn sum(numbers: impl ExactSizeIterator<Item = Self>) -> f64 {
        numbers.len() as f64
    }
}

impl Factor for f64 {
    const CARRIED: bool = true;

    fn of(number: f64) -> Self {
        number
    }

    fn get(self) -> f64 {
        self
    }

    fn sum(numbers: impl ExactSizeIterator<Item = Self>) -> f64 {
        numbers.sum()
    }
}

/// The score of a row with its weight and the gain of its label. What all rows have alike takes no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scored<S, W = (), G = ()> {
    /// The score.
    pub score: S,
    /// What the row weighs.
    pub weight: W,
    /// What the label gains.
    pub gain: G,
}

impl<S: Score, W: Factor, G: Factor> Scored<S, W, G> {
    /// A row; -0 becomes 0.
    pub fn new(score: S, weight: f64, gain: f64) -> Self {
        Self {
            score: score.one_zero(),
            weight: W::of(weight),
            gain: G::of(gain),
        }
    }
}

/// Whether a label that is a number stands for the positive class.
pub fn is_positive(label: f64) -> bool {
    label > 0.5
}
