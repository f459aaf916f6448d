//! `gauc(label, score, group)`: area under the ROC curve inside groups.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::gauc::Gauc;

use super::aggregate::MetricFunction;
use super::groups::{self, Ranked};
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "gauc",
        &[Parameter::BinaryLabel, Parameter::Score, Parameter::Group],
        groups::accumulation::<Gauc>(),
        "Grouped AUC: the area under the ROC curve inside each group, averaged with the rows of the group as weight. \
         Groups of one class are left out; NULL when none is left.",
        "SELECT gauc(clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
         (0, 0.2, 'bob'), (0, 0.1, 'bob')) AS t(clicked, p, user_id)",
    )
}

impl Ranked for Gauc {
    fn at(_: usize) -> Self {
        Self
    }
}
