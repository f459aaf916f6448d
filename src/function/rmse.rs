//! `rmse(label, score)`: root mean squared error.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::rmse::Rmse;

use super::additive::Sums;
use super::aggregate::MetricFunction;
use super::pairs;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "rmse",
        &[Parameter::NumberLabel, Parameter::Score],
        pairs::accumulation::<Sums<Rmse>>(),
        "Root mean squared error of predicted numbers. NULL without rows.",
        "SELECT rmse(rating, predicted) FROM (VALUES (5, 4.5), (3, 3.5), (1, 2.0)) AS t(rating, predicted)",
    )
}
