//! Task towers: for each task, layers of its own and a linear output.
//!
//! Shapes: B rows, F inputs, T tasks, H units of the last layer.

use tch::{Kind, Tensor};

use super::Spec;
use crate::error::Result;
use crate::layer::{Init, Mode, ParallelMlp, Path, Reads};

/// The towers of all tasks, computed as batched products.
pub struct Towers {
    layers: ParallelMlp,
    heads: Vec<(Tensor, Tensor)>, // weight [H, width], bias [width], f32
}

impl Towers {
    /// A tower on `inputs` values a row for each task; they read one input or each its own.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, spec: &Spec, reads: Reads, inputs: i64) -> Result<Self> {
        let units = &spec.config.tower_units;
        let layers = ParallelMlp::new(path, spec.num_tasks(), reads, inputs, units, 0.)?;
        let fan_in = units.last().copied().unwrap_or(inputs);
        let heads = spec
            .tasks
            .iter()
            .map(|task| {
                let at = &(path / "head") / task.name.as_str();
                let init = Init::Lecun { fan_in };
                Ok((
                    at.weight("weight", &[fan_in, task.width], init)?,
                    at.weight("bias", &[task.width], Init::Values(&task.prior))?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers, heads })
    }

    /// The logits of `tasks`, `[B, width]` f32 each. `x` is `[B, F]`, or `[len, B, F]` with an input for
    /// each of `tasks`.
    ///
    /// # Errors
    /// `Torch` when there is no memory left.
    pub fn forward(&self, x: &Tensor, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let only = self.selection(tasks, x)?;
        let h = self.layers.forward(x, only.as_ref(), mode)?; // [len, B, H]
        tasks
            .iter()
            .enumerate()
            .map(|(i, &task)| {
                let (weight, bias) = &self.heads[task];
                // A logit of eight bits would make ties: the last product is one of f32.
                let h = h.f_select(0, i as i64)?.f_to_kind(Kind::Float)?;
                Ok(bias.f_addmm(&h, weight)?)
            })
            .collect()
    }

    /// `tasks` as an index tensor; none when it is all of them.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn selection(&self, tasks: &[usize], x: &Tensor) -> Result<Option<Tensor>> {
        if tasks.len() == self.heads.len() {
            return Ok(None);
        }
        let tasks: Vec<_> = tasks.iter().map(|&t| t as i64).collect();
        Ok(Some(Tensor::f_from_slice(&tasks)?.f_to_device(x.device())?))
    }
}
