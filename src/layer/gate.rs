//! Softmax gates over experts.
//!
//! Shapes: B rows, F inputs, G gates, E experts, H units of an expert.

use half::bf16;
use tch::{Device, Kind, Tensor};

use super::kernel::mixture::{self, Sizes};
use super::{Init, Mode, Path};
use crate::error::Result;
use crate::tensor::element::Element;
use crate::tensor::memory::{as_mut_slice, as_slice};

/// G linear gates on one input, each a softmax over E experts.
pub struct Gates {
    weight: Tensor, // [F, G, E]
    bias: Tensor,   // [G, E], f32
}

impl Gates {
    /// `gates` gates over `experts` experts.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(path: &Path, inputs: i64, gates: i64, experts: i64) -> Result<Self> {
        let init = Init::Lecun { fan_in: inputs };
        Ok(Self {
            weight: path.matrix("weight", &[inputs, gates, experts], init)?,
            bias: path.weight("bias", &[gates, experts], Init::Zeros)?,
        })
    }

    /// Mixes the experts for each gate: `x` is `[B, F]`, `experts` `[E, B, H]`; returns `[G, B, H]`, of
    /// the gates in `only` (an i64 list) where given.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn mix(
        &self,
        x: &Tensor,
        experts: &Tensor,
        only: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let gates = match only {
            Some(only) => Self {
                weight: self.weight.f_index_select(1, only)?,
                bias: self.bias.f_index_select(0, only)?,
            },
            None => self.share(),
        };
        let x = x.f_to_kind(self.weight.kind())?;
        if x.device() != Device::Cpu {
            return gates.by_operators(&x, experts);
        }
        // In libtorch's graph: experts without layers are a view of what is below.
        let experts = &experts.f_contiguous()?;
        match x.kind() {
            Kind::BFloat16 => gates.in_loops::<bf16>(&x, experts, mode),
            _ => gates.in_loops::<f32>(&x, experts, mode),
        }
    }

    fn share(&self) -> Self {
        Self {
            weight: self.weight.shallow_clone(),
            bias: self.bias.shallow_clone(),
        }
    }

    /// As libtorch's operators, which know their way back.
    fn by_operators(&self, x: &Tensor, experts: &Tensor) -> Result<Tensor> {
        let size = self.bias.size();
        let logits = x.f_mm(&self.weight.f_flatten(1, -1)?)?;
        let logits = logits.f_view([-1, size[0], size[1]])?.f_add(&self.bias)?;
        let shares = logits.f_softmax(-1, Kind::Float)?.f_to_kind(x.kind())?; // [B, G, E]
        // One small product a row: [B, G, E] x [B, E, H].
        let mixed = shares.f_bmm(&experts.f_transpose(0, 1)?)?;
        Ok(mixed.f_transpose(0, 1)?)
    }

    /// The product by libtorch, softmax and mixture in one loop.
    fn in_loops<T: Element>(&self, x: &Tensor, experts: &Tensor, mode: Mode) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let workspace = mode.workspace();
        let (gates, count) = (self.bias.size()[0], self.bias.size()[1]);
        let (rows, width) = (experts.size()[1], experts.size()[2]);
        let sizes = Sizes {
            rows: rows as usize,
            gates: gates as usize,
            experts: count as usize,
            width: width as usize,
        };
        let experts = experts.shallow_clone();
        let logits = workspace.take(&[rows, gates * count], T::KIND)?;
        let _ = x.f_mm_out(&logits, &self.weight.f_flatten(1, -1)?)?;
        let mut shares = workspace.take(&[rows, gates, count], Kind::Float)?;
        let mut mixed = workspace.take(&[gates, rows, width], T::KIND)?;
        // SAFETY: the buffers are this pass's own, each by itself; no optimizer steps during a pass.
        unsafe {
            mixture::forward::<T>(
                sizes,
                as_slice(&logits)?,
                as_slice(&self.bias)?,
                as_slice(&experts)?,
                as_mut_slice(&mut shares)?,
                as_mut_slice(&mut mixed)?,
            );
        }
        let Some(tape) = mode.tape() else {
            return Ok(mixed);
        };
        let inputs = vec![
            x.shallow_clone(),
            experts.shallow_clone(),
            self.weight.shallow_clone(),
            self.bias.shallow_clone(),
        ];
        let (gates, x) = (self.share(), x.shallow_clone());
        Ok(tape.record(inputs, mixed, move |dmixed, workspace| {
            // Nobody needs the logits any more.
            let mut dlogits = logits.shallow_clone();
            let mut dbias = workspace.zeros(&gates.bias.size(), Kind::Float)?;
            let mut dexperts = workspace.take(&experts.size(), T::KIND)?;
            let dmixed = dmixed.f_contiguous()?;
            // SAFETY: what the way there left and the buffers are this pass's own, each by itself.
            unsafe {
                mixture::backward::<T>(
                    sizes,
                    as_slice(&shares)?,
                    as_slice(&experts)?,
                    as_slice(&dmixed)?,
                    as_mut_slice(&mut dlogits)?,
                    as_mut_slice(&mut dbias)?,
                    as_mut_slice(&mut dexperts)?,
                );
            }
            let dweight = workspace.take(&gates.weight.size(), T::KIND)?;
            let _ = x.f_tr()?.f_mm_out(&dweight.f_flatten(1, -1)?, &dlogits)?;
            let mut dx = Tensor::new();
            if x.requires_grad() {
                dx = workspace.take(&x.size(), T::KIND)?;
                let _ = dlogits.f_mm_out(&dx, &gates.weight.f_flatten(1, -1)?.f_tr()?)?;
            }
            // Experts without layers, on numbers alone, learn nothing.
            if !experts.requires_grad() {
                dexperts = Tensor::new();
            }
            Ok(vec![dx, dexperts, dweight, dbias])
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Params, Tape, Workspace};
    use crate::random::Words;

    /// The loops and libtorch's operators are one layer: the same values and gradients.
    #[test]
    fn both_ways_give_the_same_values_and_gradients() {
        let params = Params::fresh(5, Device::Cpu);
        let _ = Gates::new(&params.root(), 6, 2, 3).unwrap();
        let leaves = params.leaves("").unwrap();
        let gates = Gates::new(&leaves.root(), 6, 2, 3).unwrap();
        let wave = |n: i64, step: f64| {
            let wave = (Tensor::arange(n, (Kind::Float, Device::Cpu)) * step).sin();
            wave.set_requires_grad(true)
        };
        let x = wave(24, 0.7).detach().view([4, 6]).set_requires_grad(true);
        let experts = wave(3 * 4 * 20, 1.3)
            .detach()
            .view([3, 4, 20])
            .set_requires_grad(true);
        let wanted = [&x, &experts, &gates.weight, &gates.bias].map(Tensor::shallow_clone);
        let run = |loops: bool| {
            let workspace = Workspace::default();
            let tape = Tape::new(Words::new(&[4]), &workspace);
            let mixed = match loops {
                true => gates.in_loops::<f32>(&x, &experts, Mode::Train(&tape)),
                false => gates.by_operators(&x, &experts),
            };
            let mixed = mixed.unwrap();
            let loss = (&mixed * &mixed).sum(Kind::Float);
            let values = mixed.detach().copy();
            let gradients = tape.backward(&loss, &wanted).unwrap();
            (
                values,
                gradients.iter().map(Tensor::copy).collect::<Vec<_>>(),
            )
        };
        let ((a, da), (b, db)) = (run(true), run(false));
        assert!(a.allclose(&b, 1e-5, 1e-6, false));
        for (a, b) in da.iter().zip(&db) {
            assert!(a.allclose(b, 1e-4, 1e-5, false), "{a} {b}");
        }
    }
}
