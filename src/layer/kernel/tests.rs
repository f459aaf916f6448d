//! The loops on bfloat16, held against plain ones in f64 over the same rounded inputs. What is written as bfloat16 may
//! be off by its rounding alone, half of the last of its eight bits; sums are f32.

use half::bf16;

use super::activation::{self, Dropout, Rows, keep_scale};
use super::gather::gather;
use super::mixture::{self, Sizes};
use crate::random::{Draws, Words};
use crate::tensor::element::Element;

/// What rounding to bfloat16 changes at the most, of the value.
const ROUNDING: f64 = 1. / 256.;

/// What f32 loses in sums of a few dozen numbers around 1.
const SUMMING: f64 = 1e-5;

fn values(n: usize, seed: u64) -> Vec<bf16> {
    let normals = Draws::seeded(seed).normals(n);
    normals.into_iter().map(bf16::from_f32).collect()
}

fn biases(n: usize) -> Vec<f32> {
    Draws::seeded(99).normals(n)
}

fn wide(values: &[bf16]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

/// Whether all values are the wanted ones but for rounding.
fn assert_rounded<E: Element>(got: &[E], wanted: &[f64], what: &str) {
    let rounding = match E::KIND {
        tch::Kind::BFloat16 => ROUNDING,
        _ => 0.,
    };
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let got = f64::from(got.widen());
        let bound = rounding * wanted.abs() + SUMMING;
        assert!((got - wanted).abs() <= bound, "{what} {at}: {got} {wanted}");
    }
}

/// G, B and H; rows are no whole number of vectors.
const LAYERS: [usize; 3] = [3, 5, 37];

/// Where row `b` of layer `g` begins.
type Begins = fn(usize, usize) -> usize;

/// Both ways in which a product may lie in memory.
fn layouts() -> [(Rows, Begins); 2] {
    let [g, b, h] = LAYERS;
    [
        (Rows::by_group(g, b, h), |g, b| {
            (g * LAYERS[1] + b) * LAYERS[2]
        }),
        (Rows::by_row(g, b, h), |g, b| {
            (b * LAYERS[0] + g) * LAYERS[2]
        }),
    ]
}

#[test]
fn activation_is_relu_of_the_sum() {
    let [groups, rows, width] = LAYERS;
    let (x, bias) = (values(groups * rows * width, 1), biases(groups * width));
    for (layout, at) in layouts() {
        let mut y = vec![bf16::ZERO; x.len()];
        activation::forward(&x, layout, &bias, None, &mut y);
        let mut wanted = Vec::new();
        for g in 0..groups {
            for b in 0..rows {
                for i in 0..width {
                    let sum = x[at(g, b) + i].to_f64() + f64::from(bias[g * width + i]);
                    wanted.push(sum.max(0.));
                }
            }
        }
        assert!(wanted.iter().filter(|y| **y > 0.).count() > 200);
        assert_rounded(&y, &wanted, "y");
    }
}

#[test]
fn dropout_leaves_units_out_and_scales_the_others() {
    let [groups, rows, width] = LAYERS;
    let (x, bias) = (values(groups * rows * width, 1), biases(groups * width));
    let (layout, rate) = (Rows::by_group(groups, rows, width), 0.25);
    let draws = Words::new(&[1]);
    let dropout = Dropout {
        draws: &draws,
        rate,
    };
    let mut y = vec![bf16::ZERO; x.len()];
    activation::forward(&x, layout, &bias, Some(dropout), &mut y);
    let (mut wanted, mut dropped, mut positive) = (Vec::new(), 0., 0.);
    for (at, (x, y)) in x.iter().zip(&y).enumerate() {
        let bias = bias[at / (rows * width) * width + at % width];
        let sum = (x.to_f64() + f64::from(bias)).max(0.);
        let is_dropped = sum > 0. && *y == bf16::ZERO;
        dropped += f64::from(is_dropped);
        positive += f64::from(sum > 0.);
        wanted.push(match is_dropped {
            true => 0.,
            false => sum / (1. - rate),
        });
    }
    assert_rounded(&y, &wanted, "y");
    // Three deviations of a share of some 280 units.
    assert!(
        (dropped / positive - rate).abs() < 0.08,
        "{dropped} {positive}"
    );
}

#[test]
fn activation_passes_back_what_it_let_through() {
    let [groups, rows, width] = LAYERS;
    let y: Vec<_> = values(groups * rows * width, 1)
        .into_iter()
        .map(|y| y.max(bf16::ZERO))
        .collect();
    let (dy, scale) = (values(y.len(), 2), keep_scale(0.25));
    for (layout, at) in layouts() {
        let mut dx = vec![bf16::ZERO; y.len()];
        let mut dbias = vec![0f32; groups * width];
        activation::backward(&y, &dy, scale, layout, &mut dx, &mut dbias);
        let (mut wanted, mut sums) = (vec![0.; y.len()], vec![0.; groups * width]);
        for g in 0..groups {
            for b in 0..rows {
                for i in 0..width {
                    let from = (g * rows + b) * width + i;
                    if y[from] > bf16::ZERO {
                        let passed = dy[from].to_f64() / 0.75;
                        wanted[at(g, b) + i] = passed;
                        sums[g * width + i] += passed;
                    }
                }
            }
        }
        assert_rounded(&dx, &wanted, "dx");
        assert_rounded(&dbias, &sums, "dbias");
    }
}

