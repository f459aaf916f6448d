//! Multi-task attention network.
//! S. Liu et al., "End-to-End Multi-Task Learning with Attention", CVPR 2019; with fully connected
//! layers for the convolutions.
//!
//! Block j of the shared network computes `u_j = relu(p_(j-1))`, `p_j = relu(u_j)` with layers of its
//! own. A task takes from it `a_j = m_j * p_j`, `m_j = sigmoid(h_j(g_j([u_j, f_j(a_(j-1))])))`; `f_j` is
//! shared by the tasks, `g_j` and `h_j` are not.
//! Shapes: B rows, F inputs, H units of a block, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Spec, Towers};
use crate::error::Result;
use crate::layer::{Linear, Mlp, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "mtan",
    summary: "a shared network; each task weighs its features by attention masks",
    paper: "S. Liu et al., End-to-End Multi-Task Learning with Attention, CVPR 2019",
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

struct Mtan {
    blocks: Vec<Block>,
    towers: Towers,
}

/// One block; tasks stand in task order.
struct Block {
    first: Mlp,
    second: Mlp,
    /// `f`, in all blocks but the first.
    carry: Option<Mlp>,
    g: ParallelMlp,
    h: Linear,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let tasks = spec.num_tasks();
    let mut inputs = spec.inputs();
    let mut blocks = Vec::new();
    for (j, &units) in config.hidden_units.iter().enumerate() {
        let at = &(path / "block") / j;
        let read = if j == 0 { units } else { 2 * units };
        blocks.push(Block {
            first: Mlp::new(&(&at / "first"), inputs, &[units], config.dropout)?,
            second: Mlp::new(&(&at / "second"), units, &[units], config.dropout)?,
            carry: (j > 0)
                .then(|| Mlp::new(&(&at / "carry"), inputs, &[units], 0.))
                .transpose()?,
            g: ParallelMlp::new(&(&at / "g"), tasks, Reads::Each, read, &[units], 0.)?,
            h: Linear::new(&(&at / "h"), tasks, units, units)?,
        });
        inputs = units;
    }
    Ok(Box::new(Mtan {
        blocks,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, inputs)?,
    }))
}

impl MultiTask for Mtan {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let only = self.towers.selection(tasks, &input.flat)?;
        let (rows, count) = (input.flat.size()[0], tasks.len() as i64);
        let mut p = input.flat.shallow_clone();
        let mut taken: Option<Tensor> = None; // [T, B, H]
        for block in &self.blocks {
            let u = block.first.forward(&p, mode)?; // [B, H]
            p = block.second.forward(&u, mode)?;
            let width = u.size()[1];
            let each = u.f_unsqueeze(0)?.f_expand([count, rows, width], false)?;
            let read = match (&block.carry, &taken) {
                (Some(carry), Some(taken)) => {
                    let before = carry.forward(&taken.f_flatten(0, 1)?, mode)?; // [T * B, H]
                    Tensor::f_cat(&[each, before.f_view([count, rows, width])?], 2)?
                }
                _ => each.f_contiguous()?,
            };
            let g = block.g.forward(&read, only.as_ref(), mode)?;
            let mask = block.h.each(&g, only.as_ref())?.f_sigmoid()?; // [T, B, H]
            taken = Some(mask.f_mul(&p.f_unsqueeze(0)?)?);
        }
        let x = match taken {
            Some(taken) => taken,
            None => p
                .f_unsqueeze(0)?
                .f_expand([count, rows, p.size()[1]], false)?,
        };
        self.towers.forward(&x, tasks, mode)
    }
}
