//! Gaussian copula: every unit of a row is a normal variable cut into its slots, and all of them are
//! correlated. The cheap baseline that a network has to beat.
//! N. Patki et al., "The Synthetic Data Vault", DSAA 2016.
//!
//! Shapes: U units.

use tch::{Device, Tensor};

use super::{Defaults, Design, Makes, RowDesign, TableGenerator};
use crate::error::Result;
use crate::feature::table::{Allowed, Codec, Coded};
use crate::layer::{Init, Params, Path};
use crate::model::Config;
use crate::random::{Draws, quantile, share_below};

/// The list's entry.
pub const DESIGN: Design = Design {
    name: "copula",
    summary: "rows of normal variables that are correlated as the columns are: a cheap baseline",
    paper: "N. Patki et al., \"The Synthetic Data Vault\", DSAA 2016",
    makes: Makes::Rows(RowDesign {
        ordered: true,
        fit: Some(fit),
        build,
    }),
    options: super::COLUMN_OPTIONS,
    defaults: Defaults {
        epochs: 1,
        batch_size: 1,
        learn_rate: 1.,
        hidden_units: &[],
    },
};

/// Keeps the correlations' Cholesky factor finite where a column is a function of others.
const RIDGE: f64 = 1e-4;

/// Rounds of Gibbs sampling where several units have values given.
const SWEEPS: usize = 20;

/// The correlations of the units' normal variables, as a weight.
///
/// What is known of a row's variable is its slot alone, where that is no span: its mean there stands for
/// it, and dividing by the deviations of these means undoes most of what that takes from a correlation.
fn fit(codec: &Codec, coded: &Coded) -> Result<Params> {
    let units = codec.units.len();
    let columns: Vec<Vec<f64>> = (0..units)
        .map(|at| scores(&Cuts::new(codec, at), coded, at))
        .collect();
    let mut correlations = vec![0f32; units * units];
    for a in 0..units {
        for b in 0..units {
            let sum: f64 = columns[a].iter().zip(&columns[b]).map(|(x, y)| x * y).sum();
            let ridge = if a == b { 1. } else { 1. - RIDGE };
            let own = if a == b { 1. } else { sum };
            correlations[a * units + b] = (own * ridge) as f32;
        }
    }
    let tensor = Tensor::f_from_slice(&correlations)?.f_view([units as i64, units as i64])?;
    Params::loaded(vec![("correlations".into(), tensor)], Device::Cpu)
}

/// The normal scores of a unit's rows, with mean 0 and squares that add up to 1; zeros where all rows
/// are the same.
fn scores(cuts: &Cuts, coded: &Coded, unit: usize) -> Vec<f64> {
    let density = |z: f64| (-0.5 * z * z).exp() / (std::f64::consts::TAU).sqrt();
    let mean_of = |slot: usize| {
        let (low, high) = cuts.bounds(slot);
        (density(quantile(low)) - density(quantile(high))) / (high - low).max(f64::MIN_POSITIVE)
    };
    let means: Vec<_> = (0..cuts.sums.len()).map(mean_of).collect();
    let mut scores: Vec<f64> = coded.slots[unit]
        .iter()
        .enumerate()
        .map(|(row, &slot)| match cuts.spans[slot as usize] {
            false => means[slot as usize],
            true => {
                let (low, high) = cuts.bounds(slot as usize);
                let inside = share_below(f64::from(coded.places[unit][row]));
                quantile(low + (high - low) * inside)
            }
        })
        .collect();
    let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    scores.iter_mut().for_each(|score| *score -= mean);
    let length = scores.iter().map(|score| score * score).sum::<f64>().sqrt();
    let factor = if length > 1e-9 { 1. / length } else { 0. };
    scores.iter_mut().for_each(|score| *score *= factor);
    scores
}

/// Where the axis of a unit is cut.
struct Cuts {
    /// The share of rows up to each slot and in it.
    sums: Vec<f64>,
    spans: Vec<bool>,
}

impl Cuts {
    fn new(codec: &Codec, unit: usize) -> Self {
        let counts = &codec.units[unit].counts;
        let total = counts.iter().sum::<u64>().max(1) as f64;
        let mut sum = 0;
        let mut up_to = |count: &u64| {
            sum += count;
            sum as f64 / total
        };
        Self {
            sums: counts.iter().map(&mut up_to).collect(),
            spans: codec.spans(unit),
        }
    }

    /// The shares below a slot, and up to its end.
    fn bounds(&self, slot: usize) -> (f64, f64) {
        let low = slot.checked_sub(1).map_or(0., |before| self.sums[before]);
        (low, self.sums[slot])
    }

    /// The slot at a share, and the place in it.
    fn at(&self, share: f64) -> (u32, f32) {
        let last = self.sums.len() - 1;
        let slot = self.sums.partition_point(|sum| *sum <= share).min(last);
        let place = match self.spans[slot] {
            false => 0.,
            true => {
                let (low, high) = self.bounds(slot);
                quantile((share - low) / (high - low)) as f32
            }
        };
        (slot as u32, place)
    }

