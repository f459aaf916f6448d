//! Tuples of labels, drawn as the training rows have them, and the conditions of rows to draw.

use tch::Tensor;

use super::{Layout, tensor};
use crate::error::Result;
use crate::feature::table::{Allowed, Coded};
use crate::layer::{Init, Path};
use crate::random::Draws;

/// How often each tuple was seen together with each slot.
pub struct Tuples {
    counts: Vec<f32>, // [T, W]
    width: usize,
}

/// What is known of rows before they are drawn.
pub struct Conditioned {
    /// Positions among all slots, `[B, U]` i64; of units that are not given they say nothing.
    pub ids: Tensor,
    /// 1 for units that are given, `[B, U]`; the tuple always is.
    pub given: Tensor,
}

impl Tuples {
    /// Counts coded rows.
    pub fn count(layout: &Layout, coded: &Coded) -> Self {
        let width = layout.width() as usize;
        let mut counts = vec![0.; layout.tuples() as usize * width];
        if !counts.is_empty() {
            for (unit, slots) in coded.slots.iter().enumerate() {
                let offset = layout.offset(unit) as usize;
                for (tuple, slot) in coded.slots[0].iter().zip(slots) {
                    counts[*tuple as usize * width + offset + *slot as usize] += 1.;
                }
            }
        }
        Self { counts, width }
    }

    /// Reads stored counts.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn load(layout: &Layout, path: &Path) -> Result<Self> {
        let shape = [layout.tuples(), layout.width()];
        let counts = path.weight("counts", &shape, Init::Zeros)?;
        Ok(Self {
            counts: Vec::<f32>::try_from(counts.f_flatten(0, -1)?)?,
            width: layout.width() as usize,
        })
    }

    /// What is stored.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn store(&self, layout: &Layout) -> Result<(String, Tensor)> {
        let counts = tensor(&self.counts, &[layout.tuples(), layout.width()])?;
        Ok(("tuples/counts".into(), counts))
    }

    /// Conditions of `rows` rows: a tuple each, by how often it was seen, alone or with the values asked
    /// for; with several of these as if they were independent given the tuple.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn conditions(
        &self,
        layout: &Layout,
        rows: usize,
        allowed: &Allowed,
        draws: &mut Draws,
    ) -> Result<Conditioned> {
        let units = layout.units();
        let fixed: Vec<Option<i64>> = (0..units)
            .map(|unit| {
                let slots = allowed.slots.get(unit).and_then(Option::as_ref)?;
                let drawn = layout.drawn().contains(&unit);
                drawn.then(|| layout.offset(unit) + i64::from(slots[0]))
            })
            .collect();
        let sums = self.sums(layout, &fixed, allowed);
        let (mut ids, mut given) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            for (unit, fixed) in fixed.iter().enumerate() {
                let tuple = !layout.drawn().contains(&unit);
                ids.push(match fixed {
                    Some(id) => *id,
                    None if tuple => draws.by_sums(&sums) as i64,
                    None => layout.offset(unit),
                });
                given.push(f32::from(u8::from(tuple || fixed.is_some())));
            }
        }
        let shape = [rows as i64, units as i64];
        Ok(Conditioned {
            ids: Tensor::f_from_slice(&ids)?.f_view(shape)?,
            given: tensor(&given, &shape)?,
        })
    }

    /// Rising sums of the tuples' chances.
    fn sums(&self, layout: &Layout, fixed: &[Option<i64>], allowed: &Allowed) -> Vec<f64> {
        let among = allowed.slots.first().and_then(Option::as_ref);
        let count = |tuple: usize, id: usize| f64::from(self.counts[tuple * self.width + id]);
        let chance = |tuple: usize, smooth: f64| {
            let own = count(tuple, tuple);
            let shares = fixed
                .iter()
                .flatten()
                .map(|id| (count(tuple, *id as usize) + smooth) / own);
            let possible = among.is_none_or(|among| among.contains(&(tuple as u32)));
            f64::from(u8::from(possible)) * own * shares.product::<f64>()
        };
        let tuples = 0..layout.tuples() as usize;
        let total = |smooth| {
            tuples
                .clone()
                .map(|tuple| chance(tuple, smooth))
                .sum::<f64>()
        };
        // Values that were never seen together: any tuple may have them then.
        let smooth = if total(0.) > 0. { 0. } else { 0.5 };
        let mut sum = 0.;
        let add = |tuple| {
            sum += chance(tuple, smooth);
            sum
        };
        tuples.clone().map(add).collect()
    }
}
