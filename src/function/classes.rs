//! State of metrics over classes, which are values of any scalar type: numbered once for all groups, and counted in each.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use datafusion::common::cast::as_large_list_array;
use hashbrown::HashMap;

use super::accumulator::{Places, States};
use super::aggregate::StateColumn;
use super::call::{Call, each_valid};
use super::distinct::Distinct;
use super::lists::{list_type, lists, slices};
use crate::metric::{ClassCount, OfClasses};

/// The state of the metric for arguments of these types.
pub(super) fn states(call: Call, value: OfClasses, types: &[DataType]) -> Result<Box<dyn States>> {
    Ok(Box::new(Counted::new(call, value, &types[0])?))
}

/// The classes of one group by their numbers.
type Counts = HashMap<usize, ClassCount>;

/// Counts per group.
struct Counted {
    call: Call,
    value: OfClasses,
    class_type: DataType,
    known: Distinct,
    groups: Vec<Counts>,
    /// Bytes that the counts hold on the heap.
    heap_bytes: usize,
    /// Numbers of the labels and of the predictions of one batch.
    numbers: [Vec<usize>; 2],
}

impl Counted {
    fn new(call: Call, value: OfClasses, class_type: &DataType) -> Result<Self> {
        Ok(Self {
            call,
            value,
            class_type: class_type.clone(),
            known: Distinct::new(class_type)?,
            groups: Vec::new(),
            heap_bytes: 0,
            numbers: Default::default(),
        })
    }

    /// Takes out the first groups.
    fn first(&mut self, groups: usize) -> Vec<Counts> {
        let others = self.groups.split_off(groups);
        let groups = std::mem::replace(&mut self.groups, others);
        self.heap_bytes -= groups.iter().map(Counts::allocation_size).sum::<usize>();
        groups
    }
}

impl States for Counted {
    fn columns(&self) -> Vec<StateColumn> {
        vec![
            ("classes", list_type(&self.class_type)),
            ("counts", list_type(&DataType::Float64)),
        ]
    }

    fn fresh(&self) -> Result<Box<dyn States>> {
        Ok(Box::new(Self::new(
            self.call,
            self.value,
            &self.class_type,
        )?))
    }