    /// A draw of the normal variable with this mean and deviation, in one of the slots.
    fn draw_in(&self, slots: &[u32], mean: f64, std: f64, draws: &mut Draws) -> f64 {
        let inside = |share: f64| share_below((quantile(share) - mean) / std);
        let bounds: Vec<_> = slots
            .iter()
            .map(|slot| {
                let (low, high) = self.bounds(*slot as usize);
                (inside(low), inside(high))
            })
            .collect();
        let mut sum = 0.;
        let sums: Vec<_> = bounds
            .iter()
            .map(|(low, high)| {
                // However unlikely, it is what is asked for.
                sum += (high - low).max(1e-300);
                sum
            })
            .collect();
        let at = draws.by_sums(&sums);
        let ((low, high), (from, to)) = (bounds[at], self.bounds(slots[at] as usize));
        let z = mean + std * quantile(low + (high - low) * draws.open_unit());
        // Rounding must not leave the slot.
        let margin = (to - from) * 1e-6;
        z.clamp(quantile(from + margin), quantile(to - margin))
    }
}

/// The copula, ready to draw.
struct Copula {
    cuts: Vec<Cuts>,
    correlations: Vec<Vec<f64>>,
}

fn build(codec: &Codec, _: &Config, path: &Path) -> Result<Box<dyn TableGenerator>> {
    let units = codec.units.len();
    let size = units as i64;
    let weight = path.weight("correlations", &[size, size], Init::Zeros)?;
    let flat = Vec::<f32>::try_from(weight.f_flatten(0, -1)?)?;
    let rows = flat.chunks(units.max(1));
    Ok(Box::new(Copula {
        cuts: (0..units).map(|at| Cuts::new(codec, at)).collect(),
        correlations: rows
            .map(|row| row.iter().map(|v| f64::from(*v)).collect())
            .collect(),
    }))
}

impl TableGenerator for Copula {
    fn draw(&self, rows: usize, allowed: &Allowed, draws: &mut Draws) -> Result<Coded> {
        let units = self.cuts.len();
        let (given, free): (Vec<_>, Vec<_>) =
            (0..units).partition(|unit| allowed.slots[*unit].is_some());
        let order: Vec<_> = given.iter().chain(&free).copied().collect();
        let matrix = picked(&self.correlations, &order);
        let factor = cholesky(&matrix);
        let precision = inverse(&picked(&self.correlations, &given));
        let mut coded = Coded {
            rows,
            slots: vec![Vec::with_capacity(rows); units],
            places: vec![Vec::with_capacity(rows); units],
        };
        let mut noise = vec![0.; units];
        for _ in 0..rows {
            let fixed = self.given(&given, &precision, allowed, draws);
            for (i, value) in fixed.iter().enumerate() {
                let known: f64 = (0..i).map(|j| factor[i][j] * noise[j]).sum();
                noise[i] = (value - known) / factor[i][i];
            }
            for value in &mut noise[given.len()..] {
                *value = draws.normal();
            }
            for (i, &unit) in order.iter().enumerate() {
                let z: f64 = match fixed.get(i) {
                    Some(z) => *z,
                    None => (0..=i).map(|j| factor[i][j] * noise[j]).sum(),
                };
                let (slot, place) = self.cuts[unit].at(share_below(z));
                coded.slots[unit].push(slot);
                coded.places[unit].push(place);
            }
        }
        Ok(coded)
    }
}

impl Copula {
    /// The variables of the units that have values given, by Gibbs sampling where they are several.
    fn given(
        &self,
        given: &[usize],
        precision: &[Vec<f64>],
        allowed: &Allowed,
        draws: &mut Draws,
    ) -> Vec<f64> {
        let mut values = vec![0.; given.len()];
        let sweeps = if given.len() > 1 { SWEEPS } else { given.len() };
        for _ in 0..sweeps {
            for (i, &unit) in given.iter().enumerate() {
                let others = (0..given.len()).filter(|j| *j != i);
                let sum: f64 = others.map(|j| precision[i][j] * values[j]).sum();
                let (mean, std) = (-sum / precision[i][i], precision[i][i].sqrt().recip());
                let slots = allowed.slots[unit].as_deref().unwrap_or_default();
                values[i] = self.cuts[unit].draw_in(slots, mean, std, draws);
            }
        }
        values
    }
}

/// Rows and columns of a matrix.
fn picked(matrix: &[Vec<f64>], at: &[usize]) -> Vec<Vec<f64>> {
    let row = |a: &usize| at.iter().map(|b| matrix[*a][*b]).collect();
    at.iter().map(row).collect()
}

/// The lower factor of a matrix that is positive, or nearly.
fn cholesky(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut factor = vec![vec![0.; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let left: f64 = matrix[i][j] - known;
            factor[i][j] = match i == j {
                true => left.max(RIDGE * RIDGE).sqrt(),
                false => left / factor[j][j],
            };
        }
    }
    factor
}

/// The inverse of such a matrix.
fn inverse(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let factor = cholesky(matrix);
    let column = |at: usize| {
        let mut x = vec![0.; n];
        for i in 0..n {
            let known: f64 = (0..i).map(|k| factor[i][k] * x[k]).sum();
            x[i] = (f64::from(u8::from(i == at)) - known) / factor[i][i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| factor[k][i] * x[k]).sum();
            x[i] = (x[i] - known) / factor[i][i];
        }
        x
    };
    (0..n).map(column).collect()
}
