//! How many groups [`gauc`](super::gauc) leaves out: those whose labels are all the same have no area.

use super::{GroupMetric, Score};

/// Number of groups with rows of one class only.
#[derive(Clone, Copy, Debug)]
pub struct GaucLeftOut;

impl GroupMetric for GaucLeftOut {
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)> {
        (positives.is_empty() != negatives.is_empty()).then_some((1.0, 1.0))
    }

    fn join(groups: Vec<(f64, f64)>) -> Option<f64> {
        Some(groups.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::group_mean;

    #[test]
    fn counts_groups_of_one_class() {
        let labels = [1.0, 0.0, 1.0, 1.0, 0.0, f32::NAN];
        let count = |groups: &[u32]| group_mean(&GaucLeftOut, &labels, &[0.5_f32; 6], groups);
        // Group 9 has no row with a label.
        assert_eq!(count(&[1, 1, 2, 2, 3, 9]), Some(2.0));
        assert_eq!(count(&[1; 6]), Some(0.0));
    }
}
