//! Numbers as categories: ten bins of the same width between the least and the largest real value, the outer ones
//! open, and NULL a category of its own.

use super::NULL;

/// Bins of a column.
const BINS: usize = 10;

/// The edges between the bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    /// The bins that the real values decide. A constant stands in the middle of a width of 1, as in NumPy.
    pub fn of(real: &[f64]) -> Self {
        let values = || real.iter().copied().filter(|v| v.is_finite());
        let (low, high) = match (values().reduce(f64::min), values().reduce(f64::max)) {
            (Some(low), Some(high)) if low < high => (low, high),
            (Some(value), _) => (value - 0.5, value + 0.5),
            _ => (0., 1.),
        };
        let step = (high - low) / BINS as f64;
        Self {
            edges: (1..BINS).map(|i| i as f64 * step + low).collect(),
        }
    }

    /// The bin of every value, from 1; [`NULL`] for NaN.
    pub fn codes(&self, values: &[f64]) -> Vec<u32> {
        let code = |value: &f64| match value.is_nan() {
            true => NULL,
            false => 1 + self.edges.partition_point(|edge| edge <= value) as u32,
        };
        values.iter().map(code).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// e = np.histogram_bin_edges([0, 1, 4, 10], 10); e[0], e[-1] = -np.inf, np.inf
    /// np.digitize([-5, 0, 0.99, 1, 4.5, 10, 99], e)
    #[test]
    fn bins_are_those_of_numpy() {
        let bins = Bins::of(&[0., 1., f64::NAN, 4., 10.]);
        let codes = bins.codes(&[-5., 0., 0.99, 1., 4.5, 10., 99., f64::NAN]);
        assert_eq!(codes, [1, 1, 1, 2, 5, 10, 10, NULL]);
        // np.digitize([6.9, 7, 7.6], [-inf, *np.histogram_bin_edges([7], 10)[1:-1], inf])
        assert_eq!(Bins::of(&[7.]).codes(&[6.9, 7., 7.6]), [5, 6, 10]);
        assert_eq!(Bins::of(&[]).codes(&[-1., 2.]), [1, 10]);
    }
}
