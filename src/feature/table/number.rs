//! Columns of numbers: values that many rows share have slots of their own, and the others are spans,
//! either the modes of a Gaussian mixture (L. Xu et al., "Modeling Tabular Data using Conditional GAN",
//! NeurIPS 2019; the values with slots are the mixed columns of Z. Zhao et al., "CTAB-GAN", ACML 2021)
//! or the pieces of the axis between such values. Within a span the place is the normal score of the
//! value's rank, so that a column's distribution comes back whatever its shape.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::mixture::{self, responsibilities};
use super::value::Numbers;
use crate::random::{Draws, quantile, share_below, sums};

/// Share of the numbers that a value must have to get a slot.
const SPIKE: f64 = 0.05;

/// Such slots at the most.
const MOST_SPIKES: usize = 10;

/// Rows that the mixture is fitted on.
const SAMPLE: usize = 5_000;

/// Quantiles that are kept of a span.
const KNOTS: usize = 129;

/// Decimals that are looked for.
const MOST_DECIMALS: i32 = 9;

/// What becomes of the numbers of a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Number {
    /// A slot each.
    pub(super) pieces: Vec<Piece>,
    /// Where values can be.
    grid: Grid,
}

/// A slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Piece {
    /// NULL.
    Null,
    /// A float that is no number, or infinite: as text.
    Odd(String),
    /// One number.
    Spike(f64),
    /// Numbers: their quantiles at equal steps, from the least to the most.
    Span(Vec<f64>),
}

/// The values that a column can have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Grid {
    /// `least`, and up to `steps` steps above it. Coded as the number of steps.
    Whole {
        #[serde(with = "text")]
        least: i128,
        #[serde(with = "text")]
        step: i128,
        #[serde(with = "text")]
        steps: i128,
    },
    /// Floats between two, with so many decimals. Coded as they are.
    Real {
        least: f64,
        most: f64,
        decimals: Option<i32>,
    },
}

/// How spans are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spans {
    /// As modes of a mixture.
    Mixture,
    /// As pieces of the axis, so that slots stand in the order of their values.
    Ordered,
}

/// A cell of the column.
enum Cell {
    Null,
    Odd(String),
    At(f64),
}

impl Number {
    /// The pieces of `numbers`; returns slot and place of each row too.
    pub(super) fn fit(
        numbers: &Numbers,
        spans: Spans,
        draws: &mut Draws,
    ) -> (Self, Vec<u32>, Vec<f32>) {
        let grid = Grid::of(numbers);
        let cells = grid.cells(numbers);
        let at = |cell: &Cell| match cell {
            Cell::At(x) => Some(*x),
            _ => None,
        };
        let spikes = spikes(cells.iter().filter_map(at));
        let odd: BTreeSet<_> = cells.iter().filter_map(Cell::odd).collect();
        let mut pieces: Vec<_> = match cells.iter().any(|c| matches!(c, Cell::Null)) {
            true => vec![Piece::Null],
            false => Vec::new(),
        };
        pieces.extend(odd.into_iter().map(|text| Piece::Odd(text.to_string())));
        let others: Vec<(usize, f64)> = cells
            .iter()
            .map(at)
            .enumerate()
            .filter_map(|(row, x)| {
                let x = x.filter(|x| !spikes.contains(x))?;
                Some((row, x + grid.width() * (draws.open_unit() - 0.5)))
            })
            .collect();
        let members = match spans {
            Spans::Mixture => modes(&others, draws),
            Spans::Ordered => between(&others, &spikes),
        };
        pieces.extend(spikes.iter().map(|x| Piece::Spike(*x)));
        let mut slots = vec![0; cells.len()];
        let mut places = vec![0.; cells.len()];
        let mut spanned = Vec::new();
        for mut members in members {
            members.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            let n = members.len();
            for (rank, (row, _)) in members.iter().enumerate() {
                places[*row] = quantile((rank as f64 + 0.5) / n as f64) as f32;
            }
            let knots = KNOTS.min(n.max(2));
            let knot = |k: usize| members[((n - 1) * k + (knots - 1) / 2) / (knots - 1)].1;
            spanned.push(members.iter().map(|(row, _)| *row).collect::<Vec<_>>());
            pieces.push(Piece::Span((0..knots).map(knot).collect()));
        }
        let first_span = pieces.len() - spanned.len();
        let mut owner = vec![None; cells.len()];
        for (span, rows) in spanned.iter().enumerate() {
            for row in rows {
                owner[*row] = Some(first_span + span);
            }
        }
        // In the order of values; what is no number comes first.
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        if spans == Spans::Ordered {
            order.sort_by(|a, b| pieces[*a].middle().total_cmp(&pieces[*b].middle()));
        }
        let mut rank = vec![0; pieces.len()];
        for (new, old) in order.iter().enumerate() {
            rank[*old] = new as u32;
        }
        for (row, cell) in cells.iter().enumerate() {
            let piece = owner[row].or_else(|| pieces.iter().position(|p| p.is(cell)));
            slots[row] = rank[piece.unwrap_or_default()];
        }
        let pieces = order.iter().map(|at| pieces[*at].clone()).collect();
        (Self { pieces, grid }, slots, places)
    }

