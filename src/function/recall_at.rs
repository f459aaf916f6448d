//! `recall_at(k, label, score, group)`: share of the positives of each group among its first k rows.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::recall_at::RecallAt;

use super::aggregate::MetricFunction;
use super::groups::{self, Ranked};
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "recall_at",
        &[
            Parameter::K,
            Parameter::BinaryLabel,
            Parameter::Score,
            Parameter::Group,
        ],
        groups::accumulation::<RecallAt>(),
        "Share of a group's positives that stand among its k highest scores, averaged over groups. Groups \
         without a positive are left out, NULL when none is left; equal scores count as the mean over all \
         their orders.",
        "SELECT recall_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
         (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
    )
}

impl Ranked for RecallAt {
    fn at(k: usize) -> Self {
        Self(k)
    }
}
