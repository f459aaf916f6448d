//! What all strategies have in common, and those that read gradients or losses on small problems.

use super::*;

/// A strategy for so many tasks.
pub fn build(strategy: &Strategy, tasks: usize) -> Box<dyn LossWeighting> {
    (strategy.build)(&Setup {
        tasks,
        learn_rate: 0.01,
        seed: 1,
    })
}

/// The dot products of vectors.
pub fn gram<const N: usize, const T: usize>(vectors: &[[f64; N]; T]) -> Vec<Vec<f64>> {
    let product = |a: &[f64; N], b: &[f64; N]| a.iter().zip(b).map(|(a, b)| a * b).sum();
    let row = |a| vectors.iter().map(|b| product(a, b)).collect();
    vectors.iter().map(row).collect()
}

fn named(name: &str, tasks: usize) -> Box<dyn LossWeighting> {
    build(find(name).unwrap(), tasks)
}

fn near(got: &[f64], wanted: &[f64]) {
    let off = got.iter().zip(wanted).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0., f64::max) < 1e-6, "{got:?} {wanted:?}");
}

#[test]
fn every_strategy_gives_a_weight_to_every_task() {
    for strategy in ALL {
        let name = strategy.name;
        let mut weighting = build(strategy, 3);
        for step in 0..40 {
            if strategy.reads == Reads::Gradients {
                // The last task has no rows in every second batch, all lose their gradients in the end.
                let last = f64::from(step % 2);
                let all = if step < 38 { 1. } else { 0. };
                let vectors = [[1., -0.2], [-0.5, 1.], [0.3 * last, -2. * last]];
                weighting.after_pass(&gram(&vectors.map(|v| v.map(|x| all * x))), &[]);
            }
            let weights = weighting.weights();
            assert_eq!(weights.len(), 3, "{name}");
            let good = weights.iter().all(|w| *w >= 0. && w.is_finite());
            assert!(
                good && weights.iter().sum::<f64>() > 0.,
                "{name}: {weights:?}"
            );
            let losses = [Some(0.7), Some(0.01), (step % 2 == 1).then_some(0.3)];
            weighting.after_step(&losses);
            weighting.after_update(&losses.map(|loss| loss.map(|loss| 0.9 * loss)));
            if step % 10 == 9 {
                weighting.after_epoch(&losses);
            }
        }
    }
}

#[test]
fn a_task_alone_has_weight_1() {
    for strategy in ALL.iter().filter(|s| s.name != "uncertainty") {
        let mut weighting = build(strategy, 1);
        for loss in [0.7, 0.3, 0.2] {
            weighting.after_pass(&[vec![loss]], &[Some(loss)]);
            near(&weighting.weights(), &[1.]);
            weighting.after_step(&[Some(loss)]);
            weighting.after_update(&[Some(0.9 * loss)]);
            weighting.after_epoch(&[Some(loss)]);
        }
    }
}

/// The least norm between two gradients is at `w_1 = ((g_2 - g_1) g_2) / |g_1 - g_2|^2`, from 0 to 1.
#[test]
fn mgda_finds_the_least_norm() {
    let mut mgda = named("mgda", 2);
    let cases = [
        // (g_2 - g_1) g_2 = (-3, 1) (-1, 2) = 5 of 10.
        ([[2., 1.], [-1., 2.]], 0.5),
        // (-4, 0) (-1, 1) = 4 of 16.
        ([[3., 1.], [-1., 1.]], 0.25),
        // The second is the least by itself: (-2, -2) (1, 0) = -2.
        ([[3., 2.], [1., 0.]], 0.),
        ([[1., 0.], [3., 2.]], 1.),
    ];
    for (vectors, first) in cases {
        mgda.after_pass(&gram(&vectors), &[Some(1.); 2]);
        near(&mgda.weights(), &[2. * first, 2. * (1. - first)]);
    }
    // A task without a gradient takes no part.
    let mut mgda = named("mgda", 3);
    mgda.after_pass(&gram(&[[2., 1.], [0., 0.], [-1., 2.]]), &[]);
    near(&mgda.weights(), &[1., 1., 1.]);
}

