//! Accumulator of metrics over groups of rows that an argument names, a user say.

use std::fmt;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Float32Type, Float64Type, UInt32Type};
use datafusion::common::cast::as_large_list_array;
use datafusion::common::{Result, ScalarValue, plan_err, resources_err};
use datafusion::logical_expr::Accumulator;

use super::aggregate::StateColumn;
use super::call::{Call, ScoreType};
use super::distinct::Distinct;
use super::lists::{list_type, lists, lists_of, slices};
use crate::metric::{Constants, GroupedScores, Groups, Join, Kind, MAX_GROUPS};

/// The type of the result.
pub(super) fn result(metric: &Groups) -> DataType {
    match metric.join {
        Join::Count => DataType::Int64,
        Join::Mean | Join::MeanByRows => DataType::Float64,
    }
}

/// The columns of a partial state for arguments of these types.
pub(super) fn columns(call: Call, types: &[DataType]) -> Vec<StateColumn> {
    let numbers = list_type(&DataType::Float64);
    let mut columns = vec![
        ("groups", list_type(group_type(call, types))),
        ("codes", list_type(&DataType::UInt32)),
        ("scores", list_type(call.score_type(types))),
        // Empty where rows have none.
        ("weights", numbers.clone()),
    ];
    if call.0.is_graded() {
        columns.push(("gains", numbers));
    }
    columns
}

fn group_type(call: Call, types: &[DataType]) -> &DataType {
    &types[call.label_at() + 2]
}

/// The accumulator for arguments of these types. GROUP BY uses one for each of its own groups.
pub(super) fn accumulator(
    call: Call,
    types: &[DataType],
    constants: Constants,
) -> Result<Box<dyn Accumulator>> {
    let Kind::Groups(metric) = call.0.kind else {
        return plan_err!("{} is not over groups", call.0.name);
    };
    let known = Distinct::new(group_type(call, types))?;
    let weighted = call.has_weights(types);
    Ok(match call.score_type(types) {
        DataType::Float32 => Box::new(Grouped::<Float32Type>::new(
            call, metric, constants, known, weighted,
        )),
        _ => Box::new(Grouped::<Float64Type>::new(
            call, metric, constants, known, weighted,
        )),
    })
}

/// Rows with the number of their group.
struct Grouped<S: ScoreType> {
    call: Call,
    metric: Groups,
    constants: Constants,
    /// The distinct groups.
    known: Distinct,
    /// Number of distinct values in `known`.
    num_groups: usize,
    rows: GroupedScores<S::Native>,
    /// The numbers of the values of one batch.
    numbers: Vec<usize>,
}

impl<S: ScoreType> Grouped<S> {
    fn new(
        call: Call,
        metric: Groups,
        constants: Constants,
        known: Distinct,
        is_weighted: bool,
    ) -> Self {
        Self {
            call,
            metric,
            constants,
            known,
            num_groups: 0,
            rows: GroupedScores::new(is_weighted),
            numbers: Vec::new(),
        }
    }

    /// Sets `numbers` to those of these values.
    fn number(&mut self, values: &ArrayRef) -> Result<()> {
        self.known.number(values, &mut self.numbers)?;
        self.num_groups = self.known.len();
        if self.num_groups > MAX_GROUPS {
            return resources_err!("{}: more than {MAX_GROUPS} groups", self.call.0.name);
        }
        Ok(())
    }
}

impl<S: ScoreType> Accumulator for Grouped<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.number(&values[self.call.label_at() + 2])?;
        let (rows, numbers, gain) = (&mut self.rows, &self.numbers, self.constants.gain);
        let visit = |row: usize, label, score, weight| {
            rows.push(numbers[row] as u32, gain.of(label), score, weight);
        };
        self.call.for_each_row::<S>(values, None, gain, visit)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let rows = &self.rows;
        let value = rows.value(&self.metric, &self.constants, self.num_groups);
        ScalarValue::Float64(value).cast_to(&result(&self.metric))
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.known.bytes()
            + self.rows.heap_bytes()
            + self.numbers.capacity() * size_of::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let groups = self.known.take()?;
        let num_groups = groups.len();
        self.num_groups = 0;
        let (codes, scores, weights, gains) = self.rows.take();
        let mut columns = vec![
            lists(groups, [num_groups])?,
            lists_of::<UInt32Type>([codes].into_iter())?,
            lists_of::<S>([scores].into_iter())?,
            lists_of::<Float64Type>([weights].into_iter())?,
        ];
        if self.call.0.is_graded() {
            columns.push(lists_of::<Float64Type>([gains].into_iter())?);
        }
        columns
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let groups = as_large_list_array(&states[0])?;
        let codes = slices::<UInt32Type>(&states[1])?;
        let scores = slices::<S>(&states[2])?;
        let weights = slices::<Float64Type>(&states[3])?;
        let mut gains = states.get(4).map(slices::<Float64Type>).transpose()?;
        for (state, ((codes, scores), weights)) in codes.zip(scores).zip(weights).enumerate() {
            self.number(&groups.value(state))?;
            let gains = gains.as_mut().and_then(Iterator::next).unwrap_or_default();
            for (row, (&code, &score)) in codes.iter().zip(scores).enumerate() {
                let number = self.numbers[(code >> 1) as usize] as u32;
                let of = |factors: &[f64]| factors.get(row).copied().unwrap_or(1.0);
                let gain = if code & 1 == 1 { of(gains) } else { 0.0 };
                self.rows.push(number, gain, score, of(weights));
            }
        }
        Ok(())
    }
}

impl<S: ScoreType> fmt::Debug for Grouped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grouped")
            .field("call", &self.call)
            .field("num_groups", &self.num_groups)
            .finish()
    }
}