    /// Whether each slot is a span.
    pub(super) fn spans(&self) -> Vec<bool> {
        let span = |piece: &Piece| matches!(piece, Piece::Span(_));
        self.pieces.iter().map(span).collect()
    }

    /// The numbers of slots and places.
    pub(super) fn decode(&self, slots: &[u32], places: &[f32]) -> Numbers {
        let cells =
            slots
                .iter()
                .zip(places)
                .map(|(&slot, &place)| match &self.pieces[slot as usize] {
                    Piece::Null => Cell::Null,
                    Piece::Odd(text) => Cell::Odd(text.clone()),
                    Piece::Spike(x) => Cell::At(*x),
                    Piece::Span(knots) => Cell::At(along(knots, place)),
                });
        self.grid.numbers(cells)
    }

    /// Whether it can decode: a damaged manifest must not cause a panic.
    pub(super) fn is_consistent(&self) -> bool {
        let whole = |piece: &Piece| !matches!(piece, Piece::Span(knots) if knots.len() < 2);
        !self.pieces.is_empty() && self.pieces.iter().all(whole)
    }
}

impl Cell {
    fn odd(&self) -> Option<&str> {
        match self {
            Self::Odd(text) => Some(text),
            _ => None,
        }
    }
}

impl Piece {
    fn is(&self, cell: &Cell) -> bool {
        match (self, cell) {
            (Self::Null, Cell::Null) => true,
            (Self::Odd(a), Cell::Odd(b)) => a == b,
            (Self::Spike(a), Cell::At(b)) => a == b,
            _ => false,
        }
    }

    /// Where it stands among the others.
    fn middle(&self) -> f64 {
        match self {
            Self::Null => f64::NEG_INFINITY,
            Self::Odd(text) => text
                .parse()
                .ok()
                .filter(|x: &f64| !x.is_nan())
                .unwrap_or(f64::NEG_INFINITY),
            Self::Spike(x) => *x,
            Self::Span(knots) => knots[knots.len() / 2],
        }
    }
}

/// The numbers with slots of their own, rising.
fn spikes(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut counts: HashMap<u64, u64> = HashMap::new();
    let mut total = 0;
    for x in numbers {
        // -0 and 0 are one number.
        *counts.entry((x + 0.).to_bits()).or_default() += 1;
        total += 1;
    }
    let least = (total as f64 * SPIKE).max(2.);
    let mut often: Vec<_> = counts
        .into_iter()
        .filter(|(_, n)| *n as f64 >= least)
        .collect();
    often.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    often.truncate(MOST_SPIKES);
    let mut spikes: Vec<_> = often
        .into_iter()
        .map(|(bits, _)| f64::from_bits(bits))
        .collect();
    spikes.sort_unstable_by(f64::total_cmp);
    spikes
}

/// The rows of each mode of a mixture, drawn by how likely each is.
fn modes(others: &[(usize, f64)], draws: &mut Draws) -> Vec<Vec<(usize, f64)>> {
    let sample: Vec<_> = others.iter().take(SAMPLE).map(|(_, x)| *x).collect();
    let mut mixture = mixture::fit(&sample);
    mixture.sort_unstable_by(|a, b| a.mean.total_cmp(&b.mean));
    let mut members = vec![Vec::new(); mixture.len()];
    let mut shares = vec![0.; mixture.len()];
    for &(row, x) in others {
        responsibilities(&mixture, x, &mut shares);
        members[draws.by_sums(&sums(shares.iter().copied()))].push((row, x));
    }
    members.retain(|members| !members.is_empty());
    members
}

