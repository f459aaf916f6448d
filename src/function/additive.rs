//! State of metrics that are functions of sums: one column, a fixed number of sums for each group.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::common::cast::{as_fixed_size_list_array, as_float64_array};

use crate::metric::Additive;

use super::aggregate::StateColumn;
use super::pairs::{Group, Pairs};
use super::parameter::ScoreType;

/// The sums of one group.
#[derive(Debug, Default)]
pub(super) struct Sums<A>(A);

impl<A: Additive> Pairs for Sums<A> {
    type Group<S: ScoreType> = Self;
}

impl<A: Additive> Sums<A> {
    fn item() -> FieldRef {
        Arc::new(Field::new_list_field(DataType::Float64, true))
    }

    /// Number of sums, which is small.
    fn width() -> i32 {
        A::default().sums().len() as i32
    }
}

impl<A: Additive, S: ScoreType> Group<S> for Sums<A> {
    fn state_columns() -> Vec<StateColumn> {
        let sums = DataType::FixedSizeList(Self::item(), Self::width());
        vec![("sums", sums)]
    }

    fn add(&mut self, label: f64, score: S::Native) {
        self.0.add(label, score);
    }

    fn value(&mut self) -> Option<f64> {
        self.0.value()
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn state(groups: Vec<Self>) -> Result<Vec<ArrayRef>> {
        let sums = groups.iter().flat_map(|group| group.0.sums()).copied();
        let sums = Arc::new(Float64Array::from_iter_values(sums));
        let column = FixedSizeListArray::try_new(Self::item(), Self::width(), sums, None)?;
        Ok(vec![Arc::new(column)])
    }

    fn merge(groups: &mut [Self], places: &[usize], state: &[ArrayRef]) -> Result<usize> {
        let column = as_fixed_size_list_array(&state[0])?;
        let width = column.value_length() as usize;
        let sums = as_float64_array(column.values())?.values();
        for (&place, sums) in places.iter().zip(sums.chunks_exact(width)) {
            for (total, sum) in groups[place].0.sums_mut().iter_mut().zip(sums) {
                *total += sum;
            }
        }
        Ok(0)
    }
}
