//! Steps of the embedding table: only the rows of the batch.
//!
//! What the network has read of the table comes in leaves: the ids of a batch are one, `[B, C]`, a list of
//! ids another, `[V, 1]`. Each column of a leaf reads one range of the table; several may read the same.
//!
//! Shapes: R rows of the table, D their width, B rows of a batch, C id columns, V values of a list, K rows
//! of a leaf, F values of a row.

use multiversion::multiversion;
use tch::{Device, Kind, Tensor};

use super::{
    ADAGRAD_EPSILON, ADAM_EPSILON, BETAS, Gradient, Rule, adam_correction, adam_step, take,
};
use crate::error::Result;
use crate::tensor::element::Element;
use crate::tensor::memory::{as_mut_slice, prefer_large_pages, prefer_large_pages_for, prefetch};
use crate::train::threads::Workers;

/// The embedding table with its moments.
pub struct RowOptimizer {
    rule: Rule,
    learn_rate: f32,
    l2: f32,
    table: Tensor,  // [R, D]
    first: Tensor,  // [R, D] for Adam, empty for Adagrad
    second: Tensor, // [R, D] for Adam, [R] for Adagrad on a GPU
    step: i32,
    /// First row of each range, rising.
    ranges: Vec<usize>,
    /// For each leaf the range that each of its columns reads.
    leaves: Vec<Vec<usize>>,
    /// On the CPU, one for each row. A hash table for the places, small enough for the cache, was slower.
    states: Vec<RowState>,
    /// Buffers of each thread on the CPU, kept between batches.
    scratch: Vec<Scratch>,
}

/// What is kept of a row on the CPU, side by side, so that one access to memory brings both: the
/// accumulator of Adagrad as bits, and its place among the distinct rows of its band plus one, 0 when it is
/// not in the batch.
type RowState = [u32; 2];
const SQUARES: usize = 0;
const PLACE: usize = 1;

/// Buffers of the kernel on the CPU.
#[derive(Default)]
struct Scratch {
    /// The distinct rows of the batch, counted from the band's first.
    rows: Vec<u32>,
    /// The summed gradient of each distinct row.
    sums: Vec<f32>,
}

/// Some neighbouring ranges, whose rows one thread steps.
struct Band<'a> {
    ranges: std::ops::Range<usize>,
    /// Row of the table that the band begins with.
    first_row: usize,
    table: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    states: &'a mut [RowState],
    scratch: &'a mut Scratch,
}

/// Rows that are looked ahead, so that memory is not waited for row by row.
const AHEAD: usize = 32;

/// What a step has read of the table, with the gradients there.
pub struct Leaf<'a> {
    /// The row numbers, `[K, C]`.
    pub ids: Ids<'a>,
    /// `[K, F]` together, in parts that stand in the order of the rows: the first `C * D` values of each
    /// belong to the ids.
    pub gradients: Vec<Tensor>,
}

/// The row numbers of a leaf.
pub enum Ids<'a> {
    /// On the CPU.
    Host(&'a [i32]),
    /// On the device of the table.
    Device(Tensor),
}

/// A leaf on the CPU.
struct Host<'a> {
    ids: &'a [i32],
    /// Rows, F, and the gradients.
    parts: Vec<(usize, usize, Gradient<'a>)>,
}

impl<'a> Host<'a> {
    fn new(ids: &'a [i32], gradients: &'a [Tensor]) -> Result<Self> {
        let parts = gradients.iter().map(|g| {
            // SAFETY: nobody writes to gradients during a step.
            let part = unsafe { Gradient::new(g) }?;
            Ok((g.size()[0] as usize, g.size()[1] as usize, part))
        });
        Ok(Self {
            ids,
            parts: parts.collect::<Result<_>>()?,
        })
    }
}

