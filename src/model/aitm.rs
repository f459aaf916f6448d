//! Adaptive information transfer multi-task.
//! D. Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions with
//! Multi-task Learning in Targeted Display Advertising", KDD 2021.
//!
//! Every task has a network of its own, `q_t`. Along the chain of tasks (the funnel, or else their
//! order), `z_1 = q_1`, `p_t = relu(W_t z_t + b_t)` carries over what has been learnt, and
//! `z_t = sum_u w_u v(u)` over `u` in `p_(t-1), q_t`, `w = softmax(<k(u), q(u)> / sqrt(H))`, with linear
//! `v`, `k`, `q`. With a funnel, training adds `0.6 * sum max(y_t - y_(t-1), 0)`, the calibrator.
//! Shapes: B rows, F inputs, H units of a network, T tasks.

use tch::{Kind, Tensor};

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::Result;
use crate::layer::{Linear, Mlp, Mode, ParallelMlp, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "aitm",
    summary: "a network for each task; each hands on what it has learnt to the next",
    paper: "D. Xi et al., Modeling the Sequential Dependence among Audience Multi-step Conversions \
            with Multi-task Learning in Targeted Display Advertising, KDD 2021",
    needs: &[Need::SecondTask],
    funnel: FunnelRule::Own,
    task_embeddings: false,
    build,
};

/// The paper's weight of the calibrator.
const CALIBRATOR: f64 = 0.6;

struct Aitm {
    networks: ParallelMlp,
    /// Tasks in order of depth.
    chain: Vec<usize>,
    /// From each task of the chain but the last to the next.
    transfers: Vec<Transfer>,
    towers: Towers,
    calibrates: bool,
    width: i64,
}

/// From one task to the next.
struct Transfer {
    hand_on: Mlp,
    value: Linear,
    key: Linear,
    query: Linear,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, units) = (spec.inputs(), &config.hidden_units);
    let (at, count) = (&(path / "network"), spec.num_tasks());
    let width = units.last().copied().unwrap_or(inputs);
    let chain = spec.chain();
    let transfer = |task: &usize| {
        let at = &(path / "transfer") / spec.tasks[*task].name.as_str();
        Ok(Transfer {
            hand_on: Mlp::new(&(&at / "hand_on"), width, &[width], 0.)?,
            value: Linear::new(&(&at / "value"), 1, width, width)?,
            key: Linear::new(&(&at / "key"), 1, width, width)?,
            query: Linear::new(&(&at / "query"), 1, width, width)?,
        })
    };
    Ok(Box::new(Aitm {
        networks: ParallelMlp::new(at, count, Reads::One, inputs, units, config.dropout)?,
        transfers: chain.iter().skip(1).map(transfer).collect::<Result<_>>()?,
        chain,
        towers: Towers::new(&(path / "tower"), spec, Reads::Each, width)?,
        calibrates: !config.funnel.is_empty(),
        width,
    }))
}

impl Transfer {
    /// `before` and `own` are `[B, H]`; returns `[B, H]`.
    fn forward(&self, before: &Tensor, own: &Tensor, width: i64, mode: Mode) -> Result<Tensor> {
        let before = self.hand_on.forward(before, mode)?;
        let rows = own.size()[0];
        let both = Tensor::f_stack(&[&before, own], 1)?.f_view([-1, width])?; // [B * 2, H]
        let linear =
            |layer: &Linear| Ok::<_, crate::Error>(layer.one(&both)?.f_view([rows, 2, width])?);
        let (value, key, query) = (
            linear(&self.value)?,
            linear(&self.key)?,
            linear(&self.query)?,
        );
        let fit = (key * query).f_sum_dim_intlist(-1, true, Kind::Float)?; // [B, 2, 1]
        let share = fit
            .f_div_scalar((width as f64).sqrt())?
            .f_softmax(1, Kind::Float)?;
        let share = share.f_to_kind(value.kind())?;
        Ok((share * value).f_sum_dim_intlist(1, false, own.kind())?)
    }
}

impl MultiTask for Aitm {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let q = self.networks.forward(&input.flat, None, mode)?; // [T, B, H]
        let mut z: Vec<_> = (0..q.size()[0]).map(|t| q.get(t)).collect();
        let steps = self.chain.windows(2).zip(&self.transfers);
        for (pair, transfer) in steps {
            let (before, now) = (pair[0], pair[1]);
            z[now] = transfer.forward(&z[before], &z[now], self.width, mode)?;
        }
        let asked: Vec<_> = tasks.iter().map(|&t| &z[t]).collect();
        self.towers
            .forward(&Tensor::f_stack(&asked, 0)?, tasks, mode)
    }

    fn penalty(&self, logits: &[Tensor]) -> Result<Option<Tensor>> {
        if !self.calibrates {
            return Ok(None);
        }
        let mut sum = Tensor::from(0f32).to_device(logits[0].device());
        for pair in self.chain.windows(2) {
            let (before, now) = (logits[pair[0]].f_sigmoid()?, logits[pair[1]].f_sigmoid()?);
            sum = sum.f_add(&now.f_sub(&before)?.f_relu()?.f_sum(Kind::Float)?)?;
        }
        Ok(Some(sum.f_mul_scalar(CALIBRATOR)?))
    }
}
