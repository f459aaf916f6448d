//! One-gate mixture of experts.
//! J. Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
//! Mixture-of-Experts", KDD 2018, section 4.2: the model that the multi-gate one is held against.
//!
//! `y_t = tower_t(sum_e g(x)_e * f_e(x))`, `g(x) = softmax(W x + b)`.
//! Shapes: B rows, F inputs, E experts, H expert width, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Spec, Towers};
use crate::error::Result;
use crate::layer::{Gates, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "omoe",
    summary: "experts shared by all tasks, mixed by one softmax gate",
    paper: "J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate \
            Mixture-of-Experts, KDD 2018",
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// Experts, their gate and the towers in task order.
struct Omoe {
    experts: ParallelMlp,
    gate: Gates,
    towers: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, units) = (spec.inputs(), &config.expert_units);
    let (count, rate) = (config.num_experts, config.dropout);
    let width = units.last().copied().unwrap_or(inputs);
    let expert = &(path / "expert");
    Ok(Box::new(Omoe {
        experts: ParallelMlp::new(expert, count, Reads::One, inputs, units, rate)?,
        gate: Gates::new(&(path / "gate"), inputs, 1, count)?,
        towers: Towers::new(&(path / "tower"), spec, Reads::One, width)?,
    }))
}

impl MultiTask for Omoe {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let x = &input.flat; // [B, F]
        let experts = self.experts.forward(x, None, mode)?; // [E, B, H]
        let mixed = self.gate.mix(x, &experts, None, mode)?.f_squeeze_dim(0)?; // [B, H]
        self.towers.forward(&mixed, tasks, mode)
    }
}