impl RowOptimizer {
    /// An optimizer of `table`, which it shares with the network. `leaves` has the row with which the range
    /// of each column of each leaf begins. `l2` adds `l2 * w` to the gradient of the rows of a batch.
    pub fn new(rule: Rule, learn_rate: f64, l2: f64, table: Tensor, leaves: &[Vec<usize>]) -> Self {
        let mut ranges = leaves.concat();
        ranges.sort_unstable();
        ranges.dedup();
        let range = |first: &usize| ranges.partition_point(|range| range < first);
        let leaves = leaves.iter().map(|leaf| leaf.iter().map(range).collect());
        let leaves = leaves.collect();
        let rows = table.size()[0];
        let options = (Kind::Float, table.device());
        let (first, second) = match rule {
            Rule::Adam => (table.zeros_like(), table.zeros_like()),
            Rule::Adagrad => (Tensor::zeros([0], options), Tensor::zeros([0], options)),
        };
        let mut states = match table.device() {
            Device::Cpu => vec![[0; 2]; rows as usize],
            _ => Vec::new(),
        };
        prefer_large_pages_for(&mut states);
        for tensor in [&first, &second] {
            prefer_large_pages(tensor);
        }
        Self {
            rule,
            learn_rate: learn_rate as f32,
            l2: l2 as f32,
            table,
            first,
            second,
            step: 0,
            ranges,
            leaves,
            states,
            scratch: Vec::new(),
        }
    }

    /// Bytes of the state that belongs to a table of `rows` rows of `width` values.
    pub fn state_bytes(rule: Rule, rows: usize, width: usize) -> usize {
        rows * 4
            * match rule {
                Rule::Adam => 2 * width + 2,
                Rule::Adagrad => 2,
            }
    }