/// The two losses of the CAGrad authors' example (github.com/Cranial-XIX/CAGrad, toy.py), whose valleys cross
/// above the axis; below it they are bowls.
fn crossing_valleys([x, y]: [f64; 2]) -> [f64; 2] {
    let valley = |off: f64| off.abs().max(5e-6).ln() + 6.;
    let bowl = |off: f64| (off * off + 0.1 * (y + 8.) * (y + 8.)) / 10. - 20.;
    let (above, below) = ((0.5 * y).tanh().max(0.), (-0.5 * y).tanh().max(0.));
    [
        valley(0.5 * (-x - 7.) + y.tanh()) * above + bowl(7. - x) * below,
        valley(0.5 * (-x + 3.) - y.tanh() + 2.) * above + bowl(-x - 7.) * below,
    ]
}

/// Where Adam ends on the weighted sum of two losses.
fn descend(name: &str, losses: fn([f64; 2]) -> [f64; 2], from: [f64; 2], steps: usize) -> [f64; 2] {
    let mut weighting = named(name, 2);
    let mut adam = [adam::Adam::default(); 2];
    let mut x = from;
    for _ in 0..steps {
        // By x, then by y: for each the change of both losses.
        let slopes = [[1e-6, 0.], [0., 1e-6]].map(|d| {
            let (a, b) = (
                losses([x[0] + d[0], x[1] + d[1]]),
                losses([x[0] - d[0], x[1] - d[1]]),
            );
            [0, 1].map(|t| (a[t] - b[t]) / 2e-6)
        });
        let gradients = [0, 1].map(|t| slopes.map(|slope| slope[t]));
        let before = losses(x).map(Some);
        weighting.after_pass(&gram(&gradients), &before);
        let weights = weighting.weights();
        for (i, x) in x.iter_mut().enumerate() {
            let down = weights[0] * slopes[i][0] + weights[1] * slopes[i][1];
            *x -= adam[i].step(down, 1e-3);
        }
        weighting.after_step(&before);
        weighting.after_update(&losses(x).map(Some));
    }
    x
}

/// From these places the plain sum stays in a valley of one task; the others come out and down to where the
/// bowls are in balance, between x = -7 and 7.
#[test]
fn methods_leave_a_valley_where_the_sum_stays() {
    for from in [[-8.5, 7.5], [9., 9.]] {
        let stuck = crossing_valleys(descend("fixed", crossing_valleys, from, 80_000));
        assert!(stuck.iter().sum::<f64>() > 5., "{stuck:?}");
        for name in ["mgda", "pcgrad", "cagrad", "gradnorm"] {
            let [x, y] = descend(name, crossing_valleys, from, 80_000);
            assert!(x.abs() < 7. && (y + 8.4).abs() < 0.1, "{name}: {x} {y}");
            // Where the mean is least is at x = 0; no other than cagrad promises to go there.
            assert!(name != "cagrad" || x.abs() < 1e-3, "{x}");
        }
    }
}

/// Two parabolas, one 100 times as steep: by the sum one logarithm falls 100 times as fast as the other.
#[test]
fn famo_lets_all_losses_fall_alike() {
    let falls = |name| {
        let mut weighting = named(name, 2);
        let mut x = [1f64, 1.];
        let losses = |x: [f64; 2]| [10. * x[0] * x[0], 0.1 * x[1] * x[1]];
        let mut last = [0.; 2];
        for _ in 0..1000 {
            let weights = weighting.weights();
            let before = losses(x);
            x[0] -= 1e-3 * weights[0] * 20. * x[0];
            x[1] -= 1e-3 * weights[1] * 0.2 * x[1];
            let after = losses(x);
            weighting.after_step(&before.map(Some));
            weighting.after_update(&after.map(Some));
            last = [0, 1].map(|t| (before[t] / after[t]).ln());
        }
        last[0] / last[1]
    };
    assert!((falls("fixed") - 100.).abs() < 2.);
    assert!((falls("famo") - 1.).abs() < 0.15, "{}", falls("famo"));
}
