//! `normalized_entropy(label, score)`: logarithmic loss over that of the share of positives.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::normalized_entropy::NormalizedEntropy;

use super::additive::Sums;
use super::aggregate::MetricFunction;
use super::pairs;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "normalized_entropy",
        &[Parameter::BinaryLabel, Parameter::Probability],
        pairs::accumulation::<Sums<NormalizedEntropy>>(),
        "Mean logarithmic loss over that of always saying the share of positives: below 1 where something has been \
         learnt. NULL unless both classes are there.",
        "SELECT normalized_entropy(clicked, p) FROM (VALUES (1, 0.9), (0, 0.1), (0, 0.2), (1, 0.65)) AS t(clicked, p)",
    )
}
