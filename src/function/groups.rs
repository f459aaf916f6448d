//! Accumulator of metrics over groups of rows that an argument names, a user say.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::datatypes::{DataType, Float32Type, Float64Type, UInt32Type};
use datafusion::common::cast::as_large_list_array;
use datafusion::common::{Result, ScalarValue, resources_err};
use datafusion::logical_expr::Accumulator;

use crate::metric::{GroupMetric, GroupedScores, MAX_GROUPS};

use super::aggregate::Accumulation;
use super::distinct::Distinct;
use super::lists::{list_type, lists, lists_of, slices};
use super::pairs::score_type;
use super::parameter::{Call, ScoreType};

/// How SQL makes a metric over groups.
pub(super) trait Ranked: GroupMetric {
    /// The type of the result.
    const RESULT: DataType = DataType::Float64;

    /// The metric of the first k rows of each group; metrics of whole groups have no k.
    fn at(k: usize) -> Self;
}

/// The accumulators of a mean over groups. GROUP BY uses one for each of its own groups.
pub(super) fn accumulation<M: Ranked>() -> Accumulation {
    Accumulation {
        result: M::RESULT,
        state: |call, types| {
            let at = call.label_at();
            vec![
                ("groups", list_type(&types[at + 2])),
                ("codes", list_type(&DataType::UInt32)),
                ("scores", list_type(&types[at + 1])),
            ]
        },
        one: |call, args| {
            let group_type = args.expr_fields[call.label_at() + 2].data_type();
            let metric = M::at(call.k(args)?);
            Ok(match score_type(call, args) {
                DataType::Float32 => {
                    Box::new(Grouped::<M, Float32Type>::new(call, metric, group_type)?)
                }
                _ => Box::new(Grouped::<M, Float64Type>::new(call, metric, group_type)?),
            })
        },
        many: None,
    }
}

/// Rows with the number of their group.
struct Grouped<M, S: ScoreType> {
    call: Call,
    metric: M,
    /// The distinct groups.
    known: Distinct,
    /// Number of distinct values in `known`.
    num_groups: usize,
    rows: GroupedScores<S::Native>,
    /// The numbers of the values of one batch.
    numbers: Vec<usize>,
}

impl<M: Ranked, S: ScoreType> Grouped<M, S> {
    fn new(call: Call, metric: M, group_type: &DataType) -> Result<Self> {
        Ok(Self {
            call,
            metric,
            known: Distinct::new(group_type)?,
            num_groups: 0,
            rows: GroupedScores::default(),
            numbers: Vec::new(),
        })
    }

    /// Sets `numbers` to those of these values.
    fn number(&mut self, values: &ArrayRef) -> Result<()> {
        self.known.number(values, &mut self.numbers)?;
        self.num_groups = self.known.len();
        if self.num_groups > MAX_GROUPS {
            return resources_err!("{}: more than {MAX_GROUPS} groups", self.call.name);
        }
        Ok(())
    }
}

impl<M: Ranked, S: ScoreType> Accumulator for Grouped<M, S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.number(&values[self.call.label_at() + 2])?;
        let (rows, numbers) = (&mut self.rows, &self.numbers);
        self.call
            .for_each_row::<S>(values, None, |row, label, score| {
                rows.push(numbers[row] as u32, label == 1.0, score);
            })
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.rows.mean(&self.metric, self.num_groups);
        ScalarValue::Float64(value).cast_to(&M::RESULT)
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
        let (codes, scores) = self.rows.take();
        let num_rows = codes.len();
        let codes: ArrayRef = Arc::new(UInt32Array::from(codes));
        let columns = [
            lists(groups, [num_groups])?,
            lists(codes, [num_rows])?,
            lists_of::<S>([scores].into_iter())?,
        ];
        columns
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let groups = as_large_list_array(&states[0])?;
        let codes = slices::<UInt32Type>(&states[1])?;
        let scores = slices::<S>(&states[2])?;
        for (state, (codes, scores)) in codes.zip(scores).enumerate() {
            self.number(&groups.value(state))?;
            for (&code, &score) in codes.iter().zip(scores) {
                let number = self.numbers[(code >> 1) as usize] as u32;
                self.rows.push(number, code & 1 == 1, score);
            }
        }
        Ok(())
    }
}

impl<M, S: ScoreType> fmt::Debug for Grouped<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grouped")
            .field("call", &self.call)
            .field("num_groups", &self.num_groups)
            .finish()
    }
}
