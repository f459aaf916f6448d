//! Parameter and embedding personalized network, and each of its halves.
//! J. Chang et al., "PEPNet: Parameter and Embedding Personalized Network for Infusing with
//! Personalized Prior Information", KDD 2023.
//!
//! A gate is `2 * sigmoid(W' relu(W [prior, x]))`, through whose `x` no gradient flows. EPNet scales
//! every value of the input by a gate whose prior is the scenario's embedding. PPNet gives every task a
//! network of its own, each layer of which is scaled by a gate whose priors are the embeddings of user
//! and item.
//! Shapes: B rows, F inputs, P values of a prior, H units of a layer, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::Result;
use crate::layer::{Linear, Mlp, Mode, ParallelMlp, Path, Reads};

const PAPER: &str = "J. Chang et al., PEPNet: Parameter and Embedding Personalized Network for Infusing \
                     with Personalized Prior Information, KDD 2023";

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "pepnet",
    summary: "embeddings scaled by the scenario, each task's layers by user and item",
    paper: PAPER,
    needs: &[Need::Scenario, Need::UserOrItem],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build: |spec, path| build(spec, path, true, true),
};

/// The entry of the half that scales embeddings.
pub const EMBEDDINGS: Architecture = Architecture {
    name: "epnet",
    summary: "embeddings scaled by the scenario, then a shared trunk",
    paper: PAPER,
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build: |spec, path| build(spec, path, true, false),
};

/// The entry of the half that scales layers.
pub const TOWERS: Architecture = Architecture {
    name: "ppnet",
    summary: "a network for each task, its layers scaled by user and item",
    paper: PAPER,
    needs: &[Need::UserOrItem],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build: |spec, path| build(spec, path, false, true),
};

struct PepNet {
    /// The gate of the input and the id column of its prior.
    embeddings: Option<(Gate, usize)>,
    body: Body,
    towers: Towers,
}

/// What stands between input and towers.
enum Body {
    Trunk(Mlp),
    /// Of each layer the tasks' networks and their gate; the id columns of the prior.
    Tasks(Vec<(ParallelMlp, Gate)>, Vec<usize>),
}

/// `2 * sigmoid(W' relu(W [prior, x]))`.
struct Gate {
    hidden: Mlp,
    output: Linear,
}

impl Gate {
    fn new(path: &Path, inputs: i64, outputs: i64) -> Result<Self> {
        Ok(Self {
            hidden: Mlp::new(&(path / "hidden"), inputs, &[outputs], 0.)?,
            output: Linear::new(&(path / "output"), 1, outputs, outputs)?,
        })
    }

    /// `[B, H]` between 0 and 2.
    fn forward(&self, prior: &[Tensor], x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut read: Vec<_> = prior.iter().map(Tensor::shallow_clone).collect();
        read.push(x.f_detach()?);
        let hidden = self.hidden.forward(&Tensor::f_cat(&read, 1)?, mode)?;
        Ok(self.output.one(&hidden)?.f_sigmoid()?.f_mul_scalar(2.)?)
    }
}

fn build(spec: &Spec, path: &Path, embeddings: bool, layers: bool) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, width) = (spec.inputs(), spec.embedding_dim);
    let embeddings = match (embeddings, spec.scenario) {
        (true, Some(scenario)) => {
            let gate = Gate::new(&(path / "embedding_gate"), width + inputs, inputs)?;
            Some((gate, scenario.column))
        }
        _ => None,
    };
    let units = &config.hidden_units;
    let h = units.last().copied().unwrap_or(inputs);
    let (body, reads) = match layers {
        false => {
            let trunk = Mlp::new(&(path / "trunk"), inputs, units, config.dropout)?;
            (Body::Trunk(trunk), Reads::One)
        }
        true => {
            let prior: Vec<_> = spec.user.into_iter().chain(spec.item).collect();
            let known = prior.len() as i64 * width + inputs;
            let tasks = spec.num_tasks();
            let mut below = inputs;
            let mut stack = Vec::new();
            for (i, &units) in units.iter().enumerate() {
                let at = &(path / "layer") / i;
                let reads = if i == 0 { Reads::One } else { Reads::Each };
                let layer = ParallelMlp::new(&at, tasks, reads, below, &[units], config.dropout)?;
                stack.push((layer, Gate::new(&(&at / "gate"), known, tasks * units)?));
                below = units;
            }
            (Body::Tasks(stack, prior), Reads::Each)
        }
    };
    Ok(Box::new(PepNet {
        embeddings,
        body,
        towers: Towers::new(&(path / "tower"), spec, reads, h)?,
    }))
}

impl MultiTask for PepNet {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let mut x = input.flat.shallow_clone();
        if let Some((gate, column)) = &self.embeddings {
            x = gate
                .forward(&[input.field(*column)?], &x, mode)?
                .f_mul(&x)?;
        }
        match &self.body {
            Body::Trunk(trunk) => self.towers.forward(&trunk.forward(&x, mode)?, tasks, mode),
            Body::Tasks(layers, columns) => {
                let prior = columns
                    .iter()
                    .map(|&c| input.field(c))
                    .collect::<Result<Vec<_>>>()?;
                let mut h = x.shallow_clone();
                for (layer, gate) in layers {
                    let out = layer.forward(&h, None, mode)?; // [T, B, H]
                    let (all, rows, units) = out.size3()?;
                    let scale = gate.forward(&prior, &x, mode)?.f_view([rows, all, units])?;
                    h = out.f_mul(&scale.f_transpose(0, 1)?)?.f_contiguous()?;
                }
                if layers.is_empty() {
                    h = h.f_unsqueeze(0)?.f_repeat([tasks.len() as i64, 1, 1])?;
                } else if let Some(only) = self.towers.selection(tasks, &h)? {
                    h = h.f_index_select(0, &only)?;
                }
                self.towers.forward(&h, tasks, mode)
            }
        }
    }
}
