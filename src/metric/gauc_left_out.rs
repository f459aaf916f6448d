//! How many groups gauc leaves out: those whose labels are all the same have no area.

use super::{Column, Constants, Groups, Join, Kind, Metric, Parameter, Ranking, auc};

/// The metric.
pub const METRIC: Metric = Metric {
    name: "gauc_left_out",
    parameters: &[
        Parameter::BinaryLabel,
        Parameter::Score,
        Parameter::Group,
        Parameter::Weight,
    ],
    kind: Kind::Groups(Groups {
        of_group: left_out,
        join: Join::Count,
    }),
    column: Column::None,
    description: "How many groups gauc leaves out: those whose labels are all the same, or would be without the rows that \
                  weigh nothing. A BIGINT.",
    example: "SELECT gauc_left_out(clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
              (1, 0.2, 'bob')) AS t(clicked, p, user_id)",
};

/// Some number for a group with rows but no area.
fn left_out(ranking: &mut dyn Ranking, _: &Constants) -> Option<f64> {
    let rows = ranking.positives().rows + ranking.negatives().rows;
    (rows > 0 && auc::area(ranking).is_none()).then_some(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::grouped;

    #[test]
    fn counts_groups_of_one_class() {
        let labels = [1.0, 0.0, 1.0, 1.0, 0.0, f32::NAN];
        let count = |groups: &[i32]| grouped(&METRIC, 0, &labels, &[0.5_f32; 6], groups);
        // Group 9 has no row with a label.
        assert_eq!(count(&[1, 1, 2, 2, 3, 9]), Some(2.0));
        assert_eq!(count(&[1; 6]), Some(0.0));
    }
}
