//! Gaussian mixtures of one variable, with as many components as the numbers ask for.
//! M. Figueiredo, A. Jain, "Unsupervised Learning of Finite Mixture Models", IEEE TPAMI 24, 2002: a
//! component keeps the weight of its rows less one, for its two parameters, and so vanishes when it
//! explains next to nothing; then the smallest is taken away, again and again, and the mixture is the one
//! that says the numbers in the fewest words.

/// A component.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Component {
    pub(super) weight: f64,
    pub(super) mean: f64,
    pub(super) std: f64,
}

/// Components to begin with.
const MOST: usize = 10;

/// Passes over the numbers at the most.
const PASSES: usize = 60;

/// The gain in log likelihood a row below which nothing more is gained.
const GAIN: f64 = 2e-5;

/// Weight below which a component is dropped.
const TINY: f64 = 0.005;

impl Component {
    /// Log density at `x`, with the weight.
    fn log_density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.std;
        self.weight.ln() - self.std.ln() - 0.5 * z * z
    }
}

/// The mixture of `numbers`, which are finite; none where there are none.
pub(super) fn fit(numbers: &[f64]) -> Vec<Component> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    // Steps of the axis that are too small to matter.
    let floor = ((last - first) * 1e-3).max(f64::MIN_POSITIVE);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let count = MOST.min(sorted.len());
    let mut mixture: Vec<_> = (0..count)
        .map(|i| {
            let share = |part: f64| at((i as f64 + part) / count as f64);
            Component {
                weight: 1. / count as f64,
                mean: share(0.5),
                std: (share(1.) - share(0.)).max(floor),
            }
        })
        .collect();
    let mut best: Option<(f64, Vec<Component>)> = None;
    loop {
        let likelihood = converge(&mut mixture, &sorted, floor);
        let length = message_length(&mixture, likelihood, sorted.len());
        if best.as_ref().is_none_or(|(least, _)| length < *least) {
            best = Some((length, mixture.clone()));
        }
        if mixture.len() == 1 {
            break;
        }
        let weights = mixture.iter().map(|c| c.weight).enumerate();
        let smallest = weights.min_by(|a, b| a.1.total_cmp(&b.1));
        mixture.remove(smallest.map_or(0, |(at, _)| at));
        level(&mut mixture);
    }
    let mut mixture = best.map(|(_, mixture)| mixture).unwrap_or_default();
    mixture.retain(|c| c.weight >= TINY);
    level(&mut mixture);
    mixture
}

/// Brings the weights to a sum of 1.
fn level(mixture: &mut [Component]) {
    let total: f64 = mixture.iter().map(|c| c.weight).sum();
    for component in mixture {
        component.weight /= total;
    }
}

/// Passes until nothing is gained any more; returns the log likelihood.
fn converge(mixture: &mut Vec<Component>, numbers: &[f64], floor: f64) -> f64 {
    let mut before = f64::NEG_INFINITY;
    for _ in 0..PASSES {
        let (next, likelihood) = pass(mixture, numbers, floor);
        let dropped = next.len() < mixture.len();
        *mixture = next;
        if !dropped && likelihood - before < GAIN * numbers.len() as f64 {
            break;
        }
        before = likelihood;
    }
    before
}

/// Equation 15 of the paper, for two parameters a component.
fn message_length(mixture: &[Component], likelihood: f64, rows: usize) -> f64 {
    let (count, rows) = (mixture.len() as f64, rows as f64);
    let weights = mixture.iter().map(|c| (rows * c.weight / 12.).ln());
    weights.sum::<f64>() + count / 2. * (rows / 12.).ln() + 1.5 * count - likelihood
}

/// One pass of expectation and maximisation, and the log likelihood before it.
fn pass(mixture: &[Component], numbers: &[f64], floor: f64) -> (Vec<Component>, f64) {
    let mut sums = vec![[0.; 3]; mixture.len()];
    let mut shares = vec![0.; mixture.len()];
    let mut likelihood = 0.;
    for &x in numbers {
        likelihood += responsibilities(mixture, x, &mut shares);
        for ((sum, share), component) in sums.iter_mut().zip(&shares).zip(mixture) {
            // Around the old mean, so that nothing is lost to rounding.
            let d = x - component.mean;
            sum[0] += share;
            sum[1] += share * d;
            sum[2] += share * d * d;
        }
    }
    let left = |sum: &[f64; 3]| (sum[0] - 1.).max(0.);
    let total: f64 = sums.iter().map(left).sum();
    let next = sums.iter().zip(mixture).filter(|(sum, _)| left(sum) > 0.);
    let next: Vec<_> = next
        .map(|(sum, old)| {
            let shift = sum[1] / sum[0];
            let variance = (sum[2] / sum[0] - shift * shift).max(0.);
            Component {
                weight: left(sum) / total,
                mean: old.mean + shift,
                std: variance.sqrt().max(floor),
            }
        })
        .collect();
    match next.is_empty() {
        // Few numbers: one component that holds them all.
        true => (mixture[..1].to_vec(), likelihood),
        false => (next, likelihood),
    }
}

/// The share of each component in `x`; returns the log density of `x` but for a constant.
pub(super) fn responsibilities(mixture: &[Component], x: f64, shares: &mut [f64]) -> f64 {
    let mut most = f64::NEG_INFINITY;
    for (share, component) in shares.iter_mut().zip(mixture) {
        *share = component.log_density(x);
        most = most.max(*share);
    }
    let mut sum = 0.;
    for share in shares.iter_mut() {
        *share = (*share - most).exp();
        sum += *share;
    }
    for share in shares.iter_mut() {
        *share /= sum;
    }
    most + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Draws;

    #[test]
    fn finds_the_components_of_a_known_mixture() {
        let mut draws = Draws::new(&[1]);
        let truth = [(0.6, -4., 1.), (0.4, 6., 0.5)];
        let numbers: Vec<_> = (0..5_000)
            .map(|_| {
                let (_, mean, std) = truth[usize::from(draws.open_unit() > 0.6)];
                mean + std * draws.normal()
            })
            .collect();
        let mut found = fit(&numbers);
        found.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, (weight, mean, std)) in found.iter().zip(truth) {
            assert!((found.weight - weight).abs() < 0.03, "{found:?}");
            assert!((found.mean - mean).abs() < 0.1, "{found:?}");
            assert!((found.std - std).abs() < 0.05, "{found:?}");
        }
    }

    #[test]
    fn few_and_equal_numbers_are_one_component() {
        assert_eq!(fit(&[3.]).len(), 1);
        assert_eq!(fit(&[2.; 50]).len(), 1);
        assert!(fit(&[]).is_empty());
    }
}
