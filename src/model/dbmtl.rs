//! Deep Bayesian multi-target learning.
//! Q. Wang et al., "Deep Bayesian Multi-Target Learning for Recommender Systems", 2019
//! (arXiv:1902.09154).
//!
//! Over a shared trunk every task has layers of its own, `e_t`. What tasks cause each other is modelled
//! by the chain rule: `p(y_t | x, y_1 .. y_(t-1))` reads `r_t = relu(W_t [e_t, r_1 .. r_(t-1)])`, along
//! the funnel or else the order of the tasks.
//! Shapes: B rows, F inputs, H units of the trunk, W units of a task's layers, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::Result;
use crate::layer::{Mlp, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "dbmtl",
    summary: "a shared trunk; each task reads what the tasks before it have found",
    paper: "Q. Wang et al., Deep Bayesian Multi-Target Learning for Recommender Systems, 2019",
    needs: &[Need::SecondTask],
    funnel: FunnelRule::Own,
    task_embeddings: false,
    build,
};

struct Dbmtl {
    trunk: Mlp,
    layers: ParallelMlp,
    chain: Vec<usize>,
    /// One for each task of the chain.
    relations: Vec<Mlp>,
    heads: Towers,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, units) = (spec.inputs(), &config.hidden_units);
    let h = units.last().copied().unwrap_or(inputs);
    let (at, count) = (&(path / "task"), spec.num_tasks());
    let width = config.tower_units.last().copied().unwrap_or(h);
    let chain = spec.chain();
    let relation = |(depth, task): (usize, &usize)| {
        let at = &(path / "relation") / spec.tasks[*task].name.as_str();
        Mlp::new(&at, width * (1 + depth as i64), &[width], 0.)
    };
    // The heads are linear: what stands before them is the relation's.
    let mut linear = spec.clone();
    linear.config.tower_units = Vec::new();
    Ok(Box::new(Dbmtl {
        trunk: Mlp::new(&(path / "trunk"), inputs, units, config.dropout)?,
        layers: ParallelMlp::new(at, count, Reads::One, h, &config.tower_units, 0.)?,
        relations: chain
            .iter()
            .enumerate()
            .map(relation)
            .collect::<Result<_>>()?,
        chain,
        heads: Towers::new(&(path / "tower"), &linear, Reads::Each, width)?,
    }))
}

impl MultiTask for Dbmtl {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let h = self.trunk.forward(&input.flat, mode)?; // [B, H]
        let own = self.layers.forward(&h, None, mode)?; // [T, B, W]
        let mut found: Vec<_> = (0..own.size()[0]).map(|t| own.get(t)).collect();
        let mut before: Vec<Tensor> = Vec::new();
        for (&task, relation) in self.chain.iter().zip(&self.relations) {
            let mut read = vec![found[task].shallow_clone()];
            read.extend(before.iter().map(Tensor::shallow_clone));
            let r = relation.forward(&Tensor::f_cat(&read, 1)?, mode)?; // [B, W]
            found[task] = r.shallow_clone();
            before.push(r);
        }
        let asked: Vec<_> = tasks.iter().map(|&t| &found[t]).collect();
        self.heads
            .forward(&Tensor::f_stack(&asked, 0)?, tasks, mode)
    }
}
