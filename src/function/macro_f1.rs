//! `macro_f1(label, predicted)`: F1 of each class, averaged.

use datafusion::logical_expr::AggregateUDF;

use crate::metric::macro_f1::MacroF1;

use super::aggregate::MetricFunction;
use super::classes;
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "macro_f1",
        &[Parameter::Class, Parameter::PredictedClass],
        classes::accumulation::<MacroF1>(),
        "Mean of the F1s of all classes that occur as label or as prediction; F1 is the harmonic mean of precision and \
         recall, and 0 for a class that was never predicted right. Classes are values of any scalar type. NULL \
         without rows.",
        "SELECT macro_f1(colour, predicted) FROM (VALUES ('red', 'red'), ('red', 'blue'), ('blue', 'blue')) \
         AS t(colour, predicted)",
    )
}
