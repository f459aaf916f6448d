//! Entire space multi-task model.
//! X. Ma et al., "Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click
//! Conversion Rate", SIGIR 2018.
//!
//! Every task has a network of its own over the embeddings, which all share. The network of a task in
//! the funnel says how likely it is given the task before, and is trained by the product over all rows:
//! `p(buy) = p(click) * p(buy given click)`.
//! Shapes: B rows, F inputs, H units, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::Result;
use crate::layer::{Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "esmm",
    summary: "a network for each task over shared embeddings, trained by the product of the funnel",
    paper: "X. Ma et al., Entire Space Multi-Task Model: An Effective Approach for Estimating \
            Post-Click Conversion Rate, SIGIR 2018",
    needs: &[Need::Funnel],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// The tasks' networks in task order; the product is taken where every funnel's is.
struct Esmm {
    networks: ParallelMlp,
    towers: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, units) = (spec.inputs(), &config.hidden_units);
    let (at, count) = (&(path / "network"), spec.num_tasks());
    let width = units.last().copied().unwrap_or(inputs);
    Ok(Box::new(Esmm {
        networks: ParallelMlp::new(at, count, Reads::One, inputs, units, config.dropout)?,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, width)?,
    }))
}

impl MultiTask for Esmm {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let only = self.towers.selection(tasks, &input.flat)?;
        let h = self.networks.forward(&input.flat, only.as_ref(), mode)?; // [T, B, H]
        self.towers.forward(&h, tasks, mode)
    }
}
