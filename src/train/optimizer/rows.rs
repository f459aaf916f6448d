//! Steps of the embedding table: only the rows of the batch.
//!
//! Shapes: R rows of the table, D their width, B rows of a batch, C id columns, F values of a row.

use half::bf16;
use multiversion::multiversion;
use tch::{Device, Kind, Tensor};

use super::{ADAGRAD_EPSILON, ADAM_EPSILON, BETA1, BETA2, Rule, adam_correction, adam_step};
use crate::error::Result;
use crate::tensor::element::Element;
use crate::tensor::memory::{as_mut_slice, as_slice};
use crate::train::threads::Workers;

/// The embedding table with its moments.
pub struct RowOptimizer {
    rule: Rule,
    learn_rate: f32,
    l2: f32,
    table: Tensor,  // [R, D]
    first: Tensor,  // [R, D] for Adam, empty for Adagrad
    second: Tensor, // [R, D] for Adam, [R] for Adagrad
    step: i32,
    /// First row of each id column.
    offsets: Vec<usize>,
    /// Buffers of each thread on the CPU, kept between batches.
    scratch: Vec<Scratch>,
}

/// Buffers of the kernel on the CPU.
#[derive(Default)]
struct Scratch {
    /// Per row of the band: its place in `rows` plus one, or 0 when it is not in the batch.
    place: Vec<u32>,
    /// The distinct rows of the batch, counted from the band's first.
    rows: Vec<u32>,
    /// The summed gradient of each distinct row.
    sums: Vec<f32>,
}

/// The rows of some neighbouring id columns, which one thread steps.
struct Band<'a> {
    columns: std::ops::Range<usize>,
    /// Row of the table that the band begins with.
    first_row: usize,
    table: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    scratch: &'a mut Scratch,
}

