//! Star topology adaptive recommender.
//! X.-R. Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR
//! Prediction", CIKM 2021.
//!
//! The layers of scenario p have the weights `W * W_p`, element by element, and the biases `b + b_p`; `W` and
//! `b` are shared. They read `g * g_p * (x - m_p) / sqrt(v_p + e) + s + s_p`, partitioned normalization, with
//! means `m_p` and variances `v_p` of the scenario's rows. To the logit of each task's tower comes that of its
//! auxiliary network, which reads `x`. The paper's network has one task, and its last layer, here the towers,
//! is the scenario's too.
//! `m_p` and `v_p` are running ones in training as well, from before the step: in a batch that scenarios and
//! threads divide, a scenario has a row or two. A row of an unseen scenario has the means of the others'
//! `W_p`, `b_p`, `g_p`, `s_p`, and the statistics of all.
//! Shapes: B rows, F inputs, M scenarios, H units of a layer, T tasks.

use tch::{Kind, Tensor};

use super::by_scenario::{self, ByScenario, with_unseen};
use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::{Error, Result};
use crate::layer::{Init, Mode, Path, Reads, Seen, dropout};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "star",
    summary: "layers with shared weights times those of the scenario, on inputs normalized by scenario",
    paper: "X.-R. Sheng et al., One Model to Serve All: Star Topology Adaptive Recommender for \
            Multi-Domain CTR Prediction, CIKM 2021",
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

struct Star {
    norm: Norm,
    layers: Vec<Layer>,
    towers: Towers,
    auxiliary: Towers,
    count: i64,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let scenario = spec
        .scenario
        .ok_or_else(|| Error::internal("star without a scenario"))?;
    let (count, inputs) = (scenario.count, spec.inputs());
    let mut below = inputs;
    let mut layers = Vec::new();
    for (i, &units) in config.hidden_units.iter().enumerate() {
        let at = &(path / "layer") / i;
        layers.push(Layer::new(&at, count, below, units, config.dropout)?);
        below = units;
    }
    // One output bias is enough to begin at the share of positive labels.
    let mut plain = spec.clone();
    plain.tasks.iter_mut().for_each(|task| task.prior.clear());
    Ok(Box::new(Star {
        norm: Norm::new(&(path / "norm"), count, inputs)?,
        layers,
        towers: Towers::new(&(path / "tower"), spec, Reads::One, below)?,
        auxiliary: Towers::new(&(path / "auxiliary"), &plain, Reads::One, inputs)?,
        count,
    }))
}

/// One layer of the star.
struct Layer {
    weight: Tensor,   // [F, H]
    bias: Tensor,     // [H], f32
    own: Vec<Tensor>, // [F, H] f32 each, by scenario id from 1
    own_bias: Tensor, // [M, H], f32
    rate: f64,
}

impl Layer {
    fn new(path: &Path, count: i64, inputs: i64, units: i64, rate: f64) -> Result<Self> {
        let shape = [inputs, units];
        let shared = Init::He { fan_in: inputs };
        // Every scenario begins with the shared weights.
        let own = |id| {
            let at = &(path / "scenario") / id as usize;
            at.weight("weight", &shape, Init::Constant(1.))
        };
        Ok(Self {
            weight: path.matrix("weight", &shape, shared)?,
            bias: path.weight("bias", &[units], Init::Zeros)?,
            own: (1..count).map(own).collect::<Result<_>>()?,
            own_bias: path.weight("scenario_bias", &[count - 1, units], Init::Zeros)?,
            rate,
        })
    }

    /// `x` is `[B, F]` in the order of scenarios; returns `[B, H]`.
    fn forward(&self, x: &Tensor, rows: &ByScenario, mode: Mode) -> Result<Tensor> {
        let product = rows.each(x, 0, 0, |place, x| {
            let combined = match rows.ids[place] {
                0 => self.weight.f_mul(&by_scenario::mean(&self.own)?)?,
                id => self.weight.f_mul(&self.own[id as usize - 1])?,
            };
            Ok(x.f_mm(&combined.f_to_kind(x.kind())?)?)
        })?;
        let bias = with_unseen(&self.own_bias)?.f_add(&self.bias)?;
        let bias = bias
            .f_to_kind(product.kind())?
            .f_index_select(0, &rows.id)?;
        Ok(dropout(product.f_add(&bias)?.f_relu()?, self.rate, mode))
    }
}