    fn len(&self) -> usize {
        self.groups.len()
    }

    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, Counts::new);
    }

    fn add(
        &mut self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        places: Places,
    ) -> Result<()> {
        for (values, numbers) in values.iter().zip(&mut self.numbers) {
            self.known.number(values, numbers)?;
        }
        let weights = self.call.weights(values)?;
        let [labels, predicted] = &self.numbers;
        let (groups, heap_bytes) = (&mut self.groups, &mut self.heap_bytes);
        each_valid(labels.len(), self.call.valid_rows(values, filter), |row| {
            let weight = weights.of(row)?;
            let counts = &mut groups[places.of(row)];
            let before = counts.allocation_size();
            let hit = labels[row] == predicted[row];
            let label = counts.entry(labels[row]).or_default();
            label.labels += weight;
            label.hits += if hit { weight } else { 0.0 };
            counts.entry(predicted[row]).or_default().predicted += weight;
            *heap_bytes += counts.allocation_size() - before;
            Ok(())
        })
    }

    fn value(&mut self, group: usize) -> Option<f64> {
        (self.value)(&mut self.groups[group].values().copied())
    }

    fn forget(&mut self, groups: usize) {
        self.first(groups);
    }

    fn take(&mut self, groups: usize) -> Result<Vec<ArrayRef>> {
        let groups = self.first(groups);
        let known = self.known.take()?;
        if !self.groups.is_empty() {
            // They get the numbers that they had.
            self.known.number(&known, &mut self.numbers[0])?;
        }
        let classes = || groups.iter().flatten();
        let numbers = UInt64Array::from_iter_values(classes().map(|(number, _)| *number as u64));
        let counts = classes().flat_map(|(_, class)| [class.labels, class.predicted, class.hits]);
        let counts = Arc::new(Float64Array::from_iter_values(counts));
        Ok(vec![
            lists(
                take(&known, &numbers, None)?,
                groups.iter().map(|g| g.len()),
            )?,
            lists(counts, groups.iter().map(|g| 3 * g.len()))?,
        ])
    }

    fn merge(&mut self, state: &[ArrayRef], places: Places) -> Result<()> {
        let classes = as_large_list_array(&state[0])?;
        let counts = slices::<Float64Type>(&state[1])?;
        let [numbers, _] = &mut self.numbers;
        self.known.number(classes.values(), numbers)?;
        let ends = classes.offsets().windows(2);
        for (row, (ends, counts)) in ends.zip(counts).enumerate() {
            let group = &mut self.groups[places.of(row)];
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

    fn bytes(&self) -> usize {
        let numbers: usize = self.numbers.iter().map(Vec::capacity).sum();
        size_of_val(self)
            + self.known.bytes()
            + self.groups.capacity() * size_of::<Counts>()
            + self.heap_bytes
            + numbers * size_of::<usize>()
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted")
            .field("call", &self.call)
            .field("class_type", &self.class_type)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, StringArray};
    use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

    use super::super::accumulator::Many;
    use super::*;
    use crate::metric::{self, Kind};

    fn counted(name: &str) -> Counted {
        let metric = metric::named(name).unwrap();
        let Kind::Classes(value) = metric.kind else {
            panic!("{name} is not over classes");
        };
        let mut states = Counted::new(Call(metric), value, &DataType::Utf8).unwrap();
        states.grow(3);
        let labels = Arc::new(StringArray::from(vec!["a", "b", "c", "a", "d"]));
        let predicted = Arc::new(StringArray::from(vec!["a", "a", "c", "c", "c"]));
        let places = Places::Of(&[0, 0, 2, 2, 1]);
        states.add(&[labels, predicted], None, places).unwrap();
        states
    }

    fn many(name: &str) -> Many {
        Many::new(Box::new(counted(name)))
    }

    fn values(column: ArrayRef) -> Vec<Option<f64>> {
        column.as_primitive::<Float64Type>().iter().collect()
    }

    #[test]
    fn emits_the_first_groups_and_keeps_the_others() {
        let mut many = many("accuracy");
        let first = many.evaluate(EmitTo::First(1)).unwrap();
        assert_eq!(values(first), [Some(0.5)]);
        let rest = many.evaluate(EmitTo::All).unwrap();
        assert_eq!(values(rest), [Some(0.0), Some(0.5)]);
    }

    #[test]
    fn a_state_in_parts_merges_to_the_same() {
        let whole = values(many("macro_f1").evaluate(EmitTo::All).unwrap());
        let mut from = many("macro_f1");
        let first = from.state(EmitTo::First(2)).unwrap();
        let second = from.state(EmitTo::All).unwrap();
        let mut into = many("macro_f1");
        into.evaluate(EmitTo::All).unwrap();
        into.merge_batch(&second, &[1], 2).unwrap();
        into.merge_batch(&first, &[2, 0], 3).unwrap();
        let merged = values(into.evaluate(EmitTo::All).unwrap());
        assert_eq!(merged, [whole[1], whole[2], whole[0]]);
    }

    #[test]
    fn counts_the_memory_of_its_groups_and_lets_go_of_it() {
        let held = |states: &Counted| -> usize {
            let groups = states.groups.iter();
            groups.map(Counts::allocation_size).sum()
        };
        let mut states = counted("accuracy");
        assert!(states.heap_bytes > 0);
        assert_eq!(states.heap_bytes, held(&states));
        let state = states.take(1).unwrap();
        assert_eq!(states.heap_bytes, held(&states));
        states.merge(&state, Places::First).unwrap();
        assert_eq!(states.heap_bytes, held(&states));
        states.take(2).unwrap();
        assert_eq!(states.heap_bytes, 0);
    }
}
