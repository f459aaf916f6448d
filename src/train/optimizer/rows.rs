//! Steps of the embedding table: only the rows of the batch.
//!
//! Shapes: R rows of the table, D their width, K ids of a batch (with repetitions).

use tch::{Device, Kind, Tensor};

use super::{ADAGRAD_EPSILON, ADAM_EPSILON, BETA1, BETA2, Rule, adam_correction, adam_step};
use crate::error::Result;
use crate::tensor::memory::{as_mut_slice, as_slice};

/// The embedding table with its moments.
pub struct RowOptimizer {
    rule: Rule,
    learn_rate: f32,
    l2: f32,
    table: Tensor,  // [R, D]
    first: Tensor,  // [R, D] for Adam, empty for Adagrad
    second: Tensor, // [R, D] for Adam, [R] for Adagrad
    step: i32,
    scratch: Scratch,
}

/// Buffers of the kernel on the CPU, kept between batches.
#[derive(Default)]
struct Scratch {
    /// Per table row: its place in `rows` plus one, or 0 when it is not in the batch.
    place: Vec<u32>,
    /// The distinct rows of the batch.
    rows: Vec<u32>,
    /// The summed gradient of each distinct row.
    sums: Vec<f32>,
}

impl RowOptimizer {
    /// An optimizer of `table`, which it shares with the network. `l2` adds `l2 * w` to the gradient
    /// of the rows of a batch.
    pub fn new(rule: Rule, learn_rate: f64, l2: f64, table: Tensor) -> Self {
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
            scratch: Scratch::default(),
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

    /// One step: `ids` are K row numbers on the CPU, `gradients` have `[K, D]` together, in parts that
    /// stand in the order of `ids`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn step(&mut self, ids: &[i32], gradients: &[Tensor]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.step += 1;
        match self.table.device() {
            Device::Cpu => self.step_in_place(ids, gradients),
            device => {
                let ids = Tensor::f_from_slice(ids)?.f_to_device(device)?;
                self.step_by_operators(&ids, &Tensor::f_cat(gradients, 0)?)
            }
        }
    }

    fn step_in_place(&mut self, ids: &[i32], gradients: &[Tensor]) -> Result<()> {
        let width = self.table.size()[1] as usize;
        let scratch = &mut self.scratch;
        scratch.place.resize(self.table.size()[0] as usize, 0);
        let mut rest = ids;
        for gradient in gradients {
            let gradient = gradient.f_contiguous()?;
            let (now, later) = rest.split_at(gradient.size()[0] as usize);
            scratch.sum(now, as_slice(&gradient)?, width);
            rest = later;
        }
        let table = as_mut_slice(&mut self.table)?;
        let second = as_mut_slice(&mut self.second)?;
        let (l2, rate) = (self.l2, self.learn_rate);
        match self.rule {
            Rule::Adam => {
                let (scale, root_scale) = adam_correction(self.step);
                let first = as_mut_slice(&mut self.first)?;
                for (&row, sums) in scratch.rows.iter().zip(scratch.sums.chunks_exact(width)) {
                    let at = row as usize * width..(row as usize + 1) * width;
                    let weights = table[at.clone()].iter_mut();
                    let moments = first[at.clone()].iter_mut().zip(&mut second[at]);
                    for ((w, &g), (m, v)) in weights.zip(sums).zip(moments) {
                        adam_step(w, g + l2 * *w, m, v, rate * scale, root_scale);
                    }
                }
            }
            Rule::Adagrad => {
                for (&row, sums) in scratch
                    .rows
                    .iter()
                    .zip(scratch.sums.chunks_exact_mut(width))
                {
                    let row = row as usize;
                    let weights = &mut table[row * width..(row + 1) * width];
                    for (g, &w) in sums.iter_mut().zip(weights.iter()) {
                        *g += l2 * w;
                    }
                    let square = sums.iter().map(|g| g * g).sum::<f32>() / width as f32;
                    second[row] += square;
                    let rate = rate / (second[row].sqrt() + ADAGRAD_EPSILON);
                    for (w, &g) in weights.iter_mut().zip(sums.iter()) {
                        *w -= rate * g;
                    }
                }
            }
        }
        scratch.forget();
        Ok(())
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

impl Scratch {
    /// Finds the distinct rows of `ids` and sums their gradients.
    fn sum(&mut self, ids: &[i32], gradient: &[f32], width: usize) {
        for (&id, gradient) in ids.iter().zip(gradient.chunks_exact(width)) {
            let place = &mut self.place[id as usize];
            if *place == 0 {
                self.rows.push(id as u32);
                *place = self.rows.len() as u32;
                self.sums.extend_from_slice(gradient);
            } else {
                let at = (*place as usize - 1) * width;
                for (sum, g) in self.sums[at..at + width].iter_mut().zip(gradient) {
                    *sum += g;
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

    fn table() -> Tensor {
        Tensor::arange(8, (Kind::Float, Device::Cpu)).view([4, 2]) / 4.
    }

    fn gradient() -> Tensor {
        Tensor::from_slice(&[1f32, 2., 3., -1., 0.5, 0.5]).view([3, 2])
    }

    #[test]
    fn leaves_other_rows_alone_and_sums_repeated_ids() {
        let mut adagrad = RowOptimizer::new(Rule::Adagrad, 0.1, 0., table());
        let ids = [3, 1, 3];
        let parts = [gradient().narrow(0, 0, 1), gradient().narrow(0, 1, 2)];
        adagrad.step(&ids, &parts).unwrap();
        let got = Vec::<f32>::try_from(&adagrad.table.flatten(0, -1)).unwrap();
        assert_eq!(got[..2], [0., 0.25]);
        assert_eq!(got[4..6], [1., 1.25]);
        // Row 3: g = (1.5, 2.5), accumulator (2.25 + 6.25) / 2 = 4.25.
        let rate = 0.1 / 4.25f32.sqrt();
        assert!((got[6] - (1.5 - rate * 1.5)).abs() < 1e-6);
        assert!((got[7] - (1.75 - rate * 2.5)).abs() < 1e-6);
    }

    /// The kernel in place and the operators that a GPU uses are one rule.
    #[test]
    fn both_paths_take_the_same_steps() {
        for rule in [Rule::Adam, Rule::Adagrad] {
            let mut a = RowOptimizer::new(rule, 0.1, 0.01, table());
            let mut b = RowOptimizer::new(rule, 0.1, 0.01, table());
            for ids in [[3, 1, 3], [0, 0, 1]] {
                let tensor = Tensor::from_slice(&ids);
                a.step(&ids, &[gradient()]).unwrap();
                b.step += 1;
                b.step_by_operators(&tensor, &gradient()).unwrap();
            }
            assert!(a.table.allclose(&b.table, 1e-5, 1e-6, false), "{rule:?}");
        }
    }
}
