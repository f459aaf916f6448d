//! `hit_rate_at(k, label, score, group)`: share of groups with a positive among their first k rows.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::hit_rate_at::HitRateAt;

use super::aggregate::MetricFunction;
use super::groups::{self, Ranked};
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "hit_rate_at",
        &[
            Parameter::K,
            Parameter::BinaryLabel,
            Parameter::Score,
            Parameter::Group,
        ],
        groups::accumulation::<HitRateAt>(),
        "Share of groups that have a positive among their k highest scores. Groups without a positive are \
         left out, NULL when none is left; equal scores count as the mean over all their orders.",
        "SELECT hit_rate_at(1, clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
         (0, 0.2, 'bob')) AS t(clicked, p, user_id)",
    )
}

impl Ranked for HitRateAt {
    fn at(k: usize) -> Self {
        Self(k)
    }
}
