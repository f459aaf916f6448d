//! The point of the simplex that two strategies look for.
//!
//! Shapes: T tasks.

/// Rounds over all pairs of tasks, at the most.
const ROUNDS: usize = 1000;
/// Where a round that moves less than this is the last.
const PRECISION: f64 = 1e-12;

/// The shares `w`, from 0 and 1 together, with the least `a w + k |sum_t w_t g_t|`, where `gram` has the dot
/// products of the vectors `g_t`. Two tasks exchange shares at a time, by the best amount, which has a closed
/// form; as this is all there is to do for two, it is exact for them.
pub fn minimize(gram: &[Vec<f64>], a: &[f64], k: f64) -> Vec<f64> {
    let tasks = gram.len();
    let mut w = vec![1. / tasks as f64; tasks];
    for _ in 0..ROUNDS {
        let mut moved = 0.;
        for i in 0..tasks {
            for j in i + 1..tasks {
                let x = exchange(gram, a, k, &w, (i, j)).clamp(-w[i], w[j]);
                w[i] += x;
                w[j] -= x;
                moved += x.abs();
            }
        }
        if moved < PRECISION {
            break;
        }
    }
    w
}

/// How much `i` is to take from `j`; it may be more than there is. Along this way the function is
/// `b x + k sqrt(c ((x - o)^2 + s^2))`.
fn exchange(gram: &[Vec<f64>], a: &[f64], k: f64, w: &[f64], (i, j): (usize, usize)) -> f64 {
    let along = |t: usize| -> f64 { gram[t].iter().zip(w).map(|(g, w)| g * w).sum() };
    let b = a[i] - a[j];
    let c = gram[i][i] - 2. * gram[i][j] + gram[j][j];
    // The two vectors are one.
    if c <= 1e-14 * (gram[i][i] + gram[j][j]) {
        return if b == 0. { 0. } else { -b.signum() };
    }
    let o = (along(j) - along(i)) / c;
    let norm: f64 = (0..w.len()).map(|t| w[t] * along(t)).sum();
    let s = (norm / c - o * o).max(0.).sqrt();
    let k = k * c.sqrt();
    if b.abs() >= k {
        return if b == 0. { 0. } else { -b.signum() };
    }
    o - b * s / (k * k - b * b).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::weighting::tests::gram;

    /// Against every point of a fine grid.
    #[test]
    fn finds_the_least_of_three() {
        let vectors = [[1., 0.2, 0.], [-0.8, 1., 0.5], [0.1, -0.6, 2.]];
        let gram = gram(&vectors);
        let cases = [
            ([0., 0., 0.], 1.),
            ([0.3, -0.1, 0.2], 0.5),
            ([1., 0., -2.], 0.1),
        ];
        for (a, k) in cases {
            let value = |w: &[f64]| -> f64 {
                let row = |t: usize| -> f64 { (0..3).map(|u| w[u] * gram[t][u]).sum() };
                let norm: f64 = (0..3).map(|t| w[t] * row(t)).sum();
                (0..3).map(|t| a[t] * w[t]).sum::<f64>() + k * norm.max(0.).sqrt()
            };
            let found = minimize(&gram, &a, k);
            assert!(
                (found.iter().sum::<f64>() - 1.).abs() < 1e-12 && found.iter().all(|w| *w >= 0.)
            );
            let steps = 200;
            let least = (0..=steps)
                .flat_map(|i| (0..=steps - i).map(move |j| (i, j)))
                .map(|(i, j)| {
                    let part = |n: i32| f64::from(n) / f64::from(steps);
                    value(&[part(i), part(j), part(steps - i - j)])
                })
                .fold(f64::MAX, f64::min);
            assert!(value(&found) <= least + 1e-9, "{found:?} {least}");
            assert!(value(&found) >= least - 1e-3, "{found:?} {least}");
        }
    }
}
