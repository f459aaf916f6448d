//! Shared and task-specific embeddings.
//! L. Su et al., "STEM: Unleashing the Power of Embeddings for Multi-task Recommendation", AAAI 2024.
//!
//! Every id has an embedding that the tasks share and one for each task; `x_0` is a row with the former, `x_t` with
//! those of task t. Experts of a task read `x_t`, shared ones `x_0`. A task's gate mixes all of them,
//! `h_t = sum_e softmax(W_t (x_t + x_0) + b_t)_e f_e`, but no gradient flows from a task to the experts and
//! embeddings of another: all forward, task-specific backward. One level, as in the authors' experiments;
//! linear gates, where theirs have hidden layers.
//! Shapes: B rows, F inputs, K experts of a task, S shared experts, H expert width, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Spec, Towers};
use crate::error::Result;
use crate::layer::{Gates, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "stem",
    summary: "embeddings and experts of each task beside shared ones; all see all, but teach their own",
    paper: "L. Su et al., STEM: Unleashing the Power of Embeddings for Multi-task Recommendation, AAAI 2024",
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: true,
    build,
};

/// Experts, gates and towers; those of tasks stand in task order.
struct Stem {
    experts: Vec<ParallelMlp>,
    shared: ParallelMlp,
    gates: Vec<Gates>,
    towers: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, units, rate) = (spec.inputs(), &config.expert_units, config.dropout);
    let (own, shared) = (config.num_experts, config.num_shared_experts);
    let all = spec.num_tasks() * own + shared;
    let width = units.last().copied().unwrap_or(inputs);
    // Every task reads all experts side by side.
    path.computes(spec.num_tasks() * all * width);
    let experts = |path: &Path, count| {
        ParallelMlp::new(&(path / "expert"), count, Reads::One, inputs, units, rate)
    };
    let at = |name: &str| &(path / "task") / name;
    let tasks = spec.tasks.iter().map(|task| at(&task.name));
    let gate = |task: Path| Gates::new(&(&task / "gate"), inputs, 1, all);
    Ok(Box::new(Stem {
        gates: tasks.clone().map(gate).collect::<Result<_>>()?,
        experts: tasks
            .map(|task| experts(&task, own))
            .collect::<Result<_>>()?,
        shared: experts(&(path / "shared"), shared)?,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, width)?,
    }))
}

impl MultiTask for Stem {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let of_tasks = self.experts.iter().zip(&input.own);
        let own = of_tasks
            .map(|(experts, x)| experts.forward(x, None, mode))
            .collect::<Result<Vec<_>>>()?; // [K, B, H] each
        let shared = self.shared.forward(&input.flat, None, mode)?; // [S, B, H]
        let mut mixed = Vec::with_capacity(tasks.len());
        for &task in tasks {
            let mut seen = own
                .iter()
                .map(|experts| Ok(experts.f_detach()?))
                .collect::<Result<Vec<_>>>()?;
            seen[task] = own[task].shallow_clone();
            seen.push(shared.shallow_clone());
            let all = Tensor::f_cat(&seen, 0)?; // [T * K + S, B, H]
            let x = input.own[task].f_add(&input.flat)?;
            let gate = &self.gates[task];
            mixed.push(gate.mix(&x, &all, None, mode)?.f_squeeze_dim(0)?);
        }
        self.towers
            .forward(&Tensor::f_stack(&mixed, 0)?, tasks, mode)
    }
}
