//! Hierarchical information extraction network.
//! J. Zhou et al., "HiNet: Novel Multi-Scenario & Multi-Task Learning with Hierarchical Information
//! Extraction", ICDE 2023.
//!
//! A module of sub-experts is `sum_k softmax(W x)_k f_k(x)`. One is shared, `G`, and every scenario has
//! one, `S_j`. The scenario-aware attention of scenario i takes from the others
//! `A_i = sum_(j != i) softmax_(j != i)(V e_i + v)_j S_j`, with the scenario's embedding `e_i`. Experts of each
//! task and shared ones (customized gate control) read `C_i = [G, S_i, A_i]`. A scenario that training has
//! not seen has no module of its own, and takes from all.
//! Shapes: B rows, F inputs, K sub-experts of a module, M scenarios, H expert width, T tasks.

use tch::{Kind, Tensor};

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::{Error, Result};
use crate::layer::{Gates, Linear, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "hinet",
    summary: "experts of each scenario and what they take from other scenarios, then experts of each task",
    paper: "J. Zhou et al., HiNet: Novel Multi-Scenario & Multi-Task Learning with Hierarchical \
            Information Extraction, ICDE 2023",
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

struct HiNet {
    /// Sub-experts, module by module: the shared one, then those of the scenarios by id, from 1.
    sub_experts: ParallelMlp,
    /// One for each module.
    gates: Vec<Gates>,
    attention: Linear,
    /// Of each task, then the shared ones.
    experts: ParallelMlp,
    task_gates: Vec<Gates>,
    towers: Towers,
    column: usize,
    sub: i64,
    own: i64,
    shared: i64,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let scenario = spec
        .scenario
        .ok_or_else(|| Error::internal("hinet without a scenario"))?;
    let (inputs, units, rate) = (spec.inputs(), &config.expert_units, config.dropout);
    let (sub, modules) = (config.num_experts, scenario.count);
    let h = units.last().copied().unwrap_or(inputs);
    let (own, shared) = (config.num_experts, config.num_shared_experts);
    let all = spec.num_tasks() * own + shared;
    let extracted = 3 * h;
    let width = units.last().copied().unwrap_or(extracted);
    let at = &(path / "scenario");
    Ok(Box::new(HiNet {
        sub_experts: ParallelMlp::new(
            &(at / "expert"),
            modules * sub,
            Reads::One,
            inputs,
            units,
            rate,
        )?,
        gates: (0..modules)
            .map(|module| Gates::new(&(&(at / "gate") / module as usize), inputs, 1, sub))
            .collect::<Result<_>>()?,
        attention: Linear::new(&(at / "attention"), 1, spec.embedding_dim, modules - 1)?,
        experts: ParallelMlp::new(&(path / "expert"), all, Reads::One, extracted, units, rate)?,
        task_gates: spec
            .tasks
            .iter()
            .map(|task| {
                Gates::new(
                    &(&(path / "gate") / task.name.as_str()),
                    extracted,
                    1,
                    own + shared,
                )
            })
            .collect::<Result<_>>()?,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, width)?,
        column: scenario.column,
        sub,
        own,
        shared,
    }))
}

impl HiNet {
    /// `[B, 3 H]`.
    fn extract(&self, input: &Input, mode: Mode) -> Result<Tensor> {
        let x = &input.flat;
        let scenario = input
            .scenario
            .as_ref()
            .ok_or_else(|| Error::internal("hinet got rows without a scenario"))?;
        let experts = self.sub_experts.forward(x, None, mode)?; // [(1 + M) * K, B, H]
        let mut modules = Vec::with_capacity(self.gates.len());
        for (module, gate) in self.gates.iter().enumerate() {
            let own = experts.f_narrow(0, module as i64 * self.sub, self.sub)?;
            modules.push(gate.mix(x, &own, None, mode)?.f_squeeze_dim(0)?);
        }
        let all = Tensor::f_stack(&modules[1..], 1)?; // [B, M, H]
        let ids = Tensor::f_arange_start(1, 1 + all.size()[1], (Kind::Int64, x.device()))?;
        let own = scenario.f_unsqueeze(1)?.f_eq_tensor(&ids)?; // [B, M]
        let fit = self.attention.one(&input.field(self.column)?)?;
        // Nothing of its own, also where there is no other.
        let fit = fit.f_masked_fill(&own, -1e9)?;
        let share = fit
            .f_softmax(1, Kind::Float)?
            .f_masked_fill(&own, 0.)?
            .f_to_kind(all.kind())?
            .f_unsqueeze(1)?;
        let others = share.f_bmm(&all)?.f_squeeze_dim(1)?; // [B, H]
        let own = own
            .f_to_kind(all.kind())?
            .f_unsqueeze(1)?
            .f_bmm(&all)?
            .f_squeeze_dim(1)?;
        Ok(Tensor::f_cat(&[&modules[0], &own, &others], 1)?)
    }
}

impl MultiTask for HiNet {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let c = self.extract(input, mode)?;
        let experts = self.experts.forward(&c, None, mode)?; // [T * M + S, B, H]
        let count = self.task_gates.len() as i64;
        let shared = experts.f_narrow(0, count * self.own, self.shared)?;
        let mut mixed = Vec::with_capacity(tasks.len());
        for &task in tasks {
            let own = experts.f_narrow(0, task as i64 * self.own, self.own)?;
            let mine = Tensor::f_cat(&[&own, &shared], 0)?;
            mixed.push(
                self.task_gates[task]
                    .mix(&c, &mine, None, mode)?
                    .f_squeeze_dim(0)?,
            );
        }
        self.towers
            .forward(&Tensor::f_stack(&mixed, 0)?, tasks, mode)
    }
}
