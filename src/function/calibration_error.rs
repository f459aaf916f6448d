//! `calibration_error(label, score)`: expected calibration error of probabilities.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::calibration_error::CalibrationError;

use super::additive::Sums;
use super::aggregate::MetricFunction;
use super::pairs;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "calibration_error",
        &[Parameter::BinaryLabel, Parameter::Probability],
        pairs::accumulation::<Sums<CalibrationError>>(),
        "Expected calibration error: the distance between mean label and mean probability in each of 15 bins of \
         equal width, averaged with the rows of the bin as weight. NULL without rows.",
        "SELECT calibration_error(clicked, p) FROM (VALUES (1, 0.9), (1, 0.9), (0, 0.9), (0, 0.1)) AS t(clicked, p)",
    )
}
