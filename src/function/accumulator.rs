//! DataFusion's accumulators over the state of a metric, for one group and for many.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::aggregate::StateColumn;

/// To which group each row of a batch belongs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Places<'a> {
    /// All to the first.
    First,
    /// Every row to one of its own.
    Own,
    /// Each to the group with this number.
    Of(&'a [usize]),
}

impl Places<'_> {
    /// The number of the row's group.
    pub(super) fn of(self, row: usize) -> usize {
        match self {
            Self::First => 0,
            Self::Own => row,
            Self::Of(places) => places[row],
        }
    }
}

/// The state of a metric for each of any number of groups.
pub(super) trait States: Debug + Send + Sync {
    /// The columns of a partial state.
    fn columns(&self) -> Vec<StateColumn>;

    /// No groups, of the same metric and types.
    fn fresh(&self) -> Result<Box<dyn States>>;

    /// How many groups there are.
    fn len(&self) -> usize;

    /// Adds empty groups up to that number.
    fn grow(&mut self, groups: usize);

    /// Adds the rows that pass the filter.
    ///
    /// # Errors
    /// Execution for arguments that the metric does not take.
    fn add(
        &mut self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        places: Places,
    ) -> Result<()>;

    /// The metric of the group's rows so far; more rows may follow.
    fn value(&mut self, group: usize) -> Option<f64>;

    /// Forgets the first groups; the others move up.
    fn forget(&mut self, groups: usize);

    /// The state columns of the first groups, which are forgotten.
    fn take(&mut self, groups: usize) -> Result<Vec<ArrayRef>>;

    /// Adds row i of the state columns to the group that `places` has for it.
    fn merge(&mut self, state: &[ArrayRef], places: Places) -> Result<()>;

    /// Bytes held.
    fn bytes(&self) -> usize;
}

/// All rows as one group.
#[derive(Debug)]
pub(super) struct One(Box<dyn States>);

impl One {
    pub(super) fn new(states: Box<dyn States>) -> Self {
        let mut states = states;
        states.grow(1);
        Self(states)
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add(values, None, Places::First)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.0.value(0)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.0.take(1)?;
        self.0.grow(1);
        let columns = state.iter();
        columns
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states, Places::First)
    }
}

/// A state per group of GROUP BY.
pub(super) struct Many(Box<dyn States>);

impl Many {
    pub(super) fn new(states: Box<dyn States>) -> Self {
        Self(states)
    }

    /// How many groups to emit.
    fn emitted(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.0.len(),
            EmitTo::First(groups) => groups,
        }
    }
}

impl GroupsAccumulator for Many {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.grow(total_num_groups);
        self.0.add(values, opt_filter, Places::Of(group_indices))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.emitted(emit_to);
        let values: Float64Array = (0..groups).map(|group| self.0.value(group)).collect();
        self.0.forget(groups);
        Ok(Arc::new(values))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.take(self.emitted(emit_to))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.grow(total_num_groups);
        self.0.merge(values, Places::Of(group_indices))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut states = self.0.fresh()?;
        states.grow(rows);
        states.add(values, opt_filter, Places::Own)?;
        states.take(rows)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.bytes()
    }
}