/// The rows of each piece of the axis between spikes.
fn between(others: &[(usize, f64)], spikes: &[f64]) -> Vec<Vec<(usize, f64)>> {
    let mut members = vec![Vec::new(); spikes.len() + 1];
    for &(row, x) in others {
        members[spikes.partition_point(|spike| *spike < x)].push((row, x));
    }
    members.retain(|members| !members.is_empty());
    members
}

/// The number at a place in a span.
fn along(knots: &[f64], place: f32) -> f64 {
    let last = knots.len() - 1;
    let at = share_below(f64::from(place)).clamp(0., 1.) * last as f64;
    let below = (at as usize).min(last - 1);
    knots[below] + (knots[below + 1] - knots[below]) * (at - below as f64)
}

impl Grid {
    fn of(numbers: &Numbers) -> Self {
        match numbers {
            Numbers::Whole(values) => {
                let least = values.iter().flatten().min().copied().unwrap_or(0);
                let most = values.iter().flatten().max().copied().unwrap_or(0);
                let above = values.iter().flatten().map(|v| v.saturating_sub(least));
                let step = above.fold(0, gcd).max(1);
                Self::Whole {
                    least,
                    step,
                    steps: most.saturating_sub(least) / step,
                }
            }
            Numbers::Real(values) => {
                let finite = || values.iter().flatten().copied().filter(|v| v.is_finite());
                Self::Real {
                    least: finite().reduce(f64::min).unwrap_or(0.),
                    most: finite().reduce(f64::max).unwrap_or(0.),
                    decimals: (0..=MOST_DECIMALS).find(|d| finite().all(|v| has_decimals(v, *d))),
                }
            }
        }
    }

    /// How far apart neighbours are, as coded; 0 where they can be anywhere.
    fn width(&self) -> f64 {
        match self {
            Self::Whole { .. } => 1.,
            Self::Real { decimals, .. } => decimals.map_or(0., |d| 10f64.powi(-d)),
        }
    }

    fn cells(&self, numbers: &Numbers) -> Vec<Cell> {
        match (self, numbers) {
            (Self::Whole { least, step, .. }, Numbers::Whole(values)) => {
                let steps = |v: &i128| (v.saturating_sub(*least) / step) as f64;
                let cell = |v: &Option<i128>| v.as_ref().map_or(Cell::Null, |v| Cell::At(steps(v)));
                values.iter().map(cell).collect()
            }
            (_, Numbers::Real(values)) => {
                let cell = |v: &Option<f64>| match v {
                    None => Cell::Null,
                    Some(v) if v.is_finite() => Cell::At(*v),
                    Some(v) => Cell::Odd(v.to_string()),
                };
                values.iter().map(cell).collect()
            }
            (_, Numbers::Whole(_)) => Vec::new(),
        }
    }

    fn numbers(&self, cells: impl Iterator<Item = Cell>) -> Numbers {
        match self {
            Self::Whole { least, step, steps } => Numbers::Whole(
                cells
                    .map(|cell| match cell {
                        Cell::At(x) => {
                            let x = (x.round() as i128).clamp(0, *steps);
                            Some(least + step * x)
                        }
                        _ => None,
                    })
                    .collect(),
            ),
            Self::Real {
                least,
                most,
                decimals,
            } => Numbers::Real(
                cells
                    .map(|cell| match cell {
                        Cell::Null => None,
                        Cell::Odd(text) => text.parse().ok(),
                        Cell::At(x) => Some(rounded(x, *decimals).clamp(*least, *most)),
                    })
                    .collect(),
            ),
        }
    }
}

fn rounded(x: f64, decimals: Option<i32>) -> f64 {
    match decimals {
        None => x,
        // The nearest number that is written so, not one beside it.
        Some(decimals) => format!("{x:.*}", decimals as usize).parse().unwrap_or(x),
    }
}

/// Whether `v` is written with no more than so many decimals, as f64 or as f32.
fn has_decimals(v: f64, decimals: i32) -> bool {
    let near = rounded(v, Some(decimals));
    near == v || f64::from(near as f32) == v
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A wide number as text: JSON's own have 64 bits.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &i128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
