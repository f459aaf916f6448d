//! Scenario-aware ranking network.
//! Q. Shen et al., "SAR-Net: A Scenario-Aware Ranking Network for Personalized Fair Recommendation in
//! Hundreds of Travel Scenarios", CIKM 2021.
//!
//! Attention units `z(q, e) = w relu(W [q, e, q - e, q * e] + b) + c` of the item and of the scenario weigh what a
//! user did elsewhere, `u = sum_c softmax_c(z(item, e_c) + z(scenario, e_c)) e_c`, which is put beside the row.
//! In the paper the `e_c` are the user's behaviours: here they are the embeddings of the row's own id
//! columns; without item_col the scenario weighs them alone. A scenario-specific transform `x' = g_p * [x, u] + h_p`
//! follows, and experts of the scenario beside shared ones, both of which read `x'`; each task's gate, which
//! reads it too, mixes them for the task's tower. The experts' bias nets, which read how much manual
//! promotion a training row had, are left out: no column tells.
//! A row of an unseen scenario has the means of the others' `g_p`, `h_p` and experts.
//! Shapes: B rows, C id columns, D embedding width, F inputs, M scenarios, K experts of a scenario, S shared
//! experts, H expert width, T tasks.

use tch::{Kind, Tensor};

use super::by_scenario::{ByScenario, known, with_unseen};
use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::{Error, Result};
use crate::layer::{Gates, Init, Linear, Mlp, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "sar_net",
    summary: "attention of scenario and item, then experts of the scenario beside shared ones",
    paper: "Q. Shen et al., SAR-Net: A Scenario-Aware Ranking Network for Personalized Fair \
            Recommendation in Hundreds of Travel Scenarios, CIKM 2021",
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

struct SarNet {
    /// Each with the id column that asks.
    attention: Vec<(Attention, usize)>,
    scale: Tensor, // [M, F + D], f32
    shift: Tensor, // [M, F + D], f32
    /// By scenario id from 1.
    own: Vec<ParallelMlp>,
    shared: ParallelMlp,
    gates: Gates,
    towers: Towers,
    columns: i64,
    count: i64,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let scenario = spec
        .scenario
        .ok_or_else(|| Error::internal("sar_net without a scenario"))?;
    let (count, width) = (scenario.count, spec.embedding_dim);
    let (inputs, units, rate) = (spec.inputs() + width, &config.expert_units, config.dropout);
    let (own, shared) = (config.num_experts, config.num_shared_experts);
    let asking = [("scenario", scenario.column)].into_iter();
    let asking = asking.chain(spec.item.map(|item| ("item", item)));
    let attention = |(name, column)| {
        let at = &(path / "attention") / name;
        Ok((Attention::new(&at, spec.id_columns, width)?, column))
    };
    let experts = |at: &Path, count| {
        ParallelMlp::new(&(at / "expert"), count, Reads::One, inputs, units, rate)
    };
    let transform = &(path / "transform");
    let shape = [count - 1, inputs];
    let h = units.last().copied().unwrap_or(inputs);
    path.computes(2 * inputs);
    Ok(Box::new(SarNet {
        attention: asking.map(attention).collect::<Result<_>>()?,
        scale: transform.weight("scale", &shape, Init::Constant(1.))?,
        shift: transform.weight("shift", &shape, Init::Zeros)?,
        own: (1..count)
            .map(|id| {
                let at = &(path / "scenario") / id as usize;
                experts(&at.one_of_many(id == 1), own)
            })
            .collect::<Result<_>>()?,
        shared: experts(&(path / "shared"), shared)?,
        gates: Gates::new(&(path / "gate"), inputs, spec.num_tasks(), own + shared)?,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, h)?,
        columns: spec.id_columns,
        count,
    }))
}

/// How much an embedding that asks makes of others.
struct Attention {
    hidden: Mlp,
    output: Linear,
}

