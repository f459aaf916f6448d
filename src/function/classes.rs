//! Accumulators of metrics over classes, which are values of any scalar type: numbered once for all groups, and counted
//! in each.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::common::cast::as_large_list_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use hashbrown::HashMap;

use crate::metric::{ClassCount, ClassMetric};

use super::aggregate::Accumulation;
use super::distinct::Distinct;
use super::lists::{list_type, lists, slices};
use super::parameter::{each_valid, valid_rows};

/// The accumulators of a metric over classes.
pub(super) fn accumulation<M: ClassMetric>() -> Accumulation {
    Accumulation {
        result: DataType::Float64,
        state: |_, types| {
            vec![
                ("classes", list_type(&types[0])),
                ("counts", list_type(&DataType::UInt64)),
            ]
        },
        one: |_, args| {
            let many = Many::<M>::new(args.expr_fields[0].data_type(), 1)?;
            Ok(Box::new(One(many)))
        },
        many: Some(|_, args| {
            let many = Many::<M>::new(args.expr_fields[0].data_type(), 0)?;
            Ok(Box::new(many))
        }),
    }
}

/// The classes of one group by their numbers.
type Counts = HashMap<usize, ClassCount>;

/// Counts per group of GROUP BY.
struct Many<M> {
    class_type: DataType,
    known: Distinct,
    groups: Vec<Counts>,
    /// Bytes that the counts hold on the heap.
    heap_bytes: usize,
    /// Numbers of the labels and of the predictions of one batch.
    numbers: [Vec<usize>; 2],
    metric: PhantomData<M>,
}

impl<M: ClassMetric> Many<M> {
    fn new(class_type: &DataType, num_groups: usize) -> Result<Self> {
        Ok(Self {
            class_type: class_type.clone(),
            known: Distinct::new(class_type)?,
            groups: vec![Counts::new(); num_groups],
            heap_bytes: 0,
            numbers: Default::default(),
            metric: PhantomData,
        })
    }

    /// Adds the valid rows; `group_of` tells the number of a row's group.
    fn add(
        &mut self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        group_of: impl Fn(usize) -> usize,
    ) -> Result<()> {
        for (values, numbers) in values.iter().zip(&mut self.numbers) {
            self.known.number(values, numbers)?;
        }
        let [labels, predicted] = &self.numbers;
        let (groups, heap_bytes) = (&mut self.groups, &mut self.heap_bytes);
        each_valid(labels.len(), valid_rows(values, filter), |row| {
            let counts = &mut groups[group_of(row)];
            let before = counts.allocation_size();
            let hit = labels[row] == predicted[row];
            let label = counts.entry(labels[row]).or_default();
            label.labels += 1;
            label.hits += u64::from(hit);
            counts.entry(predicted[row]).or_default().predicted += 1;
            *heap_bytes += counts.allocation_size() - before;
            Ok(())
        })
    }

    fn emit(&mut self, emit_to: EmitTo) -> Vec<Counts> {
        let groups = emit_to.take_needed(&mut self.groups);
        self.heap_bytes -= groups.iter().map(Counts::allocation_size).sum::<usize>();
        groups
    }

    /// Adds row i of the state columns to the group with number `group_of(i)`.
    fn merge(&mut self, state: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let classes = as_large_list_array(&state[0])?;
        let counts = slices::<UInt64Type>(&state[1])?;
        let [numbers, _] = &mut self.numbers;
        self.known.number(classes.values(), numbers)?;
        let ends = classes.offsets().windows(2);
        for (row, (ends, counts)) in ends.zip(counts).enumerate() {
            let group = &mut self.groups[group_of(row)];
            let before = group.allocation_size();
            let numbers = &numbers[ends[0] as usize..ends[1] as usize];
            for (number, counts) in numbers.iter().zip(counts.chunks_exact(3)) {
                let class = group.entry(*number).or_default();
                class.labels += counts[0];
                class.predicted += counts[1];
                class.hits += counts[2];
            }
            self.heap_bytes += group.allocation_size() - before;
        }
        Ok(())
    }

