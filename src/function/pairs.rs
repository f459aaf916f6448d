//! Accumulators of metrics over pairs of label and score, for one group and for many.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::aggregate::{Accumulation, StateColumn};
use super::parameter::{Call, ScoreType};

/// A metric over pairs, whatever the type of its scores.
pub(super) trait Pairs: 'static {
    /// The state of one group whose scores are of this type.
    type Group<S: ScoreType>: Group<S>;
}

/// The state of one group.
pub(super) trait Group<S: ScoreType>: Debug + Default + Send + Sync + 'static {
    /// The columns of a partial state.
    fn state_columns() -> Vec<StateColumn>;

    /// Adds a row.
    fn add(&mut self, label: f64, score: S::Native);

    /// The metric of the rows so far; more rows may follow.
    fn value(&mut self) -> Option<f64>;

    /// Bytes held on the heap.
    fn heap_bytes(&self) -> usize;

    /// The state columns, a row for each group.
    fn state(groups: Vec<Self>) -> Result<Vec<ArrayRef>>;

    /// Adds row i of the state columns to the group with number `places[i]`; returns by how much `heap_bytes` grew.
    fn merge(groups: &mut [Self], places: &[usize], state: &[ArrayRef]) -> Result<usize>;
}

/// The accumulators of a metric over pairs.
pub(super) fn accumulation<P: Pairs>() -> Accumulation {
    Accumulation {
        result: DataType::Float64,
        state: |call, types| match types[call.label_at() + 1] {
            DataType::Float32 => P::Group::<Float32Type>::state_columns(),
            _ => P::Group::<Float64Type>::state_columns(),
        },
        one: |call, args| {
            Ok(match score_type(call, args) {
                DataType::Float32 => Box::new(One::<Float32Type, P::Group<_>>::new(call)),
                _ => Box::new(One::<Float64Type, P::Group<_>>::new(call)),
            })
        },
        many: Some(|call, args| {
            Ok(match score_type(call, args) {
                DataType::Float32 => Box::new(Many::<Float32Type, P::Group<_>>::new(call)),
                _ => Box::new(Many::<Float64Type, P::Group<_>>::new(call)),
            })
        }),
    }
}

/// The type of the scores, after the casts of [`Call::casts`].
pub(super) fn score_type<'a>(call: Call, args: &'a AccumulatorArgs) -> &'a DataType {
    args.expr_fields[call.label_at() + 1].data_type()
}

/// All rows as one group.
#[derive(Debug)]
struct One<S, G> {
    call: Call,
    group: G,
    score_type: PhantomData<S>,
}

impl<S: ScoreType, G: Group<S>> One<S, G> {
    fn new(call: Call) -> Self {
        Self {
            call,
            group: G::default(),
            score_type: PhantomData,
        }
    }
}

impl<S: ScoreType, G: Group<S>> Accumulator for One<S, G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let group = &mut self.group;
        self.call
            .for_each_row::<S>(values, None, |_, label, score| group.add(label, score))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.group.value()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.group.heap_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        G::state(vec![std::mem::take(&mut self.group)])?
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let places = vec![0; states[0].len()];
        G::merge(std::slice::from_mut(&mut self.group), &places, states)?;
        Ok(())
    }
}

/// A state per group of GROUP BY.
struct Many<S, G> {
    call: Call,
    groups: Vec<G>,
    heap_bytes: usize,
    score_type: PhantomData<S>,
}

impl<S: ScoreType, G: Group<S>> Many<S, G> {
    fn new(call: Call) -> Self {
        Self {
            call,
            groups: Vec::new(),
            heap_bytes: 0,
            score_type: PhantomData,
        }
    }

    fn emit(&mut self, emit_to: EmitTo) -> Vec<G> {
        let groups = emit_to.take_needed(&mut self.groups);
        self.heap_bytes -= groups.iter().map(G::heap_bytes).sum::<usize>();
        groups
    }
}

impl<S: ScoreType, G: Group<S>> GroupsAccumulator for Many<S, G> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, G::default);
        let (groups, heap_bytes) = (&mut self.groups, &mut self.heap_bytes);
        self.call
            .for_each_row::<S>(values, opt_filter, |row, label, score| {
                let group = &mut groups[group_indices[row]];
                let before = group.heap_bytes();
                group.add(label, score);
                *heap_bytes += group.heap_bytes() - before;
            })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut groups = self.emit(emit_to);
        let values: Float64Array = groups.iter_mut().map(G::value).collect();
        Ok(Arc::new(values))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        G::state(self.emit(emit_to))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, G::default);
        self.heap_bytes += G::merge(&mut self.groups, group_indices, values)?;
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut rows: Vec<G> = std::iter::repeat_with(G::default)
            .take(values[0].len())
            .collect();
        self.call
            .for_each_row::<S>(values, opt_filter, |row, label, score| {
                rows[row].add(label, score);
            })?;
        G::state(rows)
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<G>() + self.heap_bytes
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, BooleanArray, Float32Array};

    use super::super::auc::Classes;
    use super::super::parameter::Parameter;
    use super::*;

    const CALL: Call = Call {
        name: "auc",
        parameters: &[Parameter::BinaryLabel, Parameter::Score],
    };

    type ManyAuc = Many<Float32Type, Classes<f32>>;

    fn many() -> ManyAuc {
        let mut many = ManyAuc::new(CALL);
        let labels = Arc::new(BooleanArray::from(vec![true, false, true, false, false]));
        let scores = Arc::new(Float32Array::from(vec![0.9, 0.1, 0.2, 0.2, 0.3]));
        many.update_batch(&[labels, scores], &[0, 0, 2, 2, 1], None, 3)
            .unwrap();
        many
    }

    fn values(column: ArrayRef) -> Vec<Option<f64>> {
        column.as_primitive::<Float64Type>().iter().collect()
    }

    #[test]
    fn emits_the_first_groups_and_keeps_the_others() {
        let mut many = many();
        let first = many.evaluate(EmitTo::First(1)).unwrap();
        assert_eq!(values(first), [Some(1.0)]);
        let rest = many.evaluate(EmitTo::All).unwrap();
        assert_eq!(values(rest), [None, Some(0.5)]);
    }

    #[test]
    fn a_state_in_parts_merges_to_the_same() {
        let mut from = many();
        let first = from.state(EmitTo::First(2)).unwrap();
        let second = from.state(EmitTo::All).unwrap();
        let mut into = ManyAuc::new(CALL);
        into.merge_batch(&second, &[1], 2).unwrap();
        into.merge_batch(&first, &[2, 0], 3).unwrap();
        assert_eq!(
            values(into.evaluate(EmitTo::All).unwrap()),
            [None, Some(0.5), Some(1.0)]
        );
    }

    #[test]
    fn counts_the_memory_of_its_groups_and_lets_go_of_it() {
        let mut many = many();
        fn held(many: &ManyAuc) -> usize {
            let groups = many.groups.iter();
            groups.map(Group::<Float32Type>::heap_bytes).sum()
        }
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
