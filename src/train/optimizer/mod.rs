//! Optimizers over tensors: their state is plain tensors, so that a checkpoint can hold it.
//!
//! Dense weights are stepped as a whole. The embedding table is stepped row by row: only the rows of
//! the batch are touched, so that a step costs the same whatever the size of the vocabulary.

mod dense;
mod rows;

pub use dense::{DenseOptimizer, Gradient};
pub use rows::{Ids, Leaf, RowOptimizer};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The rule of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015; on the embedding
    /// table its lazy form, in which a row's moments move only when the row is in the batch.
    Adam,
    /// J. Duchi et al., "Adaptive Subgradient Methods", JMLR 12, 2011; on the embedding table with
    /// one accumulator a row.
    Adagrad,
}

/// Which rule steps what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam for the dense weights, Adagrad for the embedding table: frequent ids slow down, rare ones
    /// keep learning.
    Auto,
    /// Adam for both.
    Adam,
    /// Adagrad for both.
    Adagrad,
}

impl Optimizer {
    const ALL: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("adam", Self::Adam),
        ("adagrad", Self::Adagrad),
    ];

    /// The optimizer of that name.
    ///
    /// # Errors
    /// `Plan` when there is none; the message lists all.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, optimizer)| *optimizer).ok_or_else(|| {
            let known = Self::ALL.map(|(name, _)| name);
            Error::plan(format!(
                "unknown optimizer {name:?}; known: {}",
                known.join(", ")
            ))
        })
    }

    /// The rule of the dense weights.
    pub fn dense(self) -> Rule {
        match self {
            Self::Auto | Self::Adam => Rule::Adam,
            Self::Adagrad => Rule::Adagrad,
        }
    }

    /// The rule of the embedding table.
    pub fn rows(self) -> Rule {
        match self {
            Self::Adam => Rule::Adam,
            Self::Auto | Self::Adagrad => Rule::Adagrad,
        }
    }
}

/// Decay of Adam's first and second moment.
const BETAS: [f32; 2] = [0.9, 0.999];
/// Keeps Adam's quotient finite.
const ADAM_EPSILON: f32 = 1e-8;
/// Keeps Adagrad's quotient finite.
const ADAGRAD_EPSILON: f32 = 1e-10;

/// Cuts the first `len` elements off, all that are left where there are fewer.
fn take<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let all = std::mem::take(rest);
    let (head, tail) = all.split_at_mut(len.min(all.len()));
    *rest = tail;
    head
}

/// Adam's correction of both moments at step `t`: the factor on the learn rate, and the one on the
/// square root of the second moment.
fn adam_correction([beta1, beta2]: [f32; 2], t: i32) -> (f32, f32) {
    let first = 1. - f64::from(beta1).powi(t);
    let second = 1. - f64::from(beta2).powi(t);
    ((1. / first) as f32, (1. / second.sqrt()) as f32)
}

/// One Adam step of a weight.
#[inline(always)]
fn adam_step(
    [beta1, beta2]: [f32; 2],
    w: &mut f32,
    g: f32,
    m: &mut f32,
    v: &mut f32,
    rate: f32,
    root_scale: f32,
) {
    *m = beta1 * *m + (1. - beta1) * g;
    *v = beta2 * *v + (1. - beta2) * g * g;
    *w -= rate * *m / (v.sqrt() * root_scale + ADAM_EPSILON);
}
