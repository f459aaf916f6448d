//! `ndcg_at(k, label, score, group)`: normalized discounted cumulative gain of the first k rows of each group.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::ndcg_at::NdcgAt;

use super::aggregate::MetricFunction;
use super::groups::{self, Ranked};
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "ndcg_at",
        &[
            Parameter::K,
            Parameter::BinaryLabel,
            Parameter::Score,
            Parameter::Group,
        ],
        groups::accumulation::<NdcgAt>(),
        "Normalized discounted cumulative gain: the sum of 1 / log2(rank + 1) over the positives among the k \
         highest scores of a group, divided by the best possible sum, averaged over groups. Groups without a \
         positive are left out, NULL when none is left; equal scores count as the mean over all their orders.",
        "SELECT ndcg_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
         (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
    )
}

impl Ranked for NdcgAt {
    fn at(k: usize) -> Self {
        Self(k)
    }
}
