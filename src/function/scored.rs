//! Rows with scores as columns of a partial state: the scores, and the weights where rows have them.

use arrow::array::{ArrayRef, ArrowPrimitiveType};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;

use super::call::ScoreType;
use super::lists::{list_type, lists_of, slices};
use crate::metric::{Factor, Scored};

/// Rows with scores of that type.
pub(super) type Rows<S, W> = Vec<Scored<<S as ArrowPrimitiveType>::Native, W>>;

/// The types of the columns.
pub(super) fn column_types<S: ScoreType, W: Factor>() -> Vec<DataType> {
    let scores = list_type(&S::DATA_TYPE);
    match W::CARRIED {
        true => vec![scores, list_type(&DataType::Float64)],
        false => vec![scores],
    }
}

/// These columns, a row for each vector.
pub(super) fn columns<S: ScoreType, W: Factor>(groups: Vec<Rows<S, W>>) -> Result<Vec<ArrayRef>> {
    let weights = groups
        .iter()
        .map(|rows| rows.iter().map(|row| row.weight.get()).collect());
    let weights = W::CARRIED
        .then(|| lists_of::<Float64Type>(weights))
        .transpose()?;
    let groups = groups.into_iter();
    let scores = groups.map(|rows| rows.into_iter().map(|row| row.score).collect());
    let scores = lists_of::<S>(scores)?;
    Ok([scores].into_iter().chain(weights).collect())
}

/// The rows of each vector that [`columns`] was given.
pub(super) fn rows<S: ScoreType, W: Factor>(
    columns: &[ArrayRef],
) -> Result<impl Iterator<Item = impl ExactSizeIterator<Item = Scored<S::Native, W>>>> {
    let mut weights = columns.get(1).map(slices::<Float64Type>).transpose()?;
    Ok(slices::<S>(&columns[0])?.map(move |scores| {
        let weights = weights.as_mut().and_then(Iterator::next);
        let scores = scores.iter().enumerate();
        scores.map(move |(row, &score)| {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            Scored::new(score, weight, 1.0)
        })
    }))
}