/// Partitioned normalization.
struct Norm {
    scale: Tensor,     // [F]
    shift: Tensor,     // [F]
    own_scale: Tensor, // [M, F]
    own_shift: Tensor, // [M, F]
    /// Of the rows of each scenario their number, the sums of their values and of the squares.
    sums: Tensor, // [1 + M, 1 + 2 F]
}

/// What sums keep from one step with rows of their scenario to the next.
const DECAY: f64 = 0.99;
/// Rows like those of all scenarios that are counted among those of each, so that a few rows say little.
const PRIOR_ROWS: f64 = 16.;
/// Keeps the quotient finite.
const EPSILON: f64 = 1e-3;

impl Norm {
    fn new(path: &Path, count: i64, inputs: i64) -> Result<Self> {
        // What it reads and what it gives, in f32.
        path.computes(2 * inputs);
        let own = [count - 1, inputs];
        Ok(Self {
            scale: path.weight("scale", &[inputs], Init::Constant(1.))?,
            shift: path.weight("shift", &[inputs], Init::Zeros)?,
            own_scale: path.weight("scenario_scale", &own, Init::Constant(1.))?,
            own_shift: path.weight("scenario_shift", &own, Init::Zeros)?,
            sums: path.buffer("sums", &[count, 1 + 2 * inputs], Init::Zeros)?,
        })
    }

    /// `x` is `[B, F]`, `scenario` `[B]`; returns `[B, F]`.
    fn forward(&self, x: &Tensor, scenario: &Tensor, mode: Mode) -> Result<Tensor> {
        let kind = x.kind();
        let x = x.f_to_kind(Kind::Float)?;
        if let Some(tape) = mode.tape() {
            tape.see(self.see(&x, scenario)?);
        }
        let (mean, deviation) = self.statistics()?;
        let scale = with_unseen(&self.own_scale)?
            .f_mul(&self.scale)?
            .f_div(&deviation)?;
        let shift = with_unseen(&self.own_shift)?.f_add(&self.shift)?;
        let shift = shift.f_sub(&mean.f_mul(&scale)?)?; // [1 + M, F]
        let of_rows = |by_id: &Tensor| by_id.f_index_select(0, scenario);
        let y = of_rows(&shift)?.f_addcmul(&x, &of_rows(&scale)?)?;
        Ok(y.f_to_kind(kind)?)
    }

    fn see(&self, x: &Tensor, scenario: &Tensor) -> Result<Seen> {
        let _guard = tch::no_grad_guard();
        let x = x.f_detach()?;
        let ones = Tensor::f_ones([x.size()[0], 1], (Kind::Float, x.device()))?;
        let rows = Tensor::f_cat(&[&ones, &x, &x.f_square()?], 1)?;
        Ok(Seen {
            buffer: self.sums.shallow_clone(),
            sum: self.sums.f_zeros_like()?.f_index_add(0, scenario, &rows)?,
            rule: |old, seen| {
                let present = seen.f_narrow(1, 0, 1)?.f_gt(0.)?.f_to_kind(Kind::Float)?;
                let keep = present.f_mul_scalar(DECAY - 1.)?.f_add_scalar(1.)?;
                Ok(old.f_mul(&keep)?.f_add(seen)?)
            },
        })
    }