/// A share's gradients as a slice.
enum Part<'a> {
    Full(&'a [f32]),
    Half(&'a [bf16]),
}

impl RowOptimizer {
    /// An optimizer of `table`, which it shares with the network, for columns that begin at the rows
    /// `offsets`. `l2` adds `l2 * w` to the gradient of the rows of a batch.
    pub fn new(rule: Rule, learn_rate: f64, l2: f64, table: Tensor, offsets: Vec<usize>) -> Self {
        let rows = table.size()[0];
        let options = (Kind::Float, table.device());
        let (first, second) = match rule {
            Rule::Adam => (table.zeros_like(), table.zeros_like()),
            Rule::Adagrad => (Tensor::zeros([0], options), Tensor::zeros([rows], options)),
        };
        Self {
            rule,
            learn_rate: learn_rate as f32,
            l2: l2 as f32,
            table,
            first,
            second,
            step: 0,
            offsets,
            scratch: Vec::new(),
        }
    }

    /// Bytes of the state that belongs to a table of `rows` rows of `width` values.
    pub fn state_bytes(rule: Rule, rows: usize, width: usize) -> usize {
        rows * 4
            * match rule {
                Rule::Adam => 2 * width + 1,
                Rule::Adagrad => 2,
            }
    }

    /// One step: `ids` are the row numbers of a batch on the CPU, `[B, C]`. `gradients` have `[B, F]`
    /// together, in parts that stand in the order of the rows: the first `C * D` values of each belong
    /// to the ids.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn step(&mut self, ids: &[i32], gradients: &[Tensor], workers: &Workers) -> Result<()> {
        let _guard = tch::no_grad_guard();
        if self.offsets.is_empty() {
            return Ok(());
        }
        self.step += 1;
        match self.table.device() {
            Device::Cpu => self.step_in_place(ids, gradients, workers),
            device => {
                let ids = Tensor::f_from_slice(ids)?.f_to_device(device)?;
                let width = self.table.size()[1];
                let used = self.offsets.len() as i64 * width;
                let gradients = Tensor::f_cat(gradients, 0)?.f_narrow(1, 0, used)?;
                let gradients = gradients.f_reshape([-1, width])?.f_to_kind(Kind::Float)?;
                self.step_by_operators(&ids, &gradients)
            }
        }
    }

    fn step_in_place(
        &mut self,
        ids: &[i32],
        gradients: &[Tensor],
        workers: &Workers,
    ) -> Result<()> {
        let gradients = gradients
            .iter()
            .map(Tensor::f_contiguous)
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let parts: Vec<_> = gradients
            .iter()
            .map(|g| {
                let part = match g.kind() {
                    Kind::BFloat16 => Part::Half(as_slice(g)?),
                    _ => Part::Full(as_slice(g)?),
                };
                Ok((g.size()[0] as usize, g.size()[1] as usize, part))
            })
            .collect::<Result<_>>()?;
        let (rule, rate, l2) = (self.rule, self.learn_rate, self.l2);
        let (columns, width) = (self.offsets.len(), self.table.size()[1] as usize);
        let correction = adam_correction(self.step);
        let bands = self.bands(workers.count())?;
        workers.run(bands, |band| {
            let mut rest = ids;
            for (rows, stride, part) in &parts {
                let (now, later) = rest.split_at(rows * columns);
                let columns = (band.columns.clone(), columns);
                match part {
                    Part::Full(part) => {
                        band.scratch
                            .sum(now, columns, band.first_row, part, *stride, width)
                    }
                    Part::Half(part) => {
                        band.scratch
                            .sum(now, columns, band.first_row, part, *stride, width)
                    }
                }
                rest = later;
            }
            match rule {
                Rule::Adam => adam(
                    band.table,
                    band.first,
                    band.second,
                    band.scratch,
                    width,
                    rate,
                    l2,
                    correction,
                ),
                Rule::Adagrad => adagrad(band.table, band.second, band.scratch, width, rate, l2),
            }
            band.scratch.forget();
            Ok(())
        })?;
        Ok(())
    }

    /// The table in `count` bands of about as many columns. A column's rows stand together, so that
    /// threads share none.
    fn bands(&mut self, count: usize) -> Result<Vec<Band<'_>>> {
        let total = self.table.size()[0] as usize;
        let width = self.table.size()[1] as usize;
        let moments = match self.rule {
            Rule::Adam => (width, width),
            Rule::Adagrad => (0, 1),
        };
        let count = count.clamp(1, self.offsets.len());
        self.scratch.resize_with(count, Scratch::default);
        let columns = self.offsets.len();
        let mut table = as_mut_slice::<f32>(&mut self.table)?;
        let mut first = as_mut_slice::<f32>(&mut self.first)?;
        let mut second = as_mut_slice::<f32>(&mut self.second)?;
        let mut bands = Vec::with_capacity(count);
        for (i, scratch) in self.scratch.iter_mut().enumerate() {
            let range = i * columns / count..(i + 1) * columns / count;
            let first_row = if i == 0 { 0 } else { self.offsets[range.start] };
            let end = self.offsets.get(range.end).copied().unwrap_or(total);
            let rows = end - first_row;
            scratch.place.resize(rows, 0);
            bands.push(Band {
                columns: range,
                first_row,
                table: cut(&mut table, rows * width),
                first: cut(&mut first, rows * moments.0),
                second: cut(&mut second, rows * moments.1),
                scratch,
            });
        }
        Ok(bands)
    }

    fn step_by_operators(&mut self, ids: &Tensor, gradient: &Tensor) -> Result<()> {
        let (rows, inverse, _) = ids
            .f_to_kind(Kind::Int64)?
            .f_unique_dim(0, true, true, false)?;
        let weights = self.table.f_index_select(0, &rows)?;
        let mut g = weights.f_mul_scalar(f64::from(self.l2))?;
        let _ = g.f_index_add_(0, &inverse, gradient)?;
        let change = match self.rule {
            Rule::Adam => {
                let (scale, root_scale) = adam_correction(self.step);
                let mut m = self.first.f_index_select(0, &rows)?;
                let mut v = self.second.f_index_select(0, &rows)?;
                let _ = m.f_lerp_(&g, f64::from(1. - BETA1))?;
                let _ = v.f_lerp_(&g.f_square()?, f64::from(1. - BETA2))?;
                let _ = self.first.f_index_copy_(0, &rows, &m)?;
                let _ = self.second.f_index_copy_(0, &rows, &v)?;
                let root = v
                    .f_sqrt()?
                    .f_mul_scalar(f64::from(root_scale))?
                    .f_add_scalar(f64::from(ADAM_EPSILON))?;
                m.f_div(&root)?
                    .f_mul_scalar(f64::from(self.learn_rate * scale))?
            }
            Rule::Adagrad => {
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
        let _ = self
            .table
            .f_index_copy_(0, &rows, &weights.f_sub(&change)?)?;
        Ok(())
    }
}

/// Cuts the first `len` elements off.
fn cut<'a>(rest: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (head, tail) = std::mem::take(rest).split_at_mut(len);
    *rest = tail;
    head
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
    for (&row, sums) in scratch.rows.iter().zip(scratch.sums.chunks_exact(width)) {
        let at = row as usize * width..(row as usize + 1) * width;
        let weights = table[at.clone()].iter_mut();
        let moments = first[at.clone()].iter_mut().zip(&mut second[at]);
        for ((w, &g), (m, v)) in weights.zip(sums).zip(moments) {
            adam_step(w, g + l2 * *w, m, v, rate * scale, root_scale);
        }
    }
}