    /// One step over all leaves, in their order.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn step(&mut self, leaves: &[Leaf], workers: &Workers) -> Result<()> {
        let _guard = tch::no_grad_guard();
        if self.ranges.is_empty() {
            return Ok(());
        }
        self.step += 1;
        if self.table.device() == Device::Cpu {
            let on_host = leaves.iter().filter_map(|leaf| match leaf.ids {
                Ids::Host(ids) => Some((ids, &leaf.gradients)),
                Ids::Device(_) => None,
            });
            let on_host: Vec<_> = on_host.collect();
            if on_host.len() == leaves.len() {
                return self.step_in_place(&on_host, workers);
            }
        }
        let width = self.table.size()[1];
        let (mut ids, mut gradients) = (Vec::new(), Vec::new());
        for (leaf, columns) in leaves.iter().zip(&self.leaves) {
            ids.push(match &leaf.ids {
                Ids::Host(ids) => Tensor::f_from_slice(ids)?.f_to_device(self.table.device())?,
                Ids::Device(ids) => ids.shallow_clone(),
            });
            let used = columns.len() as i64 * width;
            let part = Tensor::f_cat(&leaf.gradients, 0)?.f_narrow(1, 0, used)?;
            gradients.push(part.f_reshape([-1, width])?.f_to_kind(Kind::Float)?);
        }
        self.step_by_operators(&Tensor::f_cat(&ids, 0)?, &Tensor::f_cat(&gradients, 0)?)
    }

    fn step_in_place(
        &mut self,
        leaves: &[(&[i32], &Vec<Tensor>)],
        workers: &Workers,
    ) -> Result<()> {
        let mut contiguous = Vec::with_capacity(leaves.len());
        for (ids, gradients) in leaves {
            let gradients = gradients.iter().map(Tensor::f_contiguous);
            let gradients = gradients.collect::<std::result::Result<Vec<_>, _>>()?;
            contiguous.push((*ids, gradients));
        }
        let leaves = contiguous
            .iter()
            .map(|(ids, gradients)| Host::new(ids, gradients));
        let leaves: Vec<_> = leaves.collect::<Result<_>>()?;
        let (rule, rate, l2) = (self.rule, self.learn_rate, self.l2);
        let width = self.table.size()[1] as usize;
        let correction = adam_correction(BETAS, self.step);
        let of_leaves = self.leaves.clone();
        let bands = self.bands(workers.count())?;
        workers.run(bands, |band| {
            let Band {
                table,
                first,
                second,
                states,
                scratch,
                ..
            } = band;
            for (leaf, ranges) in leaves.iter().zip(&of_leaves) {
                let columns = ranges.iter().enumerate();
                let columns = columns.filter(|(_, range)| band.ranges.contains(range));
                let columns: Vec<_> = columns.map(|(column, _)| column).collect();
                let mut rest = leaf.ids;
                for (rows, stride, part) in &leaf.parts {
                    let (now, later) = rest.split_at(rows * ranges.len());
                    let of = Columns {
                        columns: &columns,
                        total: ranges.len(),
                        first_row: band.first_row,
                        width,
                        stride: *stride,
                    };
                    match part {
                        Gradient::Full(part) => sum(&of, now, part, states, scratch),
                        Gradient::Half(part) => sum(&of, now, part, states, scratch),
                    }
                    rest = later;
                }
            }
            match rule {
                Rule::Adam => adam(table, first, second, scratch, width, rate, l2, correction),
                Rule::Adagrad => adagrad(table, states, scratch, width, rate, l2),
            }
            for &row in &scratch.rows {
                states[row as usize][PLACE] = 0;
            }
            scratch.rows.clear();
            scratch.sums.clear();
            Ok(())
        })?;
        Ok(())
    }

    /// The table in `count` bands of about as many ranges, so that threads share no row.
    fn bands(&mut self, count: usize) -> Result<Vec<Band<'_>>> {
        let total = self.table.size()[0] as usize;
        let width = self.table.size()[1] as usize;
        let moments = match self.rule {
            Rule::Adam => (width, width),
            Rule::Adagrad => (0, 0),
        };
        let ranges = self.ranges.len();
        let count = count.clamp(1, ranges);
        self.scratch.resize_with(count, Scratch::default);
        // SAFETY: the networks share the table, but no pass runs during a step; moments are the optimizer's own.
        let (mut table, mut first, mut second) = unsafe {
            (
                as_mut_slice::<f32>(&mut self.table)?,
                as_mut_slice::<f32>(&mut self.first)?,
                as_mut_slice::<f32>(&mut self.second)?,
            )
        };
        let mut states = self.states.as_mut_slice();
        let mut bands = Vec::with_capacity(count);
        for (i, scratch) in self.scratch.iter_mut().enumerate() {
            let range = i * ranges / count..(i + 1) * ranges / count;
            let first_row = if i == 0 { 0 } else { self.ranges[range.start] };
            let end = self.ranges.get(range.end).copied().unwrap_or(total);
            let rows = end - first_row;
            bands.push(Band {
                ranges: range,
                first_row,
                table: take(&mut table, rows * width),
                first: take(&mut first, rows * moments.0),
                second: take(&mut second, rows * moments.1),
                states: take(&mut states, rows),
                scratch,
            });
        }
        Ok(bands)
    }

    /// `ids` is `[K]`, `gradient` `[K, D]`. No shape depends on values, so that a GPU need not be waited
    /// for: the distinct rows take the first places of buffers of K rows, and the places behind them
    /// change row 0 by nothing.
    fn step_by_operators(&mut self, ids: &Tensor, gradient: &Tensor) -> Result<()> {
        let (sorted, order) = ids.f_to_kind(Kind::Int64)?.f_sort(0, false)?;
        let count = sorted.size()[0];
        let begins = sorted
            .f_diff(1, 0, None::<&Tensor>, None::<&Tensor>)?
            .f_ne(0)?;
        let first = Tensor::f_zeros([1], (Kind::Int64, ids.device()))?;
        let begins = Tensor::f_cat(&[first, begins.f_to_kind(Kind::Int64)?], 0)?;
        let place = begins.f_cumsum(0, Kind::Int64)?; // [K], the distinct row that each is
        let rows = place.f_zeros_like()?.f_index_copy_(0, &place, &sorted)?;
        let used = place.f_slice(0, -1, None, 1)?; // [1], the last place
        let numbers = Tensor::f_arange(count, (Kind::Int64, ids.device()))?;
        let used = numbers
            .f_le_tensor(&used)?
            .f_to_kind(Kind::Float)?
            .f_unsqueeze(1)?; // [K, 1]
        let weights = self.table.f_index_select(0, &rows)?;
        let mut g = weights.f_mul_scalar(f64::from(self.l2))?;
        let _ = g.f_index_add_(0, &place, &gradient.f_index_select(0, &order)?)?;
        let g = g.f_mul(&used)?;
        let change = match self.rule {
            Rule::Adam => {
                let (scale, root_scale) = adam_correction(BETAS, self.step);
                // How far the moments of a row in the batch move.
                let toward = |moment: &Tensor, value: &Tensor, beta: f32| {
                    let moment = moment.f_index_select(0, &rows)?;
                    let move_by = value.f_sub(&moment)?.f_mul(&used)?;
                    let move_by = move_by.f_mul_scalar(f64::from(1. - beta))?;
                    Ok::<_, tch::TchError>((moment.f_add(&move_by)?, move_by))
                };
                let (m, move_m) = toward(&self.first, &g, BETAS[0])?;
                let (v, move_v) = toward(&self.second, &g.f_square()?, BETAS[1])?;
                let _ = self.first.f_index_add_(0, &rows, &move_m)?;
                let _ = self.second.f_index_add_(0, &rows, &move_v)?;
                let root = v
                    .f_sqrt()?
                    .f_mul_scalar(f64::from(root_scale))?
                    .f_add_scalar(f64::from(ADAM_EPSILON))?;
                let change = m.f_div(&root)?.f_mul(&used)?;
                change.f_mul_scalar(f64::from(self.learn_rate * scale))?
            }
            Rule::Adagrad => {
                if self.second.numel() == 0 {
                    let options = (Kind::Float, self.table.device());
                    self.second = Tensor::f_zeros([self.table.size()[0]], options)?;
                }
                let square = g.f_square()?.f_mean_dim(1, false, Kind::Float)?;
                let _ = self.second.f_index_add_(0, &rows, &square)?;
                let root = self
                    .second
                    .f_index_select(0, &rows)?
                    .f_sqrt()?
                    .f_add_scalar(f64::from(ADAGRAD_EPSILON))?;
                g.f_div(&root.f_unsqueeze(1)?)?
                    .f_mul_scalar(f64::from(self.learn_rate))?
            }
        };
        let _ = self.table.f_index_add_(0, &rows, &change.f_neg()?)?;
        Ok(())
    }
}

