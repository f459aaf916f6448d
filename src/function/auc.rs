//! `auc(label, score)`: exact area under the ROC curve.

use arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::logical_expr::AggregateUDF;

use crate::metric::Score;
use crate::metric::auc::auc_of_classes;

use super::aggregate::{MetricFunction, StateColumn};
use super::lists::{list_type, lists_of, slices};
use super::pairs::{self, Group, Pairs};
use super::parameter::{Parameter, ScoreType};

pub(super) fn function() -> AggregateUDF {
    MetricFunction::udaf(
        "auc",
        &[Parameter::BinaryLabel, Parameter::Score],
        pairs::accumulation::<Auc>(),
        "Area under the ROC curve: the probability that a positive row scores higher than a negative one, ties \
         counting one half. It is exact, and NULL unless both classes are there.",
        "SELECT auc(clicked, p) FROM (VALUES (true, 0.8), (true, 0.5), (false, 0.5), (false, 0.2)) AS t(clicked, p)",
    )
}

struct Auc;

impl Pairs for Auc {
    type Group<S: ScoreType> = Classes<S::Native>;
}

/// The scores of each class: which list a score stands in is its label.
#[derive(Debug, Default)]
pub(super) struct Classes<T> {
    positives: Vec<T>,
    negatives: Vec<T>,
}

impl<S: ScoreType> Group<S> for Classes<S::Native> {
    fn state_columns() -> Vec<StateColumn> {
        let scores = list_type(&S::DATA_TYPE);
        vec![("positives", scores.clone()), ("negatives", scores)]
    }

    fn add(&mut self, label: f64, score: S::Native) {
        let class = if label == 1.0 {
            &mut self.positives
        } else {
            &mut self.negatives
        };
        class.push(score.one_zero());
    }

    fn value(&mut self) -> Option<f64> {
        auc_of_classes(&mut self.positives, &mut self.negatives)
    }

    fn heap_bytes(&self) -> usize {
        (self.positives.capacity() + self.negatives.capacity()) * size_of::<S::Native>()
    }

    fn state(groups: Vec<Self>) -> Result<Vec<ArrayRef>> {
        let (positives, negatives): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .map(|group| (group.positives, group.negatives))
            .unzip();
        Ok(vec![
            lists_of::<S>(positives.into_iter())?,
            lists_of::<S>(negatives.into_iter())?,
        ])
    }

    fn merge(groups: &mut [Self], places: &[usize], state: &[ArrayRef]) -> Result<usize> {
        let mut grown = 0;
        let positives = slices::<S>(&state[0])?;
        let negatives = slices::<S>(&state[1])?;
        for (&place, (positives, negatives)) in places.iter().zip(positives.zip(negatives)) {
            let group = &mut groups[place];
            let before = Group::<S>::heap_bytes(group);
            group.positives.extend_from_slice(positives);
            group.negatives.extend_from_slice(negatives);
            grown += Group::<S>::heap_bytes(group) - before;
        }
        Ok(grown)
    }
}
