//! `mrr_at(k, label, score, group)`: mean reciprocal rank of the first positive.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::mrr_at::MrrAt;

use super::aggregate::MetricFunction;
use super::groups::{self, Ranked};
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "mrr_at",
        &[
            Parameter::K,
            Parameter::BinaryLabel,
            Parameter::Score,
            Parameter::Group,
        ],
        groups::accumulation::<MrrAt>(),
        "Mean over groups of 1 / rank of the first positive among the k highest scores, 0 where there is \
         none. Groups without a positive are left out, NULL when none is left; equal scores count as the mean \
         over all their orders.",
        "SELECT mrr_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
         (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
    )
}

impl Ranked for MrrAt {
    fn at(k: usize) -> Self {
        Self(k)
    }
}
