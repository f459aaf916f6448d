//! Grouped AUC: the area inside each group (a user, a session), averaged with the rows of the group as weight.
//! G. Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.

use super::{Column, Groups, Join, Kind, Metric, Parameter, auc};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "gauc",
    parameters: &[
        Parameter::BinaryLabel,
        Parameter::Score,
        Parameter::Group,
        Parameter::Weight,
    ],
    kind: Kind::Groups(Groups {
        of_group: |ranking, _| auc::area(ranking),
        join: Join::MeanByRows,
    }),
    column: Column::Value,
    description: "Grouped AUC: the area under the ROC curve inside each group, averaged with the rows of the group as \
                  weight. Groups of one class are left out; NULL when none is left.",
    example: "SELECT gauc(clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (0, 0.2, 'bob'), (0, 0.1, 'bob')) AS t(clicked, p, user_id)",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn weighs_groups_by_rows_and_leaves_out_one_class() {
        // Group 1: 2 rows, area 0; group 7: 3 rows, area 1; group 9 has no negative: (0 * 2 + 1 * 3) / 5.
        let labels = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, f32::NAN];
        let scores = [0.1, 0.9, 0.3, 0.2, 0.1, 0.5, 0.0_f32];
        let groups = [1, 7, 1, 7, 7, 9, 9];
        assert_eq!(grouped(&METRIC, 0, &labels, &scores, &groups), Some(0.6));
    }

    #[test]
    fn one_group_is_the_plain_area() {
        let labels = [1.0, 1.0, 0.0, 0.0];
        let scores = [0.8, 0.5, 0.5, 0.2];
        assert_eq!(grouped(&METRIC, 0, &labels, &scores, &[4; 4]), Some(0.875));
    }

    #[test]
    fn is_undefined_when_no_group_has_both_classes() {
        let one_class = grouped(&METRIC, 0, &[1.0, 0.0], &[0.5_f32, 0.5], &[1, 2]);
        assert_eq!(one_class, None);
        assert_eq!(grouped::<f32>(&METRIC, 0, &[], &[], &[]), None);
    }

    #[test]
    fn order_of_rows_and_names_of_groups_do_not_change_a_digit() {
        let n = 999;
        let labels: Vec<f32> = (0..n).map(|i| (i * 7 % 3 == 0) as u8 as f32).collect();
        let scores: Vec<f32> = (0..n).map(|i| (i * 31 % 101) as f32 / 101.0).collect();
        let groups: Vec<i32> = (0..n).map(|i| i * 13 % 17).collect();
        let forth = grouped(&METRIC, 0, &labels, &scores, &groups);

        let labels: Vec<f32> = labels.into_iter().rev().collect();
        let scores: Vec<f32> = scores.into_iter().rev().collect();
        let groups: Vec<i32> = groups.into_iter().rev().map(|g| 100 - g).collect();
        assert_eq!(grouped(&METRIC, 0, &labels, &scores, &groups), forth);
    }
}