#[multiversion(targets = "simd")]
fn adagrad(
    table: &mut [f32],
    second: &mut [f32],
    scratch: &mut Scratch,
    width: usize,
    rate: f32,
    l2: f32,
) {
    let sums = scratch.sums.chunks_exact_mut(width);
    for (&row, sums) in scratch.rows.iter().zip(sums) {
        let row = row as usize;
        let weights = &mut table[row * width..][..width];
        let mut square = 0.;
        for (g, &w) in sums.iter_mut().zip(weights.iter()) {
            *g += l2 * w;
            square += *g * *g;
        }
        second[row] += square / width as f32;
        let rate = rate / (second[row].sqrt() + ADAGRAD_EPSILON);
        for (w, &g) in weights.iter_mut().zip(sums.iter()) {
            *w -= rate * g;
        }
    }
}

impl Scratch {
    /// Finds the distinct rows of some columns of `ids` (`[B, C]`; which columns, and C) and sums their
    /// gradients, whose rows are `stride` values long.
    fn sum<E: Element>(
        &mut self,
        ids: &[i32],
        (columns, total): (std::ops::Range<usize>, usize),
        first_row: usize,
        gradient: &[E],
        stride: usize,
        width: usize,
    ) {
        for (ids, gradient) in ids.chunks_exact(total).zip(gradient.chunks_exact(stride)) {
            let gradient = &gradient[columns.start * width..columns.end * width];
            for (&id, gradient) in ids[columns.clone()]
                .iter()
                .zip(gradient.chunks_exact(width))
            {
                let row = id as usize - first_row;
                let place = &mut self.place[row];
                if *place == 0 {
                    self.rows.push(row as u32);
                    *place = self.rows.len() as u32;
                    self.sums.extend(gradient.iter().map(|g| g.widen()));
                } else {
                    let at = (*place as usize - 1) * width;
                    for (sum, g) in self.sums[at..at + width].iter_mut().zip(gradient) {
                        *sum += g.widen();
                    }
                }
            }
        }
    }

    /// Makes the buffers ready for the next batch.
    fn forget(&mut self) {
        for &row in &self.rows {
            self.place[row as usize] = 0;
        }
        self.rows.clear();
        self.sums.clear();
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
        RowOptimizer::new(rule, 0.1, l2, table.shallow_clone(), vec![0, 2])
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

    #[test]
    fn leaves_other_rows_alone_and_sums_repeated_ids() {
        for threads in [1, 2] {
            let workers = Workers::start(threads).unwrap();
            let table = table();
            let mut adagrad = optimizer(Rule::Adagrad, 0., &table);
            let ids = [1, 3, 1, 2, 1, 3];
            let parts = [gradient().narrow(0, 0, 1), gradient().narrow(0, 1, 2)];
            adagrad.step(&ids, &parts, &workers).unwrap();
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
            for ids in [[1, 3, 1, 2, 1, 3], [0, 2, 0, 2, 1, 2]] {
                a.step(&ids, &[gradient()], &workers).unwrap();
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
                .step(&[1, 3, 1, 2, 1, 3], &[gradient], &workers)
                .unwrap();
        }
        assert!(one.equal(&other));
    }
}