#[multiversion(targets = "simd")]
#[allow(clippy::too_many_arguments)]
fn adam(
    table: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    scratch: &Scratch,
    width: usize,
    rate: f32,
    l2: f32,
    correction: (f32, f32),
) {
    let (scale, root_scale) = correction;
    for (i, sums) in scratch.sums.chunks_exact(width).enumerate() {
        if let Some(&row) = scratch.rows.get(i + AHEAD) {
            prefetch(first, row as usize * width);
            prefetch(second, row as usize * width);
            prefetch(table, row as usize * width);
        }
        let row = scratch.rows[i] as usize;
        let at = row * width..(row + 1) * width;
        let weights = table[at.clone()].iter_mut();
        let moments = first[at.clone()].iter_mut().zip(&mut second[at]);
        for ((w, &g), (m, v)) in weights.zip(sums).zip(moments) {
            adam_step(BETAS, w, g + l2 * *w, m, v, rate * scale, root_scale);
        }
    }
}

#[multiversion(targets = "simd")]
fn adagrad(
    table: &mut [f32],
    states: &mut [RowState],
    scratch: &mut Scratch,
    width: usize,
    rate: f32,
    l2: f32,
) {
    let (rows, sums) = (&scratch.rows, scratch.sums.chunks_exact_mut(width));
    for (i, sums) in sums.enumerate() {
        if let Some(&row) = rows.get(i + AHEAD) {
            prefetch(states, row as usize);
            prefetch(table, row as usize * width);
        }
        let row = rows[i] as usize;
        let weights = &mut table[row * width..][..width];
        let mut square = 0.;
        for (g, &w) in sums.iter_mut().zip(weights.iter()) {
            *g += l2 * w;
            square += *g * *g;
        }
        let squares = f32::from_bits(states[row][SQUARES]) + square / width as f32;
        states[row][SQUARES] = squares.to_bits();
        let rate = rate / (squares.sqrt() + ADAGRAD_EPSILON);
        for (w, &g) in weights.iter_mut().zip(sums.iter()) {
            *w -= rate * g;
        }
    }
}

