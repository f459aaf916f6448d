//! Grouped AUC: the area inside each group (a user, a session), averaged with the rows of the group as weight.
//! G. Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.

use super::auc::auc_of_classes;
use super::{GroupMetric, Score, group_mean};

/// Mean of the groups' areas, weighted by rows; groups of one class are left out; `None` when none is left.
pub fn gauc<S: Score, G: Copy + Ord>(labels: &[f32], scores: &[S], groups: &[G]) -> Option<f64> {
    group_mean(&Gauc, labels, scores, groups)
}

/// The area inside a group, with its rows as weight.
#[derive(Clone, Copy, Debug)]
pub struct Gauc;

impl GroupMetric for Gauc {
    fn of_group<S: Score>(&self, positives: &mut [S], negatives: &mut [S]) -> Option<(f64, f64)> {
        let rows = positives.len() + negatives.len();
        auc_of_classes(positives, negatives).map(|auc| (auc, rows as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_groups_by_rows_and_leaves_out_one_class() {
        // Group 1: 2 rows, area 0; group 7: 3 rows, area 1; group 9 has no negative: (0 * 2 + 1 * 3) / 5.
        let labels = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, f32::NAN];
        let scores = [0.1, 0.9, 0.3, 0.2, 0.1, 0.5, 0.0_f32];
        let groups = [1, 7, 1, 7, 7, 9, 9];
        assert_eq!(gauc(&labels, &scores, &groups), Some(0.6));
    }

    #[test]
    fn one_group_is_the_plain_area() {
        let labels = [1.0, 1.0, 0.0, 0.0];
        let scores = [0.8, 0.5, 0.5, 0.2];
        assert_eq!(gauc(&labels, &scores, &[4_u32; 4]), Some(0.875));
    }

    #[test]
    fn is_undefined_when_no_group_has_both_classes() {
        assert_eq!(gauc(&[1.0, 0.0], &[0.5_f32, 0.5], &[1, 2]), None);
        assert_eq!(gauc::<f32, u32>(&[], &[], &[]), None);
    }

    #[test]
    fn order_of_rows_and_names_of_groups_do_not_change_a_digit() {
        let n = 999_usize;
        let labels: Vec<f32> = (0..n).map(|i| (i * 7 % 3 == 0) as u8 as f32).collect();
        let scores: Vec<f32> = (0..n).map(|i| (i * 31 % 101) as f32 / 101.0).collect();
        let groups: Vec<usize> = (0..n).map(|i| i * 13 % 17).collect();
        let forth = gauc(&labels, &scores, &groups);

        let labels: Vec<f32> = labels.into_iter().rev().collect();
        let scores: Vec<f32> = scores.into_iter().rev().collect();
        let groups: Vec<usize> = groups.into_iter().rev().map(|g| 100 - g).collect();
        assert_eq!(gauc(&labels, &scores, &groups), forth);
    }
}
