//! Progressive layered extraction, and customized gate control, which is one level of it.
//! H. Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
//! Personalized Recommendations", RecSys 2020.
//!
//! Every level has experts of each task and experts that all share. A task's gate mixes its own and the
//! shared ones: `h_t = sum_e g_t(h_t')_e f_e`, `e` over both; the shared gate, in all levels but the
//! last, mixes all experts. What a gate and an expert read is the level below of their task, or of the
//! shared part: `x` at the bottom.
//! Shapes: B rows, F inputs, M experts of a task, S shared experts, H expert width, T tasks.

use tch::Tensor;

use super::{Architecture, FunnelRule, Input, MultiTask, Spec, Towers};
use crate::error::Result;
use crate::layer::{Gates, Mode, ParallelMlp, Path, Reads};

const PAPER: &str = "H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning \
                     (MTL) Model for Personalized Recommendations, RecSys 2020";

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "ple",
    summary: "experts of each task beside shared ones, in several levels",
    paper: PAPER,
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build: |spec, path| build(spec, path, spec.config.num_levels),
};

/// The entry of its one-level form.
pub const ONE_LEVEL: Architecture = Architecture {
    name: "cgc",
    summary: "experts of each task beside shared ones, in one level",
    paper: PAPER,
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build: |spec, path| build(spec, path, 1),
};

/// Levels and towers.
struct Ple {
    levels: Vec<Level>,
    towers: Towers,
}

/// One level; experts stand task by task, the shared ones last.
struct Level {
    experts: ParallelMlp,
    gates: Vec<Gates>,
    /// In all levels but the last.
    shared_gate: Option<Gates>,
    own: i64,
    shared: i64,
}

fn build(spec: &Spec, path: &Path, num_levels: i64) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let units = &config.expert_units;
    let (own, shared) = (config.num_experts, config.num_shared_experts);
    let all = spec.num_tasks() * own + shared;
    let mut inputs = spec.inputs();
    let mut levels = Vec::new();
    for number in 0..num_levels {
        let at = &(path / "level") / number as usize;
        let reads = if number == 0 { Reads::One } else { Reads::Each };
        let expert = &(&at / "expert");
        let gate = &at / "gate";
        levels.push(Level {
            experts: ParallelMlp::new(expert, all, reads, inputs, units, config.dropout)?,
            gates: spec
                .tasks
                .iter()
                .map(|task| Gates::new(&(&gate / task.name.as_str()), inputs, 1, own + shared))
                .collect::<Result<_>>()?,
            shared_gate: (number + 1 < num_levels)
                .then(|| Gates::new(&(&at / "shared_gate"), inputs, 1, all))
                .transpose()?,
            own,
            shared,
        });
        inputs = units.last().copied().unwrap_or(inputs);
    }
    Ok(Box::new(Ple {
        levels,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, inputs)?,
    }))
}

impl Level {
    /// `below` has what each task reads and, last, what the shared part reads, `[B, F]` each; at the
    /// bottom one input for all. Returns the same of this level, `[B, H]`, without the shared part in
    /// the last one.
    fn forward(&self, below: &[Tensor], mode: Mode) -> Result<Vec<Tensor>> {
        let of = |part: usize| below.get(part).or(below.last());
        let experts = match below {
            [one] => self.experts.forward(one, None, mode)?,
            many => {
                let (shared, tasks) = many.split_last().unwrap_or((&many[0], many));
                let own = tasks
                    .iter()
                    .flat_map(|x| std::iter::repeat_n(x, self.own as usize));
                let all: Vec<_> = own
                    .chain(std::iter::repeat_n(shared, self.shared as usize))
                    .collect();
                self.experts
                    .forward(&Tensor::f_stack(&all, 0)?, None, mode)?
            }
        }; // [T * M + S, B, H]
        let tasks = self.gates.len() as i64;
        let shared = experts.f_narrow(0, tasks * self.own, self.shared)?;
        let mut above = Vec::with_capacity(self.gates.len() + 1);
        for (t, gate) in self.gates.iter().enumerate() {
            let own = experts.f_narrow(0, t as i64 * self.own, self.own)?;
            let mine = Tensor::f_cat(&[&own, &shared], 0)?; // [M + S, B, H]
            if let Some(x) = of(t) {
                above.push(gate.mix(x, &mine, None, mode)?.f_squeeze_dim(0)?);
            }
        }
        if let (Some(gate), Some(x)) = (&self.shared_gate, below.last()) {
            above.push(gate.mix(x, &experts, None, mode)?.f_squeeze_dim(0)?);
        }
        Ok(above)
    }
}

impl MultiTask for Ple {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let mut h = vec![input.flat.shallow_clone()];
        for level in &self.levels {
            h = level.forward(&h, mode)?;
        }
        let asked: Vec<_> = tasks.iter().map(|&t| &h[t]).collect();
        self.towers
            .forward(&Tensor::f_stack(&asked, 0)?, tasks, mode)
    }
}
