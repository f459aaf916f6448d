//! State of metrics that are functions of sums: one column, a fixed number of sums for each group.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, FixedSizeListArray, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion::common::Result;
use datafusion::common::cast::{as_fixed_size_list_array, as_float64_array};

use super::accumulator::{Places, States};
use super::aggregate::StateColumn;
use super::call::{Call, ScoreType};
use crate::metric::{Gain, Row, Sums};

/// The state of the metric for arguments of these types.
pub(super) fn states(call: Call, metric: Sums, types: &[DataType]) -> Box<dyn States> {
    match call.score_type(types) {
        DataType::Float32 => Box::new(SumStates::<Float32Type>::new(call, metric)),
        _ => Box::new(SumStates::<Float64Type>::new(call, metric)),
    }
}

/// The sums of each group, one group after the other.
#[derive(Debug)]
struct SumStates<S> {
    call: Call,
    metric: Sums,
    sums: Vec<f64>,
    /// Those of one batch, where there is one group.
    rows: Vec<Row>,
    score_type: PhantomData<S>,
}

impl<S: ScoreType> SumStates<S> {
    fn new(call: Call, metric: Sums) -> Self {
        Self {
            call,
            metric,
            sums: Vec::new(),
            rows: Vec::new(),
            score_type: PhantomData,
        }
    }

    fn item() -> FieldRef {
        Arc::new(Field::new_list_field(DataType::Float64, true))
    }

    /// The sums of a group.
    fn of(&mut self, group: usize) -> &mut [f64] {
        let width = self.metric.width;
        &mut self.sums[group * width..][..width]
    }
}

impl<S: ScoreType> States for SumStates<S> {
    fn columns(&self) -> Vec<StateColumn> {
        let sums = DataType::FixedSizeList(Self::item(), self.metric.width as i32);
        vec![("sums", sums)]
    }

    fn fresh(&self) -> Result<Box<dyn States>> {
        Ok(Box::new(Self::new(self.call, self.metric)))
    }

    fn len(&self) -> usize {
        self.sums.len() / self.metric.width
    }

    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups * self.metric.width, 0.0);
    }

    fn add(
        &mut self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        places: Places,
    ) -> Result<()> {
        let Self { call, metric, .. } = *self;
        if let Places::First = places {
            // All at once, which is faster.
            let mut rows = std::mem::take(&mut self.rows);
            rows.clear();
            let visit = |_, label, score, weight| rows.push(Row::new(label, score, weight));
            let all = call.for_each_row::<S>(values, filter, Gain::default(), visit);
            (metric.add)(self.of(0), &rows);
            self.rows = rows;
            return all;
        }
        let visit = |row, label, score, weight| {
            (metric.add)(self.of(places.of(row)), &[Row::new(label, score, weight)]);
        };
        call.for_each_row::<S>(values, filter, Gain::default(), visit)
    }

    fn value(&mut self, group: usize) -> Option<f64> {
        (self.metric.value)(self.of(group))
    }

    fn forget(&mut self, groups: usize) {
        self.sums.drain(..groups * self.metric.width);
    }

    fn take(&mut self, groups: usize) -> Result<Vec<ArrayRef>> {
        let width = self.metric.width;
        let others = self.sums.split_off(groups * width);
        let sums = Float64Array::from(std::mem::replace(&mut self.sums, others));
        let width = width as i32;
        let column = FixedSizeListArray::try_new(Self::item(), width, Arc::new(sums), None)?;
        Ok(vec![Arc::new(column)])
    }

    fn merge(&mut self, state: &[ArrayRef], places: Places) -> Result<()> {
        let column = as_fixed_size_list_array(&state[0])?;
        let sums = as_float64_array(column.values())?.values();
        for (row, sums) in sums.chunks_exact(self.metric.width).enumerate() {
            for (total, sum) in self.of(places.of(row)).iter_mut().zip(sums) {
                *total += sum;
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
            + self.sums.capacity() * size_of::<f64>()
            + self.rows.capacity() * size_of::<Row>()
    }
}