/// Which of a leaf's columns a band has, and how their gradients lie.
struct Columns<'a> {
    columns: &'a [usize],
    /// C.
    total: usize,
    /// The band's first row.
    first_row: usize,
    /// D.
    width: usize,
    /// F.
    stride: usize,
}

/// Finds the distinct rows of the band's columns of `ids`, `[K, C]`, and sums their gradients.
#[multiversion(targets = "simd")]
fn sum<E: Element>(
    of: &Columns,
    ids: &[i32],
    gradient: &[E],
    states: &mut [RowState],
    scratch: &mut Scratch,
) {
    let width = of.width;
    for (b, gradient) in gradient.chunks_exact(of.stride).enumerate() {
        for &c in of.columns {
            let gradient = &gradient[c * width..][..width];
            // The same column, two rows later.
            if let Some(&id) = ids.get((b + 2) * of.total + c) {
                prefetch(states, id as usize - of.first_row);
            }
            let row = ids[b * of.total + c] as usize - of.first_row;
            let place = &mut states[row][PLACE];
            if *place == 0 {
                scratch.rows.push(row as u32);
                *place = scratch.rows.len() as u32;
                scratch.sums.extend(gradient.iter().map(|g| g.widen()));
            } else {
                let sums = &mut scratch.sums[(*place as usize - 1) * width..][..width];
                for (sum, g) in sums.iter_mut().zip(gradient) {
                    *sum += g.widen();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two columns: rows 0 and 1, rows 2 and 3.
    fn table() -> Tensor {
        Tensor::arange(8, (Kind::Float, Device::Cpu)).view([4, 2]) / 4.
    }

    fn optimizer(rule: Rule, l2: f64, table: &Tensor) -> RowOptimizer {
        RowOptimizer::new(rule, 0.1, l2, table.shallow_clone(), &[vec![0, 2]])
    }

    /// Of three rows: two values for each column, and one number whose gradient nobody needs.
    fn gradient() -> Tensor {
        let rows = [
            [1f32, 2., 3., 4., 9.],
            [0.5, 0.5, -1., 0.5, 9.],
            [0., 1., 2., -1., 9.],
        ];
        Tensor::from_slice2(&rows)
    }

    fn leaf<'a>(ids: &'a [i32], gradients: &[Tensor]) -> Leaf<'a> {
        Leaf {
            ids: Ids::Host(ids),
            gradients: gradients.iter().map(Tensor::shallow_clone).collect(),
        }
    }

    /// Two columns, a third one and a list: the first column and the list read rows 0 and 1, the others
    /// rows 2 and 3.
    #[test]
    fn columns_and_lists_may_share_a_range() {
        for rule in [Rule::Adam, Rule::Adagrad] {
            for threads in [1, 2] {
                let workers = Workers::start(threads).unwrap();
                let (one, other) = (table(), table());
                let leaves = [vec![0, 2, 2], vec![0]];
                let new = |table: &Tensor, leaves: &[Vec<usize>]| {
                    RowOptimizer::new(rule, 0.1, 0.01, table.shallow_clone(), leaves)
                };
                let mut shared = new(&one, &leaves);
                let ids = [1, 2, 3, 0, 3, 3];
                let of_ids = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([2, 6]) / 5.;
                let list = [0, 1, 1];
                let of_list = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([3, 2]) / 7.;
                // The same, read one by one through a column over the whole table.
                let mut whole = new(&other, &[vec![0]]);
                let all: Vec<_> = ids.iter().chain(&list).copied().collect();
                let parts = [of_ids.view([6, 2]), of_list.shallow_clone()];
                let every = [Tensor::cat(&parts, 0)];
                for _ in 0..2 {
                    let leaves = [
                        leaf(&ids, &[of_ids.shallow_clone()]),
                        leaf(&list, &[of_list.shallow_clone()]),
                    ];
                    shared.step(&leaves, &workers).unwrap();
                    whole.step(&[leaf(&all, &every)], &workers).unwrap();
                }
                assert!(one.equal(&other), "{rule:?}");
            }
        }
    }

    #[test]
    fn leaves_other_rows_alone_and_sums_repeated_ids() {
        for threads in [1, 2] {
            let workers = Workers::start(threads).unwrap();
            let table = table();
            let mut adagrad = optimizer(Rule::Adagrad, 0., &table);
            let ids = [1, 3, 1, 2, 1, 3];
            let parts = [gradient().narrow(0, 0, 1), gradient().narrow(0, 1, 2)];
            adagrad.step(&[leaf(&ids, &parts)], &workers).unwrap();
            let got = Vec::<f32>::try_from(&table.flatten(0, -1)).unwrap();
            assert_eq!(got[..2], [0., 0.25]);
            // Row 1: g = (1.5, 3.5); row 2: g = (-1, 0.5); row 3: g = (5, 3). Each accumulator is the
            // mean of the squares.
            let expected =
                |w: f32, g: f32, other: f32| w - 0.1 * g / ((g * g + other * other) / 2.).sqrt();
            let wanted = [
                expected(0.5, 1.5, 3.5),
                expected(0.75, 3.5, 1.5),
                expected(1., -1., 0.5),
                expected(1.25, 0.5, -1.),
                expected(1.5, 5., 3.),
                expected(1.75, 3., 5.),
            ];
            for (got, wanted) in got[2..].iter().zip(wanted) {
                assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
            }
        }
    }

    /// The kernel in place and the operators that a GPU uses are one rule.
    #[test]
    fn both_paths_take_the_same_steps() {
        let workers = Workers::start(2).unwrap();
        for rule in [Rule::Adam, Rule::Adagrad] {
            let (one, other) = (table(), table());
            let (mut a, mut b) = (optimizer(rule, 0.01, &one), optimizer(rule, 0.01, &other));
            // Row 0 is in no batch but the last.
            for ids in [[1, 3, 1, 2, 1, 3], [1, 2, 1, 2, 1, 2], [0, 2, 0, 2, 1, 2]] {
                a.step(&[leaf(&ids, &[gradient()])], &workers).unwrap();
                b.step += 1;
                let gradient = gradient().narrow(1, 0, 4).reshape([-1, 2]);
                b.step_by_operators(&Tensor::from_slice(&ids), &gradient)
                    .unwrap();
            }
            assert!(one.allclose(&other, 1e-5, 1e-6, false), "{rule:?}");
        }
    }

    #[test]
    fn takes_gradients_of_bfloat16() {
        let workers = Workers::start(1).unwrap();
        let (one, other) = (table(), table());
        for (table, kind) in [(&one, Kind::Float), (&other, Kind::BFloat16)] {
            let mut optimizer = optimizer(Rule::Adagrad, 0., table);
            let gradient = gradient().to_kind(kind);
            optimizer
                .step(&[leaf(&[1, 3, 1, 2, 1, 3], &[gradient])], &workers)
                .unwrap();
        }
        assert!(one.equal(&other));
    }
}
