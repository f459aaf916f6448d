//! Numbers for the distinct values of a column, in the order in which they come.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

/// The distinct values so far.
pub(super) struct Distinct {
    data_type: DataType,
    /// DataFusion's own for GROUP BY. It is not `Sync`; only `bytes` ever locks.
    known: Mutex<Box<dyn GroupValues>>,
}

impl Distinct {
    /// None yet, of values of this type.
    pub(super) fn new(data_type: &DataType) -> Result<Self> {
        let field = Field::new("value", data_type.clone(), true);
        let schema = Arc::new(Schema::new(vec![field]));
        Ok(Self {
            data_type: data_type.clone(),
            known: Mutex::new(new_group_values(schema, &GroupOrdering::None)?),
        })
    }

    fn known(&mut self) -> &mut dyn GroupValues {
        let known = self.known.get_mut();
        known.unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    /// Replaces `numbers` by those of these values.
    pub(super) fn number(&mut self, values: &ArrayRef, numbers: &mut Vec<usize>) -> Result<()> {
        self.known().intern(std::slice::from_ref(values), numbers)
    }

    /// How many there are.
    pub(super) fn len(&mut self) -> usize {
        self.known().len()
    }

    /// The values in the order of their numbers; none are left.
    pub(super) fn take(&mut self) -> Result<ArrayRef> {
        let values = self.known().emit(EmitTo::All)?;
        let empty = || new_empty_array(&self.data_type);
        Ok(values.into_iter().next().unwrap_or_else(empty))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.size()
    }
}
