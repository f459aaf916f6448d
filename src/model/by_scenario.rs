//! The rows of a batch, put in the order of their scenarios, for what every scenario has of its own.
//!
//! Shapes: B rows, M scenarios that training has seen, P scenarios that a batch has rows of.

use tch::{Device, Kind, Tensor};

use super::Input;
use crate::error::{Error, Result};

/// Rows scenario by scenario. What is computed for a scenario runs once over its rows, so that only
/// scenarios that have rows cost anything.
pub struct ByScenario {
    order: Tensor, // [B], the row at each place
    back: Tensor,  // [B], the place of each row
    sizes: Vec<i64>,
    /// The ids of the scenarios that have rows, rising: P of them.
    pub ids: Vec<i64>,
    /// `[B]`: the id at each place.
    pub id: Tensor,
}

impl ByScenario {
    /// Of a batch whose scenarios have ids below `count`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn new(input: &Input, count: i64) -> Result<Self> {
        let scenario = input
            .scenario
            .as_ref()
            .ok_or_else(|| Error::internal("rows without a scenario"))?;
        let order = scenario.f_argsort_stable(true, 0, false)?;
        let rows = scenario.f_bincount(None::<&Tensor>, count)?;
        let rows = Vec::<i64>::try_from(rows.f_to_device(Device::Cpu)?)?;
        let present = rows.iter().zip(0..).filter(|(rows, _)| **rows > 0);
        let (sizes, ids) = present.map(|(&rows, id)| (rows, id)).unzip();
        Ok(Self {
            back: order.f_argsort(0, false)?,
            id: scenario.f_index_select(0, &order)?,
            order,
            sizes,
            ids,
        })
    }

    /// Brings the rows, which lie along `dim`, into the order of scenarios.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn sort(&self, x: &Tensor, dim: i64) -> Result<Tensor> {
        Ok(x.f_index_select(dim, &self.order)?)
    }

    /// Brings the rows back into the batch's order.
    ///
    /// # Errors
    /// As [`ByScenario::sort`].
    pub fn restore(&self, x: &Tensor, dim: i64) -> Result<Tensor> {
        Ok(x.f_index_select(dim, &self.back)?)
    }

    /// What `f` makes of each scenario's rows, side by side again. Rows lie along `from` in `x`, which is
    /// in the order of scenarios, and along `to` in the results; `f` gets the place of a scenario among
    /// [`ByScenario::ids`] as well.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn each(
        &self,
        x: &Tensor,
        from: i64,
        to: i64,
        f: impl Fn(usize, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let parts = x.f_split_with_sizes(&self.sizes[..], from)?.into_iter();
        let parts = parts.enumerate().map(|(place, rows)| f(place, &rows));
        Ok(Tensor::f_cat(&parts.collect::<Result<Vec<_>>>()?, to)?)
    }
}

/// The scenarios, by their places from 0, that stand for one that training has not seen: those of values,
/// where there are any beside NULL.
pub fn known(scenarios: usize) -> std::ops::Range<usize> {
    usize::from(scenarios > 1)..scenarios
}

/// The mean over those that stand for an unseen scenario.
///
/// # Errors
/// `Torch` when the device has no memory left.
pub fn mean(of_scenarios: &[Tensor]) -> Result<Tensor> {
    let known = &of_scenarios[known(of_scenarios.len())];
    Ok(Tensor::f_stack(known, 0)?.f_mean_dim(0, false, Kind::Float)?)
}

/// `[1 + M, ..]`, by scenario ids, of the `[M, ..]` that every scenario has of its own: for an unseen one
/// the mean.
///
/// # Errors
/// `Torch` when the device has no memory left.
pub fn with_unseen(own: &Tensor) -> Result<Tensor> {
    let known = known(own.size()[0] as usize);
    let mean = own
        .f_narrow(0, known.start as i64, known.len() as i64)?
        .f_mean_dim(0, true, own.kind())?;
    Ok(Tensor::f_cat(&[&mean, own], 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_through_their_scenario_and_back() {
        let flat = Tensor::from_slice(&[10f32, 20., 30., 40., 50.]).view([5, 1]);
        let input = Input {
            embedded: flat.shallow_clone(),
            flat,
            own: vec![],
            lists: vec![],
            width: 1,
            scenario: Some(Tensor::from_slice(&[3i64, 0, 3, 1, 0])),
        };
        let rows = ByScenario::new(&input, 5).unwrap();
        assert_eq!(rows.ids, [0, 1, 3]);
        let sorted = rows.sort(&input.flat, 0).unwrap();
        let changed = rows.each(&sorted, 0, 0, |place, x| Ok(x + place as f64));
        let back = rows.restore(&changed.unwrap(), 0).unwrap();
        let back = Vec::<f32>::try_from(back.flatten(0, -1)).unwrap();
        assert_eq!(back, [12., 20., 32., 41., 50.]);
        assert_eq!(Vec::<i64>::try_from(&rows.id).unwrap(), [0, 0, 1, 3, 3]);
    }

    /// NULL stands for the unseen only where there is nothing else.
    #[test]
    fn an_unseen_scenario_is_the_mean_of_those_of_values() {
        let values = |own: &[f32]| {
            let own = Tensor::from_slice(own);
            Vec::<f32>::try_from(with_unseen(&own).unwrap()).unwrap()
        };
        assert_eq!(values(&[9., 1., 3.]), [2., 9., 1., 3.]);
        assert_eq!(values(&[9.]), [9., 9.]);
    }
}
