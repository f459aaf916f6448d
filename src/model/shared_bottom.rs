//! Shared bottom: one trunk for all tasks, one tower each.
//! R. Caruana, "Multitask Learning", Machine Learning 28, 1997.
//!
//! `h = trunk(x)`, `y_t = tower_t(h)`.
//! Shapes: B rows, F inputs, H trunk width, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Spec, Towers};
use crate::error::Result;
use crate::layer::{Mlp, Mode, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "shared_bottom",
    summary: "one trunk of layers for all tasks, one tower each",
    paper: "R. Caruana, Multitask Learning, Machine Learning 28, 1997",
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// Trunk and towers; towers stand in task order.
struct SharedBottom {
    trunk: Mlp,
    towers: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let inputs = spec.inputs();
    let width = config.hidden_units.last().copied().unwrap_or(inputs);
    Ok(Box::new(SharedBottom {
        trunk: Mlp::new(
            &(path / "trunk"),
            inputs,
            &config.hidden_units,
            config.dropout,
        )?,
        towers: Towers::new(&(path / "tower"), spec, Reads::One, width)?,
    }))
}

impl MultiTask for SharedBottom {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let h = self.trunk.forward(&input.flat, mode)?; // [B, H]
        self.towers.forward(&h, tasks, mode)
    }
}
