//! `mae(label, score)`: mean absolute error.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::mae::Mae;

use super::additive::Sums;
use super::aggregate::MetricFunction;
use super::pairs;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "mae",
        &[Parameter::NumberLabel, Parameter::Score],
        pairs::accumulation::<Sums<Mae>>(),
        "Mean absolute error of predicted numbers. NULL without rows.",
        "SELECT mae(rating, predicted) FROM (VALUES (5, 4.5), (3, 3.5), (1, 2.0)) AS t(rating, predicted)",
    )
}
