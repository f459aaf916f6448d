//! Multi-gate mixture of experts.
//! J. Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
//! Mixture-of-Experts", KDD 2018.
//!
//! `y_t = tower_t(sum_e g_t(x)_e * f_e(x))`, `g_t(x) = softmax(W_t x + b_t)`.
//! Shapes: B rows, F inputs, E experts, H expert width, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Spec, Towers};
use crate::error::Result;
use crate::layer::{Gates, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "mmoe",
    summary: "experts shared by all tasks, mixed by a softmax gate for each task",
    paper: "J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate \
            Mixture-of-Experts, KDD 2018",
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// Experts, gates and towers; gates and towers stand in task order.
struct Mmoe {
    experts: ParallelMlp,
    gates: Gates,
    towers: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let inputs = spec.inputs();
    let width = config.expert_units.last().copied().unwrap_or(inputs);
    Ok(Box::new(Mmoe {
        experts: ParallelMlp::new(
            &(path / "expert"),
            config.num_experts,
            Reads::One,
            inputs,
            &config.expert_units,
            config.dropout,
        )?,
        gates: Gates::new(
            &(path / "gate"),
            inputs,
            spec.num_tasks(),
            config.num_experts,
        )?,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, width)?,
    }))
}

impl MultiTask for Mmoe {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let x = &input.flat; // [B, F]
        let experts = self.experts.forward(x, None, mode)?; // [E, B, H]
        let only = self.towers.selection(tasks, x)?;
        let mixed = self.gates.mix(x, &experts, only.as_ref(), mode)?; // [T, B, H]
        self.towers.forward(&mixed, tasks, mode)
    }
}
