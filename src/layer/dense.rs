//! Fully connected layers with bias, ReLU and dropout: G of them side by side.
//!
//! Shapes: G layers, B rows, F inputs, H units.

use half::bf16;
use tch::{Device, Kind, Tensor};

use super::kernel::activation::{self, Dropout, Rows, keep_scale};
use super::{Init, Mode, Path, Workspace, dropout};
use crate::error::Result;
use crate::tensor::element::Element;
use crate::tensor::memory::{as_mut_slice, as_slice};

/// What G layers side by side read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// All the same `[B, F]`: they are computed as one product.
    One,
    /// Each its own, `[G, B, F]`: a batched product.
    Each,
}

/// G layers of one size.
pub struct Dense {
    weight: Tensor, // [F, G, H] where all read one input, [G, F, H] where each reads its own
    bias: Tensor,   // [G, 1, H], f32
    reads: Reads,
    rate: f64,
}

impl Dense {
    /// `groups` layers of `units` units on `inputs` values a row, of which training leaves out the
    /// share `rate`.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(
        path: &Path,
        reads: Reads,
        [groups, inputs, units]: [i64; 3],
        rate: f64,
    ) -> Result<Self> {
        let shape = match reads {
            Reads::One => [inputs, groups, units],
            Reads::Each => [groups, inputs, units],
        };
        let init = Init::He { fan_in: inputs };
        Ok(Self {
            weight: path.matrix("weight", &shape, init)?,
            bias: path.weight("bias", &[groups, 1, units], Init::Zeros)?,
            reads,
            rate,
        })
    }

    /// `x` is `[B, F]` or `[G, B, F]`; returns `[G, B, H]`. With `only`, an i64 list of layers, `x` and
    /// the result have just these.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn forward(&self, x: &Tensor, only: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
        let x = x.f_to_kind(self.weight.kind())?;
        let layer = self.selected(only)?;
        match (x.device(), x.kind()) {
            (Device::Cpu, Kind::BFloat16) => layer.in_loops::<bf16>(&x, mode),
            (Device::Cpu, _) => layer.in_loops::<f32>(&x, mode),
            _ => layer.by_operators(&x, mode),
        }
    }

    fn selected(&self, only: Option<&Tensor>) -> Result<Self> {
        let pick = |tensor: &Tensor, dim| match only {
            Some(only) => tensor.f_index_select(dim, only),
            None => Ok(tensor.shallow_clone()),
        };
        Ok(Self {
            weight: pick(&self.weight, i64::from(self.reads == Reads::One))?,
            bias: pick(&self.bias, 0)?,
            ..*self
        })
    }

    fn sizes(&self, x: &Tensor) -> (i64, i64, i64) {
        let (rows, size) = (x.size()[x.dim() - 2], self.bias.size());
        (size[0], rows, size[2])
    }

    /// As libtorch's operators, which know their way back.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn by_operators(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (groups, rows, units) = self.sizes(x);
        let product = match self.reads {
            Reads::One => x
                .f_mm(&self.weight.f_flatten(1, -1)?)?
                .f_view([rows, groups, units])?
                .f_transpose(0, 1)?,
            Reads::Each => x.f_bmm(&self.weight)?,
        };
        let sum = product.f_add(&self.bias.f_to_kind(product.kind())?)?;
        Ok(dropout(sum.f_relu()?, self.rate, mode))
    }

    /// The product by libtorch, all else in one loop over its result.
    fn in_loops<E: Element>(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let (groups, rows, units) = self.sizes(x);
        let workspace = mode.workspace();
        let product = workspace.take(&self.product_shape(rows), E::KIND)?;
        let _ = match self.reads {
            Reads::One => x.f_mm_out(&product, &self.weight.f_flatten(1, -1)?)?,
            Reads::Each => x.f_bmm_out(&product, &self.weight)?,
        };
        let mut y = workspace.take(&[groups, rows, units], E::KIND)?;
        let drop = mode.tape().filter(|_| self.rate > 0.);
        let drop = drop.map(|tape| Dropout {
            draws: tape.draws(),
            rate: self.rate,
        });
        // SAFETY: both buffers are this pass's own and not one; no optimizer steps during a pass.
        unsafe {
            let (product, bias) = (as_slice(&product)?, as_slice(&self.bias)?);
            let y = as_mut_slice(&mut y)?;
            activation::forward::<E>(product, self.layout(rows), bias, drop, y);
        }
        let Some(tape) = mode.tape() else {
            return Ok(y);
        };
        let inputs = vec![
            x.shallow_clone(),
            self.weight.shallow_clone(),
            self.bias.shallow_clone(),
        ];
        let (layer, x, out) = (self.selected(None)?, x.shallow_clone(), y.shallow_clone());
        Ok(tape.record(inputs, y, move |dy, workspace| {
            layer.gradients::<E>(&x, &out, dy, product.shallow_clone(), workspace)
        }))
    }

    /// Gradients of input, weight and bias. `buffer` has room for that of the product.
    fn gradients<E: Element>(
        &self,
        x: &Tensor,
        y: &Tensor,
        dy: &Tensor,
        mut buffer: Tensor,
        workspace: &Workspace,
    ) -> Result<Vec<Tensor>> {
        let rows = x.size()[x.dim() - 2];
        let mut dbias = workspace.zeros(&self.bias.size(), Kind::Float)?;
        let dy = dy.f_contiguous()?;
        // SAFETY: output, its gradient and the two buffers are this pass's own, each by itself.
        unsafe {
            activation::backward::<E>(
                as_slice(y)?,
                as_slice(&dy)?,
                keep_scale(self.rate),
                self.layout(rows),
                as_mut_slice(&mut buffer)?,
                as_mut_slice(&mut dbias)?,
            );
        }
        let dweight = workspace.take(&self.weight.size(), E::KIND)?;
        let weight = match self.reads {
            Reads::One => {
                let _ = x.f_tr()?.f_mm_out(&dweight.f_flatten(1, -1)?, &buffer)?;
                self.weight.f_flatten(1, -1)?
            }
            Reads::Each => {
                let _ = x.f_transpose(1, 2)?.f_bmm_out(&dweight, &buffer)?;
                self.weight.shallow_clone()
            }
        };
        let mut dx = Tensor::new();
        if x.requires_grad() {
            dx = workspace.take(&x.size(), E::KIND)?;
            let back = weight.f_transpose(-2, -1)?;
            let _ = match self.reads {
                Reads::One => buffer.f_mm_out(&dx, &back)?,
                Reads::Each => buffer.f_bmm_out(&dx, &back)?,
            };
        }
        Ok(vec![dx, dweight, dbias])
    }

    fn product_shape(&self, rows: i64) -> Vec<i64> {
        let size = self.bias.size();
        match self.reads {
            Reads::One => vec![rows, size[0] * size[2]],
            Reads::Each => vec![size[0], rows, size[2]],
        }
    }

    /// How a product of `rows` rows lies in memory.
    fn layout(&self, rows: i64) -> Rows {
        let size = self.bias.size();
        let (groups, units) = (size[0] as usize, size[2] as usize);
        match self.reads {
            Reads::One => Rows::by_row(groups, rows as usize, units),
            Reads::Each => Rows::by_group(groups, rows as usize, units),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Params, Tape};
    use crate::random::Words;

    /// The loops and libtorch's operators are one layer: the same values, dropped units and gradients.
    #[test]
    fn both_ways_give_the_same_values_and_gradients() {
        let cases = [
            (Reads::One, Kind::Float),
            (Reads::Each, Kind::Float),
            (Reads::One, Kind::BFloat16),
        ];
        for (reads, kind) in cases {
            let params = Params::fresh(3, Device::Cpu);
            let _ = Dense::new(&params.root(), reads, [3, 6, 8], 0.25).unwrap();
            let leaves = params.working(kind).unwrap().leaves("").unwrap();
            let layer = Dense::new(&leaves.root(), reads, [3, 6, 8], 0.25).unwrap();
            let shape: &[i64] = if reads == Reads::One {
                &[5, 6]
            } else {
                &[3, 5, 6]
            };
            let numel = shape.iter().product::<i64>();
            let x = (Tensor::arange(numel, (Kind::Float, Device::Cpu)) * 0.7).sin();
            let x = x.view(shape).to_kind(kind).set_requires_grad(true);
            let wanted = [&x, &layer.weight, &layer.bias].map(Tensor::shallow_clone);
            let run = |loops: bool| {
                let workspace = Workspace::default();
                let tape = Tape::new(Words::new(&[4]), &workspace);
                let mode = Mode::Train(&tape);
                let y = match (loops, kind) {
                    (true, Kind::Float) => layer.in_loops::<f32>(&x, mode),
                    (true, _) => layer.in_loops::<bf16>(&x, mode),
                    (false, _) => layer.by_operators(&x, mode),
                };
                let y = y.unwrap();
                let y32 = y.to_kind(Kind::Float);
                let loss = (&y32 * &y32).sum(Kind::Float);
                let values = y32.detach().copy();
                let gradients = tape.backward(&loss, &wanted).unwrap();
                (
                    values,
                    gradients
                        .iter()
                        .map(|g| g.to_kind(Kind::Float).copy())
                        .collect::<Vec<_>>(),
                )
            };
            let ((a, da), (b, db)) = (run(true), run(false));
            let tolerance = if kind == Kind::Float { 1e-5 } else { 0.04 };
            assert!(
                a.allclose(&b, tolerance, tolerance, false),
                "{reads:?} {kind:?}"
            );
            assert!(a.eq(0.).sum(Kind::Int64).int64_value(&[]) > 30);
            for (a, b) in da.iter().zip(&db) {
                assert!(
                    a.allclose(b, tolerance, 5. * tolerance, false),
                    "{reads:?} {kind:?}"
                );
            }
        }
    }
}
