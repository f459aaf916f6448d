//! Bias, ReLU and dropout of G layers side by side, forward and backward.
//!
//! Shapes: G layers, B rows, H units.

use multiversion::multiversion;

use crate::random::Words;
use crate::tensor::element::Element;

/// G matrices of B rows of H values in one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// G.
    pub groups: usize,
    /// B.
    pub rows: usize,
    /// H.
    pub width: usize,
    /// Elements from one matrix to the next.
    pub group_stride: usize,
    /// Elements from one row to the next.
    pub row_stride: usize,
}

impl Rows {
    /// `[G, B, H]`.
    pub fn by_group(groups: usize, rows: usize, width: usize) -> Self {
        Self {
            groups,
            rows,
            width,
            group_stride: rows * width,
            row_stride: width,
        }
    }

    /// `[B, G, H]`.
    pub fn by_row(groups: usize, rows: usize, width: usize) -> Self {
        Self {
            groups,
            rows,
            width,
            group_stride: width,
            row_stride: groups * width,
        }
    }

    /// Where row `b` of matrix `g` begins.
    #[inline(always)]
    fn at(&self, g: usize, b: usize) -> usize {
        g * self.group_stride + b * self.row_stride
    }
}

/// Which units are left out in training.
pub struct Dropout<'a> {
    /// Where randomness comes from.
    pub draws: &'a Words,
    /// Probability that a unit is left out, to 1 / 65,536.
    pub rate: f64,
}

/// What a unit that stays is multiplied with, so that the mean stays.
pub fn keep_scale(rate: f64) -> f32 {
    (1. / (1. - f64::from(threshold(rate)) / 65_536.)) as f32
}

/// Below this a unit's 16 random bits leave it out.
pub fn threshold(rate: f64) -> u16 {
    (rate * 65_536.).round().min(65_535.) as u16
}

/// NaN stays NaN: a network that has diverged must show it.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0. { 0. } else { x }
}

/// `y = dropout(relu(x + bias))`. `x` lies as `from` says, `bias` is `[G, H]`, `y` `[G, B, H]`.
pub fn forward<E: Element>(
    x: &[E],
    from: Rows,
    bias: &[f32],
    dropout: Option<Dropout>,
    y: &mut [E],
) {
    let words = from.width.div_ceil(4);
    match dropout {
        Some(Dropout { draws, rate }) => {
            let first = draws.skip(words * from.rows * from.groups);
            forward_dropping(x, from, bias, first, threshold(rate), keep_scale(rate), y);
        }
        None => forward_keeping(x, from, bias, y),
    }
}

#[multiversion(targets = "simd")]
fn forward_keeping<E: Element>(x: &[E], from: Rows, bias: &[f32], y: &mut [E]) {
    let width = from.width;
    for g in 0..from.groups {
        let bias = &bias[g * width..][..width];
        for b in 0..from.rows {
            let x = &x[from.at(g, b)..][..width];
            let y = &mut y[(g * from.rows + b) * width..][..width];
            for i in 0..width {
                y[i] = E::narrow(relu(x[i].widen() + bias[i]));
            }
        }
    }
}

#[multiversion(targets = "simd")]
fn forward_dropping<E: Element>(
    x: &[E],
    from: Rows,
    bias: &[f32],
    first: u64,
    threshold: u16,
    scale: f32,
    y: &mut [E],
) {
    let width = from.width;
    let mut bits = vec![0u64; width.div_ceil(4)];
    let mut next = first;
    for g in 0..from.groups {
        let bias = &bias[g * width..][..width];
        for b in 0..from.rows {
            Words::fill(next, &mut bits);
            next = Words::after(next, bits.len());
            let bits: &[u16] = &bytemuck::cast_slice(&bits)[..width];
            let x = &x[from.at(g, b)..][..width];
            let y = &mut y[(g * from.rows + b) * width..][..width];
            for i in 0..width {
                let scale = if bits[i] < threshold { 0. } else { scale };
                y[i] = E::narrow(relu(x[i].widen() + bias[i]) * scale);
            }
        }
    }
}

/// The gradient of `x` and, added up over the rows, of the bias `[G, H]`, from that of `y`. A unit that
/// ReLU or dropout has put out is 0 in `y` and passes nothing on.
#[multiversion(targets = "simd")]
pub fn backward<E: Element>(
    y: &[E],
    dy: &[E],
    scale: f32,
    to: Rows,
    dx: &mut [E],
    dbias: &mut [f32],
) {
    let width = to.width;
    for g in 0..to.groups {
        let sums = &mut dbias[g * width..][..width];
        for b in 0..to.rows {
            let from = (g * to.rows + b) * width;
            let (y, dy) = (&y[from..][..width], &dy[from..][..width]);
            let dx = &mut dx[to.at(g, b)..][..width];
            for i in 0..width {
                let scale = if y[i].widen() <= 0. { 0. } else { scale };
                let value = dy[i].widen() * scale;
                dx[i] = E::narrow(value);
                sums[i] += value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_passed_on() {
        let (x, rows) = ([f32::NAN, -1., 2.], Rows::by_group(1, 1, 3));
        let mut y = [0f32; 3];
        forward(&x, rows, &[0.; 3], None, &mut y);
        assert!(y[0].is_nan());
        assert_eq!(y[1..], [0., 2.]);
        let (mut dx, mut dbias) = ([0f32; 3], [0f32; 3]);
        backward(&y, &[1f32; 3], 1., rows, &mut dx, &mut dbias);
        assert_eq!(dx, [1., 0., 1.]);
    }

    #[test]
    fn the_mean_stays_whatever_the_rate() {
        for rate in [0., 0.1, 0.5, 0.999_999] {
            let kept = 1. - f64::from(threshold(rate)) / 65_536.;
            assert!(
                (f64::from(keep_scale(rate)) * kept - 1.).abs() < 1e-6,
                "{rate}"
            );
        }
    }
}
