//! `log_loss(label, score)`: mean logarithmic loss of probabilities.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::log_loss::LogLoss;

use super::additive::Sums;
use super::aggregate::MetricFunction;
use super::pairs;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "log_loss",
        &[Parameter::BinaryLabel, Parameter::Probability],
        pairs::accumulation::<Sums<LogLoss>>(),
        "Mean logarithmic loss, or binary cross-entropy, in nats. Probabilities are clipped to [e, 1 - e], e the \
         machine epsilon of their type. NULL without rows.",
        "SELECT log_loss(clicked, p) FROM (VALUES (1, 0.9), (0, 0.1), (0, 0.2), (1, 0.65)) AS t(clicked, p)",
    )
}
