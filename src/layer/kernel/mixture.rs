//! Softmax gates that mix experts, forward and backward.
//!
//! Shapes: B rows, G gates, E experts, H units of an expert.

use multiversion::multiversion;

use crate::tensor::element::{Element, dot};

/// B, G, E and H.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// B.
    pub rows: usize,
    /// G.
    pub gates: usize,
    /// E.
    pub experts: usize,
    /// H.
    pub width: usize,
}

/// `share = softmax(logits + bias)` over the experts, `mixed = sum_e share_e * expert_e`. `logits` is
/// `[B, G, E]`, `bias` `[G, E]`, `experts` `[E, B, H]`; writes `share` `[B, G, E]`, `mixed` `[G, B, H]`.
#[multiversion(targets = "simd")]
pub fn forward<T: Element>(
    sizes: Sizes,
    logits: &[T],
    bias: &[f32],
    experts: &[T],
    shares: &mut [f32],
    mixed: &mut [T],
) {
    let Sizes {
        rows,
        gates,
        experts: count,
        width,
    } = sizes;
    let mut sum = vec![0f32; width];
    for b in 0..rows {
        for g in 0..gates {
            let at = (b * gates + g) * count;
            let shares = &mut shares[at..][..count];
            let mut top = f32::NEG_INFINITY;
            for e in 0..count {
                shares[e] = logits[at + e].widen() + bias[g * count + e];
                top = top.max(shares[e]);
            }
            let mut total = 0.;
            for share in shares.iter_mut() {
                *share = (*share - top).exp();
                total += *share;
            }
            sum.fill(0.);
            for e in 0..count {
                shares[e] /= total;
                let share = shares[e];
                let expert = &experts[(e * rows + b) * width..][..width];
                for (sum, x) in sum.iter_mut().zip(expert) {
                    *sum += share * x.widen();
                }
            }
            let mixed = &mut mixed[(g * rows + b) * width..][..width];
            for (mixed, sum) in mixed.iter_mut().zip(&sum) {
                *mixed = T::narrow(*sum);
            }
        }
    }
}

/// The gradients of `logits`, of the bias (added up over the rows) and of `experts` from that of
/// `mixed`.
#[multiversion(targets = "simd")]
#[allow(clippy::too_many_arguments)]
pub fn backward<T: Element>(
    sizes: Sizes,
    shares: &[f32],
    experts: &[T],
    dmixed: &[T],
    dlogits: &mut [T],
    dbias: &mut [f32],
    dexperts: &mut [T],
) {
    let Sizes {
        rows,
        gates,
        experts: count,
        width,
    } = sizes;
    let mut sum = vec![0f32; width];
    let mut dshares = vec![0f32; gates * count];
    for b in 0..rows {
        let shares = &shares[b * gates * count..][..gates * count];
        for e in 0..count {
            let expert = &experts[(e * rows + b) * width..][..width];
            sum.fill(0.);
            for g in 0..gates {
                let share = shares[g * count + e];
                let dmixed = &dmixed[(g * rows + b) * width..][..width];
                for (sum, d) in sum.iter_mut().zip(dmixed) {
                    *sum += share * d.widen();
                }
                dshares[g * count + e] = dot(expert, dmixed);
            }
            let dexpert = &mut dexperts[(e * rows + b) * width..][..width];
            for (d, sum) in dexpert.iter_mut().zip(&sum) {
                *d = T::narrow(*sum);
            }
        }
        for g in 0..gates {
            let (shares, dshares) = (
                &shares[g * count..][..count],
                &dshares[g * count..][..count],
            );
            let mut mean = 0.;
            for e in 0..count {
                mean += shares[e] * dshares[e];
            }
            for e in 0..count {
                let value = shares[e] * (dshares[e] - mean);
                dlogits[(b * gates + g) * count + e] = T::narrow(value);
                dbias[g * count + e] += value;
            }
        }
    }
}