impl Attention {
    fn new(path: &Path, columns: i64, width: i64) -> Result<Self> {
        // Of each column four parts are read, by a layer that is counted once.
        path.computes(columns * 5 * width);
        Ok(Self {
            hidden: Mlp::new(&(path / "hidden"), 4 * width, &[width], 0.)?,
            output: Linear::new(&(path / "output"), 1, width, 1)?,
        })
    }

    /// `asks` is `[B, D]`, `fields` `[B, C, D]`; returns `[B, C]` f32.
    fn forward(&self, asks: &Tensor, fields: &Tensor, mode: Mode) -> Result<Tensor> {
        let (rows, columns, _) = fields.size3()?;
        let asks = asks.f_unsqueeze(1)?.f_expand_as(fields)?;
        let (less, times) = (asks.f_sub(fields)?, asks.f_mul(fields)?);
        let pairs = Tensor::f_cat(&[&asks, fields, &less, &times], 2)?; // [B, C, 4 D]
        let hidden = self.hidden.forward(&pairs.f_flatten(0, 1)?, mode)?;
        let fit = self.output.one(&hidden)?.f_view([rows, columns])?;
        Ok(fit.f_to_kind(Kind::Float)?)
    }
}

impl SarNet {
    /// `[B, F + D]`: the row, and what scenario and item make of its fields.
    fn attend(&self, input: &Input, mode: Mode) -> Result<Tensor> {
        let fields = input.embedded.f_narrow(1, 0, self.columns * input.width)?;
        let fields = fields.f_unflatten(1, [self.columns, input.width])?; // [B, C, D]
        let mut fit = Tensor::f_zeros([1], (Kind::Float, fields.device()))?;
        for (attention, column) in &self.attention {
            fit = fit.f_add(&attention.forward(&input.field(*column)?, &fields, mode)?)?;
        }
        let share = fit.f_softmax(1, Kind::Float)?.f_to_kind(fields.kind())?;
        let taken = share.f_unsqueeze(1)?.f_bmm(&fields)?.f_squeeze_dim(1)?; // [B, D]
        Ok(Tensor::f_cat(&[&input.flat, &taken], 1)?)
    }

    /// `[B, F + D]` by the scale and shift of each row's scenario.
    fn transform(&self, x: &Tensor, rows: &ByScenario) -> Result<Tensor> {
        let of_rows = |own: &Tensor| {
            let by_id = with_unseen(own)?.f_to_kind(x.kind())?;
            Ok::<_, Error>(by_id.f_index_select(0, &rows.id)?)
        };
        Ok(of_rows(&self.shift)?.f_addcmul(x, &of_rows(&self.scale)?)?)
    }

    /// What the experts of each row's scenario say, `[K, B, H]`.
    fn of_scenarios(&self, x: &Tensor, rows: &ByScenario, mode: Mode) -> Result<Tensor> {
        rows.each(x, 0, 1, |place, x| {
            let own = match rows.ids[place] as usize {
                0 => &self.own[known(self.own.len())],
                id => &self.own[id - 1..id],
            };
            let mut all = own.iter().map(|experts| experts.by_operators(x, mode));
            let first = all.next().unwrap_or_else(|| Ok(Tensor::new()))?;
            let sum = all.try_fold(first, |sum, one| Ok::<_, Error>(sum.f_add(&one?)?))?;
            Ok(sum.f_div_scalar(own.len() as f64)?)
        })
    }
}

impl MultiTask for SarNet {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let rows = ByScenario::new(input, self.count)?;
        let x = rows.sort(&self.attend(input, mode)?, 0)?;
        let x = self.transform(&x, &rows)?;
        let own = self.of_scenarios(&x, &rows, mode)?;
        let shared = self.shared.forward(&x, None, mode)?; // [S, B, H]
        let experts = Tensor::f_cat(&[own, shared], 0)?;
        let only = self.towers.selection(tasks, &x)?;
        let mixed = self.gates.mix(&x, &experts, only.as_ref(), mode)?; // [T, B, H]
        self.towers.forward(&rows.restore(&mixed, 1)?, tasks, mode)
    }
}
