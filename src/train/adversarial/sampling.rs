//! Training by sampling: which rows a step sees, and what of them is given.

use tch::Tensor;

use crate::error::Result;
use crate::feature::table::Coded;
use crate::gan::tabular::{Conditioned, Layout};
use crate::random::Draws;

/// Share of rows that are drawn uniformly and with nothing given but their tuple of labels.
const FREE: f64 = 0.5;

/// Share of the others of which more than one value is given.
const SEVERAL: f64 = 0.5;

/// The rows of a step.
pub struct Batch {
    /// Positions among all slots, `[B, U]` i64.
    pub ids: Tensor,
    /// `[B, U]`.
    pub places: Tensor,
    /// What the generator is told.
    pub given: Conditioned,
}

impl Batch {
    /// The same rows once more, sharing memory.
    pub fn share(&self) -> Self {
        Self {
            ids: self.ids.shallow_clone(),
            places: self.places.shallow_clone(),
            given: Conditioned {
                ids: self.given.ids.shallow_clone(),
                given: self.given.given.shallow_clone(),
            },
        }
    }
}

/// All rows, and where to find those with a value.
pub struct Rows {
    layout: Layout,
    count: usize,
    ids: Tensor,    // [N, U]
    places: Tensor, // [N, U]
    /// Units that can be asked for.
    units: Vec<Askable>,
}

struct Askable {
    unit: usize,
    /// Of each slot the rows that have it.
    rows: Vec<Vec<u32>>,
    /// Rising sums of the logarithms of their counts.
    chances: Vec<f64>,
}

impl Rows {
    /// The first `count` of the coded rows.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn new(layout: &Layout, coded: &Coded, count: usize) -> Result<Self> {
        let shape = [layout.units() as i64, count as i64];
        let (mut ids, mut places) = (Vec::new(), Vec::new());
        for unit in 0..layout.units() {
            let offset = layout.offset(unit);
            let slots = coded.slots[unit][..count].iter();
            ids.extend(slots.map(|slot| offset + i64::from(*slot)));
            match coded.places[unit].get(..count) {
                None => places.extend(std::iter::repeat_n(0f32, count)),
                Some(own) => places.extend(own),
            }
        }
        let by_row = |t: Tensor| t.f_view(shape)?.f_transpose(0, 1)?.f_contiguous();
        let askable = layout
            .drawn()
            .filter(|unit| !layout.spans(*unit).contains(&true));
        let askable = askable.map(|unit| {
            let mut rows = vec![Vec::new(); layout.slots(unit) as usize];
            for (row, slot) in coded.slots[unit][..count].iter().enumerate() {
                rows[*slot as usize].push(row as u32);
            }
            let mut sum = 0.;
            let add = |rows: &Vec<u32>| {
                sum += (1. + rows.len() as f64).ln();
                sum
            };
            let chances = rows.iter().map(add).collect();
            Askable {
                unit,
                rows,
                chances,
            }
        });
        Ok(Self {
            units: askable.collect(),
            ids: by_row(Tensor::f_from_slice(&ids)?)?,
            places: by_row(Tensor::f_from_slice(&places)?)?,
            layout: layout.clone(),
            count,
        })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// `size` rows: half of them uniformly and with nothing given but the tuple, the others each with a
    /// value given that was chosen by the logarithm of its count, and at times more of the row's.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn batch(&self, size: usize, draws: &mut Draws) -> Result<Batch> {
        let width = self.layout.units();
        let mut rows = Vec::with_capacity(size);
        let mut given = vec![0f32; size * width];
        for given in given.chunks_mut(width) {
            given[..self.layout.drawn().start].fill(1.);
            if draws.open_unit() < FREE || self.units.is_empty() {
                rows.push(below(draws, self.count) as i64);
                continue;
            }
            let asked = &self.units[below(draws, self.units.len())];
            let with = &asked.rows[draws.by_sums(&asked.chances)];
            given[asked.unit] = 1.;
            rows.push(match with.len() {
                0 => below(draws, self.count) as i64,
                n => i64::from(with[below(draws, n)]),
            });
            if draws.open_unit() < SEVERAL {
                let share = draws.open_unit();
                for other in &self.units {
                    if draws.open_unit() < share {
                        given[other.unit] = 1.;
                    }
                }
            }
        }
        let rows = Tensor::f_from_slice(&rows)?;
        let ids = self.ids.f_index_select(0, &rows)?;
        Ok(Batch {
            places: self.places.f_index_select(0, &rows)?,
            given: Conditioned {
                ids: ids.shallow_clone(),
                given: Tensor::f_from_slice(&given)?.f_view([size as i64, width as i64])?,
            },
            ids,
        })
    }
}

fn below(draws: &mut Draws, n: usize) -> usize {
    ((draws.open_unit() * n as f64) as usize).min(n - 1)
}
