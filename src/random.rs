//! The only place that draws. Every number is a function of a seed and of what it is drawn for, and is made from raw
//! words here, so that the same seed gives the same model, rows and logs whatever a package changes about floats and
//! ranges. Two numbers are left to libtorch, which is seeded from here: initial weights, and dropout on a GPU.

mod draws;
mod normal;
mod words;

pub use draws::{Draws, permutation, sums, unit_of};
pub use normal::{quantile, share_below};
pub use words::Words;

/// Every bit of the result depends on every bit of `x`; 0 stays 0.
/// G. Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
#[inline(always)]
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The seed of something with a name: FNV-1a (Fowler, Noll, Vo).
pub fn seed_of(seed: u64, name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    seed ^ hash
}

/// Two uniform numbers, the first above 0, as a standard normal one.
/// G. Box, M. Muller, "A Note on the Generation of Random Normal Deviates", 1958.
fn box_muller(u: f64, v: f64) -> f64 {
    let radius = (-2. * u.ln()).sqrt();
    radius * (std::f64::consts::TAU * v).cos()
}

/// What the state of SplitMix64 grows by from word to word.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
