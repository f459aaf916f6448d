//! State of metrics of the order of rows by score: the rows of each class, for each group.

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::Result;

use super::accumulator::{Places, States};
use super::aggregate::StateColumn;
use super::call::{Call, ScoreType};
use super::scored::{self, Rows};
use crate::metric::{Factor, Gain, Ranking, Scored, is_positive, of_classes};

type Value = fn(&mut dyn Ranking) -> Option<f64>;

/// The state of the metric for arguments of these types.
pub(super) fn states(call: Call, value: Value, types: &[DataType]) -> Box<dyn States> {
    match (call.score_type(types), call.has_weights(types)) {
        (DataType::Float32, false) => Box::new(Ranked::<Float32Type, ()>::new(call, value)),
        (DataType::Float32, true) => Box::new(Ranked::<Float32Type, f64>::new(call, value)),
        (_, false) => Box::new(Ranked::<Float64Type, ()>::new(call, value)),
        (_, true) => Box::new(Ranked::<Float64Type, f64>::new(call, value)),
    }
}

/// The rows of each group.
#[derive(Debug)]
struct Ranked<S: ScoreType, W: Factor> {
    call: Call,
    value: Value,
    groups: Vec<Classes<S, W>>,
    /// Bytes that the groups hold on the heap.
    heap_bytes: usize,
}

/// The rows of each class: in which of the two a row stands is its label.
#[derive(Debug)]
struct Classes<S: ScoreType, W: Factor> {
    positives: Rows<S, W>,
    negatives: Rows<S, W>,
}

impl<S: ScoreType, W: Factor> Default for Classes<S, W> {
    fn default() -> Self {
        Self {
            positives: Vec::new(),
            negatives: Vec::new(),
        }
    }
}

impl<S: ScoreType, W: Factor> Classes<S, W> {
    fn heap_bytes(&self) -> usize {
        let rows = self.positives.capacity() + self.negatives.capacity();
        rows * size_of::<Scored<S::Native, W>>()
    }
}

impl<S: ScoreType, W: Factor> Ranked<S, W> {
    fn new(call: Call, value: Value) -> Self {
        Self {
            call,
            value,
            groups: Vec::new(),
            heap_bytes: 0,
        }
    }

    /// Takes out the first groups.
    fn first(&mut self, groups: usize) -> Vec<Classes<S, W>> {
        let others = self.groups.split_off(groups);
        let groups = std::mem::replace(&mut self.groups, others);
        self.heap_bytes -= groups.iter().map(Classes::heap_bytes).sum::<usize>();
        groups
    }
}

impl<S: ScoreType, W: Factor> States for Ranked<S, W> {
    fn columns(&self) -> Vec<StateColumn> {
        let types = scored::column_types::<S, W>();
        let positives = ["positives", "positive_weights"];
        let negatives = ["negatives", "negative_weights"];
        let of = |names: [&'static str; 2]| names.into_iter().zip(types.clone());
        of(positives).chain(of(negatives)).collect()
    }

    fn fresh(&self) -> Result<Box<dyn States>> {
        Ok(Box::new(Self::new(self.call, self.value)))
    }

    fn len(&self) -> usize {
        self.groups.len()
    }

    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, Classes::default);
    }

    fn add(
        &mut self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        places: Places,
    ) -> Result<()> {
        let (groups, heap_bytes) = (&mut self.groups, &mut self.heap_bytes);
        let visit = |row, label, score, weight| {
            let group = &mut groups[places.of(row)];
            let before = group.heap_bytes();
            let class = match is_positive(label) {
                true => &mut group.positives,
                false => &mut group.negatives,
            };
            class.push(Scored::new(score, weight, 1.0));
            *heap_bytes += group.heap_bytes() - before;
        };
        self.call
            .for_each_row::<S>(values, filter, Gain::default(), visit)
    }

    fn value(&mut self, group: usize) -> Option<f64> {
        let group = &mut self.groups[group];
        of_classes(&mut group.positives, &mut group.negatives, self.value)
    }

    fn forget(&mut self, groups: usize) {
        self.first(groups);
    }

    fn take(&mut self, groups: usize) -> Result<Vec<ArrayRef>> {
        let groups = self.first(groups).into_iter();
        let (positives, negatives) = groups.map(|g| (g.positives, g.negatives)).unzip();
        let positives = scored::columns::<S, W>(positives)?;
        let negatives = scored::columns::<S, W>(negatives)?;
        Ok(positives.into_iter().chain(negatives).collect())
    }

    fn merge(&mut self, state: &[ArrayRef], places: Places) -> Result<()> {
        let (positives, negatives) = state.split_at(state.len() / 2);
        let positives = scored::rows::<S, W>(positives)?;
        let negatives = scored::rows::<S, W>(negatives)?;
        for (row, (positives, negatives)) in positives.zip(negatives).enumerate() {
            let group = &mut self.groups[places.of(row)];
            let before = group.heap_bytes();
            group.positives.extend(positives);
            group.negatives.extend(negatives);
            self.heap_bytes += group.heap_bytes() - before;
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.groups.capacity() * size_of::<Classes<S, W>>() + self.heap_bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Float32Array, Float64Array};
    use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

    use super::super::accumulator::Many;
    use super::*;
    use crate::metric::{self, Kind};

    fn ranked<W: Factor>() -> Ranked<Float32Type, W> {
        let auc = metric::named("auc").unwrap();
        let Kind::Ranking(value) = auc.kind else {
            panic!("auc is no ranking");
        };
        let mut states = Ranked::new(Call(auc), value);
        states.grow(3);
        let labels = Arc::new(BooleanArray::from(vec![true, false, true, false, false]));
        let scores = Arc::new(Float32Array::from(vec![0.9, 0.1, 0.2, 0.2, 0.3]));
        let weights = Arc::new(Float64Array::from(vec![1.0, 2.0, 0.5, 0.0, 3.0]));
        let values: [ArrayRef; 3] = [labels, scores, weights];
        let given = if W::CARRIED { 3 } else { 2 };
        let places = Places::Of(&[0, 0, 2, 2, 1]);
        states.add(&values[..given], None, places).unwrap();
        states
    }

    fn many() -> Many {
        Many::new(Box::new(ranked::<()>()))
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
        let mut into = many();
        into.evaluate(EmitTo::All).unwrap();
        into.merge_batch(&second, &[1], 2).unwrap();
        into.merge_batch(&first, &[2, 0], 3).unwrap();
        assert_eq!(
            values(into.evaluate(EmitTo::All).unwrap()),
            [None, Some(0.5), Some(1.0)]
        );
    }

    #[test]
    fn counts_the_memory_of_its_groups_and_lets_go_of_it() {
        fn held<W: Factor>(states: &Ranked<Float32Type, W>) -> usize {
            states.groups.iter().map(Classes::heap_bytes).sum()
        }
        fn check<W: Factor>() {
            let mut states = ranked::<W>();
            assert!(states.heap_bytes > 0);
            assert_eq!(states.heap_bytes, held(&states));
            let state = states.take(1).unwrap();
            assert_eq!(states.heap_bytes, held(&states));
            states.merge(&state, Places::First).unwrap();
            assert_eq!(states.heap_bytes, held(&states));
            states.take(2).unwrap();
            assert_eq!(states.heap_bytes, 0);
        }
        check::<()>();
        check::<f64>();
    }
}
