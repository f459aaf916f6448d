//! Multi-scenario multi-task meta learning: what is known of the scenario makes the weights of layers.
//! Q. Zhang et al., "Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for
//! Advertiser Modeling", WSDM 2022.
//!
//! A meta unit of scenario p computes `meta_p(z) = a(W_p z + b_p)`, where `W_p` and `b_p` are linear in the
//! scenario's knowledge `k_p = a(K s_p + k)`; `a` is a leaky ReLU. Meta attention gives a task the experts
//! `r_t = sum_e softmax_e(v_t meta_p([f_e, q_t])) f_e` of its view `q_t`; the meta tower goes on by
//! `r' = a(meta_p(r) + r)` in several levels, each with a unit of its own, to the task's tower. Units are
//! shared by the tasks. In the paper experts read what a transformer makes of behaviour sequences: here the
//! row. An unseen scenario has the mean of the others' `s_p`.
//! Shapes: B rows, F inputs, E experts, H expert width, N values of `s_p` and `k_p`, M scenarios, P of them
//! in a batch, T tasks.

use tch::{Kind, Tensor};

use super::by_scenario::{ByScenario, with_unseen};
use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::{Error, Result};
use crate::layer::{Init, Linear, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "m2m",
    summary: "experts mixed and carried on by layers whose weights are made from the scenario",
    paper: "Q. Zhang et al., Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach \
            for Advertiser Modeling, WSDM 2022",
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// N: enough to tell many scenarios apart.
const KNOWLEDGE: i64 = 16;

struct M2m {
    scenarios: Tensor, // [M, N]
    knowledge: Linear,
    experts: ParallelMlp,
    attention: MetaUnit,
    views: Tensor,   // [T, H]
    weights: Tensor, // [T, 2 H], the `v_t`
    levels: Vec<MetaUnit>,
    towers: Towers,
    count: i64,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let scenario = spec
        .scenario
        .ok_or_else(|| Error::internal("m2m without a scenario"))?;
    let (inputs, units) = (spec.inputs(), &config.expert_units);
    let (count, rate, tasks) = (config.num_experts, config.dropout, spec.num_tasks());
    let h = units.last().copied().unwrap_or(inputs);
    let known = [scenario.count - 1, KNOWLEDGE];
    let (attention, tower) = (path / "attention", path / "meta_tower");
    // Of every task: the unit's values for each expert, and those of each level.
    path.computes(2 * h * count * tasks + h * config.num_levels * tasks);
    let fan_in = 2 * h;
    Ok(Box::new(M2m {
        scenarios: path.weight("scenario", &known, Init::Normal { std: 1. })?,
        knowledge: Linear::new(&(path / "knowledge"), 1, KNOWLEDGE, KNOWLEDGE)?,
        experts: ParallelMlp::new(&(path / "expert"), count, Reads::One, inputs, units, rate)?,
        attention: MetaUnit::new(&(&attention / "unit"), 2 * h)?,
        views: attention.weight("view", &[tasks, h], Init::Normal { std: 1. })?,
        weights: attention.weight("weight", &[tasks, 2 * h], Init::Lecun { fan_in })?,
        levels: (0..config.num_levels as usize)
            .map(|level| MetaUnit::new(&(&tower / level), h))
            .collect::<Result<_>>()?,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, h)?,
        count: scenario.count,
    }))
}

/// Makes the weights of a layer from as many values to as many, W of them.
struct MetaUnit {
    weight: Tensor,      // [N, W * W]
    base: Tensor,        // [W * W], the weights where nothing is known
    bias_weight: Tensor, // [N, W]
    bias_base: Tensor,   // [W]
    width: i64,
}

impl MetaUnit {
    fn new(path: &Path, width: i64) -> Result<Self> {
        let (weights, fan_in) = (width * width, width * KNOWLEDGE);
        // All of what is known makes about as much as the base.
        let init = Init::Lecun { fan_in };
        Ok(Self {
            weight: path.weight("weight", &[KNOWLEDGE, weights], init)?,
            base: path.weight("base", &[weights], Init::He { fan_in: width })?,
            bias_weight: path.weight("bias_weight", &[KNOWLEDGE, width], init)?,
            bias_base: path.weight("bias_base", &[width], Init::Zeros)?,
            width,
        })
    }

