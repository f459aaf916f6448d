//! `gauc_left_out(label, score, group)`: how many groups `gauc` leaves out.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;

use crate::metric::gauc_left_out::GaucLeftOut;

use super::aggregate::MetricFunction;
use super::groups::{self, Ranked};
use super::parameter::Parameter;

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "gauc_left_out",
        &[Parameter::BinaryLabel, Parameter::Score, Parameter::Group],
        groups::accumulation::<GaucLeftOut>(),
        "How many groups gauc leaves out: those whose labels are all the same. A BIGINT.",
        "SELECT gauc_left_out(clicked, p, user_id) FROM (VALUES (1, 0.1, 'ann'), (0, 0.3, 'ann'), (1, 0.9, 'bob'), \
         (1, 0.2, 'bob')) AS t(clicked, p, user_id)",
    )
}

impl Ranked for GaucLeftOut {
    const RESULT: DataType = DataType::Int64;

    fn at(_: usize) -> Self {
        Self
    }
}