#[test]
fn gathered_values_are_the_nearest() {
    let (width, rows) = (19, 4);
    let table = Draws::seeded(1).normals(7 * width);
    let (ids, numbers) = ([0, 6, 3, 3, 5, 1, 2, 0], Draws::seeded(2).normals(rows * 3));
    let mut out = vec![bf16::ZERO; rows * (2 * width + 3)];
    gather(&table, width, &ids, &numbers, rows, &mut out);
    let mut wanted = Vec::new();
    for b in 0..rows {
        for id in &ids[b * 2..][..2] {
            wanted.extend_from_slice(&table[*id as usize * width..][..width]);
        }
        wanted.extend_from_slice(&numbers[b * 3..][..3]);
    }
    let wanted: Vec<_> = wanted.into_iter().map(bf16::from_f32).collect();
    assert_eq!(out, wanted);
}

/// B, G, E and H.
const GATES: Sizes = Sizes {
    rows: 6,
    gates: 2,
    experts: 3,
    width: 37,
};

/// The shares of the gates, `[B, G, E]`.
fn softmax(logits: &[f64], bias: &[f32]) -> Vec<f64> {
    let of_gates = GATES.gates * GATES.experts;
    let powers = logits.iter().enumerate();
    let powers: Vec<_> = powers
        .map(|(at, logit)| (logit + f64::from(bias[at % of_gates])).exp())
        .collect();
    let gates = powers.chunks(GATES.experts);
    let shares = gates.flat_map(|gate| {
        let total: f64 = gate.iter().sum();
        gate.iter().map(move |power| power / total)
    });
    shares.collect()
}

#[test]
fn mixtures_are_sums_by_softmax() {
    let Sizes {
        rows,
        gates,
        experts: count,
        width,
    } = GATES;
    let logits = values(rows * gates * count, 1);
    let (bias, experts) = (biases(gates * count), values(count * rows * width, 2));
    let mut shares = vec![0f32; logits.len()];
    let mut mixed = vec![bf16::ZERO; gates * rows * width];
    mixture::forward(GATES, &logits, &bias, &experts, &mut shares, &mut mixed);
    let wanted = softmax(&wide(&logits), &bias);
    assert_rounded(&shares, &wanted, "share");
    let mut sums = vec![0.; mixed.len()];
    for b in 0..rows {
        for g in 0..gates {
            for e in 0..count {
                for i in 0..width {
                    sums[(g * rows + b) * width + i] += wanted[(b * gates + g) * count + e]
                        * experts[(e * rows + b) * width + i].to_f64();
                }
            }
        }
    }
    assert_rounded(&mixed, &sums, "mixed");
}

#[test]
fn mixtures_pass_back_their_derivatives() {
    let Sizes {
        rows,
        gates,
        experts: count,
        width,
    } = GATES;
    let logits = values(rows * gates * count, 1);
    let experts = values(count * rows * width, 2);
    let dmixed = values(gates * rows * width, 3);
    let shares = softmax(&wide(&logits), &biases(gates * count));
    let rounded: Vec<_> = shares.iter().map(|share| *share as f32).collect();
    let mut dlogits = vec![bf16::ZERO; logits.len()];
    let mut dbias = vec![0f32; gates * count];
    let mut dexperts = vec![bf16::ZERO; experts.len()];
    mixture::backward(
        GATES,
        &rounded,
        &experts,
        &dmixed,
        &mut dlogits,
        &mut dbias,
        &mut dexperts,
    );
    let (mut of_logits, mut of_bias) = (vec![0.; logits.len()], vec![0.; gates * count]);
    let mut of_experts = vec![0.; experts.len()];
    for b in 0..rows {
        for g in 0..gates {
            let at = (b * gates + g) * count;
            // How the loss changes with each share.
            let mut slopes = vec![0.; count];
            for e in 0..count {
                for i in 0..width {
                    let d = dmixed[(g * rows + b) * width + i].to_f64();
                    slopes[e] += d * experts[(e * rows + b) * width + i].to_f64();
                    of_experts[(e * rows + b) * width + i] += d * shares[at + e];
                }
            }
            // The softmax's derivative: share_e * ([e = f] - share_f).
            for e in 0..count {
                for f in 0..count {
                    let same = f64::from(e == f);
                    of_logits[at + e] += slopes[f] * shares[at + e] * (same - shares[at + f]);
                }
                of_bias[g * count + e] += of_logits[at + e];
            }
        }
    }
    assert_rounded(&dlogits, &of_logits, "dlogits");
    assert_rounded(&dbias, &of_bias, "dbias");
    assert_rounded(&dexperts, &of_experts, "dexperts");
}