    /// Weights `[P, W, W]` and biases `[P, 1, W]` of scenarios of which `known`, `[P, N]`, is known; both in
    /// `kind`.
    fn make(&self, known: &Tensor, kind: Kind) -> Result<(Tensor, Tensor)> {
        let weight = self.base.f_addmm(known, &self.weight)?;
        let bias = self.bias_base.f_addmm(known, &self.bias_weight)?;
        Ok((
            weight
                .f_view([-1, self.width, self.width])?
                .f_to_kind(kind)?,
            bias.f_unsqueeze(1)?.f_to_kind(kind)?,
        ))
    }
}

impl M2m {
    /// `[P, N]` of the scenarios that have rows.
    fn known(&self, rows: &ByScenario) -> Result<Tensor> {
        let ids = Tensor::f_from_slice(&rows.ids)?.f_to_device(self.scenarios.device())?;
        let scenarios = with_unseen(&self.scenarios)?.f_index_select(0, &ids)?;
        let known = self.knowledge.one(&scenarios)?.f_leaky_relu()?;
        Ok(known.f_to_kind(Kind::Float)?)
    }

    /// What each task takes of `experts`, `[E, B, H]`: `[B, T, H]`.
    fn attend(
        &self,
        experts: &Tensor,
        known: &Tensor,
        rows: &ByScenario,
        only: &[Tensor; 2],
    ) -> Result<Tensor> {
        let [views, weights] = only;
        let (_, _, h) = experts.size3()?;
        let (weight, bias) = self.attention.make(known, experts.kind())?;
        let halves = weight.f_split(h, 1)?; // [P, H, 2 H] each, for the expert and the view
        let of_views = views.f_to_kind(experts.kind())?.f_matmul(&halves[1])?;
        let of_views = of_views.f_add(&bias)?.f_unbind(0)?; // [T, 2 H] each
        let of_experts = halves[0].f_unbind(0)?;
        let fit = rows.each(experts, 1, 1, |place, f| {
            let z = f.f_matmul(&of_experts[place])?.f_unsqueeze(2)?; // [E, B, 1, 2 H]
            let z = z.f_add(&of_views[place])?.f_leaky_relu()?; // [E, B, T, 2 H]
            let z = z.f_to_kind(Kind::Float)?.f_mul(weights)?;
            Ok(z.f_sum_dim_intlist(-1, false, Kind::Float)?)
        })?; // [E, B, T]
        let shares = fit.f_softmax(0, Kind::Float)?.f_permute([1, 2, 0])?;
        let shares = shares.f_to_kind(experts.kind())?; // [B, T, E]
        Ok(shares.f_bmm(&experts.f_transpose(0, 1)?)?)
    }
}

impl MultiTask for M2m {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let rows = ByScenario::new(input, self.count)?;
        let x = rows.sort(&input.flat, 0)?;
        let known = self.known(&rows)?;
        let experts = self.experts.forward(&x, None, mode)?; // [E, B, H]
        let only = match self.towers.selection(tasks, &x)? {
            Some(only) => [&self.views, &self.weights].map(|all| all.f_index_select(0, &only)),
            None => [&self.views, &self.weights].map(|all| Ok(all.shallow_clone())),
        };
        let [views, weights] = only;
        let mut r = self.attend(&experts, &known, &rows, &[views?, weights?])?;
        for level in &self.levels {
            let (weight, bias) = level.make(&known, r.kind())?;
            let (weight, bias) = (weight.f_unbind(0)?, bias.f_unbind(0)?);
            r = rows.each(&r, 0, 0, |place, r| {
                let z = r.f_matmul(&weight[place])?.f_add(&bias[place])?;
                Ok(z.f_leaky_relu()?.f_add(r)?.f_leaky_relu()?)
            })?;
        }
        let r = rows.restore(&r, 0)?.f_transpose(0, 1)?.f_contiguous()?; // [T, B, H]
        self.towers.forward(&r, tasks, mode)
    }
}
