//! Task towers: for each task, layers of its own and a linear output.
//!
//! Shapes: B rows, F inputs, T tasks, H units of the last layer.

use tch::Tensor;

use super::TaskSpec;
use crate::error::Result;
use crate::layer::{Init, Mode, ParallelMlp, Path};

/// The towers of all tasks, computed as batched products.
pub struct Towers {
    layers: ParallelMlp,
    heads: Vec<(Tensor, Tensor)>, // weight [H, width], bias [width]
}

impl Towers {
    /// A tower on `inputs` values a row for each task.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, tasks: &[TaskSpec], inputs: i64, units: &[i64]) -> Result<Self> {
        let layers = ParallelMlp::new(path, tasks.len() as i64, inputs, units, 0.)?;
        let fan_in = units.last().copied().unwrap_or(inputs);
        let heads = tasks
            .iter()
            .map(|task| {
                let at = &(path / "head") / task.name.as_str();
                let init = Init::Lecun { fan_in };
                Ok((
                    at.weight("weight", &[fan_in, task.width], init)?,
                    at.weight("bias", &[task.width], Init::Constant(task.prior))?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers, heads })
    }

    /// The logits of `tasks`, `[B, width]` each. `x` has an input for each of these: `[len, B, F]`.
    pub fn forward(&self, x: &Tensor, tasks: &[usize], mode: Mode) -> Vec<Tensor> {
        let only = self.selection(tasks, x);
        let h = self.layers.forward_each(x, only.as_ref(), mode); // [len, B, H]
        tasks
            .iter()
            .enumerate()
            .map(|(i, &task)| {
                let (weight, bias) = &self.heads[task];
                bias.addmm(&h.get(i as i64), weight)
            })
            .collect()
    }

    /// `tasks` as an index tensor; none when it is all of them.
    pub fn selection(&self, tasks: &[usize], x: &Tensor) -> Option<Tensor> {
        (tasks.len() < self.heads.len()).then(|| {
            let tasks: Vec<_> = tasks.iter().map(|&t| t as i64).collect();
            Tensor::from_slice(&tasks).to_device(x.device())
        })
    }
}
