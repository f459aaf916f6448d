//! The columns that scoring adds, and how they come from what a network gives.
//!
//! Shapes: B rows, K classes.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};

use crate::error::Result;
use crate::feature::{Classes, Target, TaskKind};
use crate::train::likeliest;

/// A column that scoring adds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputColumn {
    /// The column's name.
    pub name: String,
    /// Position of the task that it belongs to.
    pub task: usize,
    /// What it says of the task.
    pub part: Part,
    /// The column's type.
    pub data_type: DataType,
}

/// What an output says of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The probability of a binary label being 1, FLOAT.
    Probability,
    /// The likeliest class, in the label's type; or the number, DOUBLE.
    Predicted,
    /// Every class with its probability: LIST of STRUCT(label, prob), in the order of the labels.
    Probabilities,
}

impl OutputColumn {
    const MISSING: usize = usize::MAX;

    /// A column of this name that the model does not have.
    pub fn missing(&self) -> Self {
        Self {
            task: Self::MISSING,
            ..self.clone()
        }
    }

    /// Whether the model does not have it.
    pub fn is_missing(&self) -> bool {
        self.task == Self::MISSING
    }
}

/// The columns of a task.
///
/// # Errors
/// `Execution` when the label's type is not known.
pub fn outputs(task: usize, name: &str, kind: &TaskKind) -> Result<Vec<OutputColumn>> {
    let column = |prefix: &str, part| {
        Ok(OutputColumn {
            name: format!("{prefix}_{name}"),
            task,
            part,
            data_type: data_type(part, kind)?,
        })
    };
    let columns = match kind {
        TaskKind::Binary => vec![column("p", Part::Probability)],
        TaskKind::MultiClass(_) => vec![
            column("predicted", Part::Predicted),
            column("probs", Part::Probabilities),
        ],
        TaskKind::Regression(_) => vec![column("predicted", Part::Predicted)],
    };
    columns.into_iter().collect()
}

fn data_type(part: Part, kind: &TaskKind) -> Result<DataType> {
    Ok(match (part, kind) {
        (Part::Predicted, TaskKind::MultiClass(classes)) => classes.data_type()?,
        (Part::Predicted, _) => DataType::Float64,
        (Part::Probabilities, TaskKind::MultiClass(classes)) => {
            DataType::List(item(classes.data_type()?))
        }
        _ => DataType::Float32,
    })
}

/// An item of a list of probabilities.
fn item(label: DataType) -> FieldRef {
    let fields = vec![
        Field::new("label", label, false),
        Field::new("prob", DataType::Float32, false),
    ];
    Arc::new(Field::new_list_field(
        DataType::Struct(fields.into()),
        false,
    ))
}

/// A column from what the network gives for its task: probabilities, `[B]` or `[B, K]`, or standardised
/// numbers, `[B]`.
///
/// # Errors
/// `Arrow` when the classes are no values of the label's type.
pub fn column(part: Part, kind: &TaskKind, values: &[f32]) -> Result<ArrayRef> {
    match (part, kind) {
        (Part::Predicted, TaskKind::MultiClass(classes)) => predicted(classes, values),
        (Part::Predicted, TaskKind::Regression(target)) => Ok(numbers(target, values)),
        (Part::Probabilities, TaskKind::MultiClass(classes)) => probabilities(classes, values),
        _ => Ok(Arc::new(Float32Array::from(values.to_vec()))),
    }
}

fn predicted(classes: &Classes, values: &[f32]) -> Result<ArrayRef> {
    let rows = values.chunks_exact(classes.values.len());
    let likeliest: UInt32Array = rows.map(|row| likeliest(row) as u32).collect();
    Ok(take(&classes.array()?, &likeliest, None)?)
}

fn numbers(target: &Target, values: &[f32]) -> ArrayRef {
    let values: Float64Array = values.iter().map(|&v| Some(target.restore(v))).collect();
    Arc::new(values)
}

fn probabilities(classes: &Classes, values: &[f32]) -> Result<ArrayRef> {
    let count = classes.values.len();
    let rows = values.len() / count.max(1);
    let places: UInt32Array = (0..rows).flat_map(|_| 0..count as u32).collect();
    let labels = take(&classes.array()?, &places, None)?;
    let item = item(classes.data_type()?);
    let fields = match item.data_type() {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    };
    let probs: ArrayRef = Arc::new(Float32Array::from(values.to_vec()));
    let pairs = StructArray::try_new(fields, vec![labels, probs], None)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(count, rows));
    Ok(Arc::new(ListArray::try_new(
        item,
        offsets,
        Arc::new(pairs),
        None,
    )?))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int64Type};

    use super::*;
    use crate::feature::Scale;

    #[test]
    fn classes_come_in_the_type_of_the_label() {
        let kind = TaskKind::MultiClass(Classes {
            data_type: "Int64".into(),
            values: vec!["-2".into(), "5".into(), "10".into()],
        });
        let values = [0.2, 0.5, 0.3, 0.4, 0.2, 0.4];
        let found = column(Part::Predicted, &kind, &values).unwrap();
        assert_eq!(found.as_primitive::<Int64Type>().values()[..], [5, -2]);
        let found = column(Part::Probabilities, &kind, &values).unwrap();
        assert_eq!(
            *found.data_type(),
            data_type(Part::Probabilities, &kind).unwrap()
        );
        let second = found.as_list::<i32>().value(1);
        let labels = second.as_struct().column(0).clone();
        assert_eq!(labels.as_primitive::<Int64Type>().values()[..], [-2, 5, 10]);
    }

    #[test]
    fn numbers_come_back_in_their_own_units() {
        let scale = Scale {
            mean: 2.,
            factor: 0.5,
        };
        let kind = |log| TaskKind::Regression(Target { log, scale });
        let found = column(Part::Predicted, &kind(false), &[-1., 0.5]).unwrap();
        assert_eq!(found.as_primitive::<Float64Type>().values()[..], [0., 3.]);
        let found = column(Part::Predicted, &kind(true), &[-1.]).unwrap();
        assert_eq!(found.as_primitive::<Float64Type>().values()[..], [0.]);
    }
}
