//! `accuracy(label, predicted)`: share of rows whose class was predicted.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::accuracy::Accuracy;

use super::aggregate::MetricFunction;
use super::classes;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "accuracy",
        &[Parameter::Class, Parameter::PredictedClass],
        classes::accumulation::<Accuracy>(),
        "Share of rows whose predicted class is the label. Classes are values of any scalar type. NULL without rows.",
        "SELECT accuracy(colour, predicted) FROM (VALUES ('red', 'red'), ('red', 'blue'), ('blue', 'blue')) \
         AS t(colour, predicted)",
    )
}