    /// The state columns, a row for each of these groups.
    fn state_of(&mut self, groups: &[Counts]) -> Result<Vec<ArrayRef>> {
        let known = self.known.take()?;
        if !self.groups.is_empty() {
            // They get the numbers that they had.
            self.known.number(&known, &mut self.numbers[0])?;
        }
        let classes = || groups.iter().flatten();
        let numbers = UInt64Array::from_iter_values(classes().map(|(number, _)| *number as u64));
        let counts = classes().flat_map(|(_, class)| [class.labels, class.predicted, class.hits]);
        let counts = Arc::new(UInt64Array::from_iter_values(counts));
        Ok(vec![
            lists(
                take(&known, &numbers, None)?,
                groups.iter().map(|g| g.len()),
            )?,
            lists(counts, groups.iter().map(|g| 3 * g.len()))?,
        ])
    }

    fn bytes(&self) -> usize {
        let numbers: usize = self.numbers.iter().map(Vec::capacity).sum();
        self.known.bytes()
            + self.groups.capacity() * size_of::<Counts>()
            + self.heap_bytes
            + numbers * size_of::<usize>()
    }
}

fn value<M: ClassMetric>(counts: &Counts) -> Option<f64> {
    M::value(counts.values().copied())
}

impl<M: ClassMetric> GroupsAccumulator for Many<M> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Counts::new);
        self.add(values, opt_filter, |row| group_indices[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.emit(emit_to);
        let values: Float64Array = groups.iter().map(value::<M>).collect();
        Ok(Arc::new(values))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.emit(emit_to);
        self.state_of(&groups)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Counts::new);
        self.merge(values, |row| group_indices[row])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut rows = Self::new(&self.class_type, values[0].len())?;
        rows.add(values, opt_filter, |row| row)?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// All rows as one group.
struct One<M>(Many<M>);

impl<M: ClassMetric> Accumulator for One<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add(values, None, |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(value::<M>(&self.0.groups[0])))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let group = std::mem::take(&mut self.0.groups[0]);
        self.0.heap_bytes = 0;
        self.0
            .state_of(&[group])?
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states, |_| 0)
    }
}

impl<M> fmt::Debug for One<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = &self.0.class_type;
        f.debug_struct("One").field("class_type", known).finish()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, StringArray};
    use arrow::datatypes::Float64Type;

    use super::*;
    use crate::metric::accuracy::Accuracy;
    use crate::metric::macro_f1::MacroF1;

    fn many<M: ClassMetric>() -> Many<M> {
        let mut many = Many::new(&DataType::Utf8, 0).unwrap();
        let labels = Arc::new(StringArray::from(vec!["a", "b", "c", "a", "d"]));
        let predicted = Arc::new(StringArray::from(vec!["a", "a", "c", "c", "c"]));
        many.update_batch(&[labels, predicted], &[0, 0, 2, 2, 1], None, 3)
            .unwrap();
        many
    }

    fn values(column: ArrayRef) -> Vec<Option<f64>> {
        column.as_primitive::<Float64Type>().iter().collect()
    }

    #[test]
    fn emits_the_first_groups_and_keeps_the_others() {
        let mut many = many::<Accuracy>();
        let first = many.evaluate(EmitTo::First(1)).unwrap();
        assert_eq!(values(first), [Some(0.5)]);
        let rest = many.evaluate(EmitTo::All).unwrap();
        assert_eq!(values(rest), [Some(0.0), Some(0.5)]);
    }

    #[test]
    fn a_state_in_parts_merges_to_the_same() {
        let whole = values(many::<MacroF1>().evaluate(EmitTo::All).unwrap());
        let mut from = many::<MacroF1>();
        let first = from.state(EmitTo::First(2)).unwrap();
        let second = from.state(EmitTo::All).unwrap();
        let mut into = many::<MacroF1>();
        into.evaluate(EmitTo::All).unwrap();
        into.merge_batch(&second, &[1], 2).unwrap();
        into.merge_batch(&first, &[2, 0], 3).unwrap();
        let merged = values(into.evaluate(EmitTo::All).unwrap());
        assert_eq!(merged, [whole[1], whole[2], whole[0]]);
    }

    #[test]
    fn counts_the_memory_of_its_groups_and_lets_go_of_it() {
        let held = |many: &Many<Accuracy>| -> usize {
            many.groups.iter().map(Counts::allocation_size).sum()
        };
        let mut many = many::<Accuracy>();
        assert!(many.heap_bytes > 0);
        assert_eq!(many.heap_bytes, held(&many));
        let state = many.state(EmitTo::First(1)).unwrap();
        assert_eq!(many.heap_bytes, held(&many));
        many.merge_batch(&state, &[0], 2).unwrap();
        assert_eq!(many.heap_bytes, held(&many));
        many.state(EmitTo::All).unwrap();
        assert_eq!(many.heap_bytes, 0);
    }
}