    /// Mean and standard deviation, `[1 + M, F]` each.
    fn statistics(&self) -> Result<(Tensor, Tensor)> {
        let _guard = tch::no_grad_guard();
        let inputs = self.scale.size()[0];
        // Mean and mean square over all scenarios, and one row of mean 0 and variance 1, which is all that
        // there is at first.
        let all = self.sums.f_sum_dim_intlist(0, true, Kind::Float)?;
        let parts = |sums: &Tensor| sums.f_split_with_sizes([1, inputs, inputs], 1);
        let (rows, all) = match &parts(&all)?[..] {
            [rows, sum, squares] => (
                rows.f_add_scalar(1.)?,
                Tensor::f_cat(&[sum.shallow_clone(), squares.f_add_scalar(1.)?], 1)?,
            ),
            _ => return Err(Error::internal("sums of another shape")),
        };
        let prior = all.f_div(&rows)?.f_mul_scalar(PRIOR_ROWS)?; // [1, 2 F]
        let rows = self.sums.f_narrow(1, 0, 1)?.f_add_scalar(PRIOR_ROWS)?;
        let own = self.sums.f_narrow(1, 1, 2 * inputs)?;
        let means = own.f_add(&prior)?.f_div(&rows)?;
        let (mean, square) = (
            means.f_narrow(1, 0, inputs)?,
            means.f_narrow(1, inputs, inputs)?,
        );
        let variance = square.f_sub(&mean.f_square()?)?.f_clamp_min(0.)?;
        Ok((mean, variance.f_add_scalar(EPSILON)?.f_sqrt()?))
    }
}

impl MultiTask for Star {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let rows = ByScenario::new(input, self.count)?;
        let x = rows.sort(&input.flat, 0)?;
        let x = self.norm.forward(&x, &rows.id, mode)?;
        let layers = &mut self.layers.iter();
        let h = layers.try_fold(x, |h, layer| layer.forward(&h, &rows, mode))?;
        let main = self.towers.forward(&rows.restore(&h, 0)?, tasks, mode)?;
        let auxiliary = self.auxiliary.forward(&input.flat, tasks, mode)?;
        let both = main.iter().zip(&auxiliary);
        both.map(|(main, auxiliary)| Ok(main.f_add(auxiliary)?))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::layer::{Params, Tape, Workspace, renew};
    use crate::random::Words;

    /// Statistics come from the passes of earlier steps, scenario by scenario.
    #[test]
    fn rows_are_normalized_by_what_was_seen_of_their_scenario() {
        let params = Params::fresh(1, Device::Cpu);
        let norm = Norm::new(&params.root(), 4, 1).unwrap();
        let column = |values: &[f32]| Tensor::from_slice(values).view([-1, 1]);
        let workspace = Workspace::default();
        let pass = |x: &[f32], scenario: &[i64]| {
            let tape = Tape::new(Words::new(&[1]), &workspace);
            let scenario = Tensor::from_slice(scenario);
            let y = norm.forward(&column(x), &scenario, Mode::Train(&tape));
            (
                Vec::<f32>::try_from(y.unwrap().flatten(0, -1)).unwrap(),
                tape.seen(),
            )
        };
        // Nothing is known before the first step.
        let (y, _) = pass(&[3., -1.], &[1, 2]);
        assert!((y[0] - 3.).abs() < 0.01 && (y[1] + 1.).abs() < 0.01);
        // 400 steps of two shares: scenario 2 has 12 and 8 in turn, scenario 3 one row in the first.
        let rows: Vec<f32> = (0..200)
            .map(|i| if i % 2 == 0 { 12. } else { 8. })
            .collect();
        for step in 0..400 {
            let (_, one) = pass(&rows, &[2; 200]);
            let (_, other) = match step {
                0 => pass(&[30.], &[3]),
                _ => pass(&rows, &[2; 200]),
            };
            renew(vec![one, other]).unwrap();
        }
        let (y, _) = pass(&[12., 10., 30., 12., 12.], &[2, 2, 3, 0, 1]);
        assert!((y[0] - 1.).abs() < 0.01 && y[1].abs() < 0.01, "{y:?}");
        // One row says little; rows of unseen scenarios are among all.
        assert!(y[2] > 1. && y[2] < 6., "{y:?}");
        assert!((y[3] - 1.).abs() < 0.05 && y[3] == y[4], "{y:?}");
        // Steps without rows of a scenario take nothing of what is known of it.
        assert_eq!(norm.sums.double_value(&[3, 0]), 1.);
    }
}
