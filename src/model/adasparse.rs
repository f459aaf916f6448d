//! Adaptively sparse structures: neurons that a scenario has no use for are pruned.
//! X. Yang et al., "AdaSparse: Learning Adaptively Sparse Structures for Multi-Domain Click-Through Rate
//! Prediction", CIKM 2022.
//!
//! What each layer of a trunk, and the towers, read is `h * p`, with `p = v [v > e]`, `v = b sigmoid(V [h, s] + c)`:
//! the paper's fusion of scaling and pruning, with `b` 2 and `e` 0.25. `s` is the scenario's embedding; that of
//! an unseen one is near 0, and the row itself decides. The paper makes the sigmoid steeper while it trains,
//! which here is left to `V` and `c`.
//! Training adds the mean over the layers of `l |r - t| (r - t)^2` where `r`, the share of pruned neurons of a
//! row, is not between 0.15 and 0.25, whose middle is `t`; `l` grows from 0.01 to 1. The gradient of `r` is
//! that of `1 - v / b`, which neurons have that are pruned already.
//! Shapes: B rows, F inputs, D embedding width, H units of a layer, T tasks.

use tch::{Kind, Tensor};

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::{Error, Result};
use crate::layer::{Linear, Mlp, Mode, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "adasparse",
    summary: "a shared trunk whose neurons are scaled, and some of them pruned, by the scenario",
    paper: "X. Yang et al., AdaSparse: Learning Adaptively Sparse Structures for Multi-Domain \
            Click-Through Rate Prediction, CIKM 2022",
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

/// The largest factor.
const LARGEST: f64 = 2.;
/// The factor up to which a neuron is pruned.
const THRESHOLD: f64 = 0.25;
/// Shares of pruned neurons that are left as they are.
const SPARSITY: std::ops::RangeInclusive<f64> = 0.15..=0.25;
/// The weight of a wrong share where training begins, and what it has grown by where it ends.
const FIRST_WEIGHT: f64 = 0.01;
const GROWTH: f64 = 100.;

struct AdaSparse {
    /// Each with the pruner of what it reads.
    layers: Vec<(Linear, Mlp)>,
    last: Linear,
    towers: Towers,
    column: usize,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let scenario = spec
        .scenario
        .ok_or_else(|| Error::internal("adasparse without a scenario"))?;
    let pruner = |i: usize, inputs| {
        let at = &(path / "pruner") / i;
        Linear::new(&at, 1, inputs + spec.embedding_dim, inputs)
    };
    let mut inputs = spec.inputs();
    let mut layers = Vec::new();
    for (i, &units) in config.hidden_units.iter().enumerate() {
        let layer = Mlp::new(&(&(path / "layer") / i), inputs, &[units], config.dropout)?;
        layers.push((pruner(i, inputs)?, layer));
        inputs = units;
    }
    Ok(Box::new(AdaSparse {
        last: pruner(layers.len(), inputs)?,
        layers,
        towers: Towers::new(&(path / "tower"), spec, Reads::One, inputs)?,
        column: scenario.column,
    }))
}

impl AdaSparse {
    /// `h` is `[B, H]`, `scenario` `[B, D]`; returns `[B, H]`.
    fn prune(&self, pruner: &Linear, h: &Tensor, scenario: &Tensor, mode: Mode) -> Result<Tensor> {
        let read = Tensor::f_cat(&[h, scenario], 1)?;
        let factor = pruner.one(&read)?.f_sigmoid()?.f_mul_scalar(LARGEST)?;
        let kept = factor.f_gt(THRESHOLD)?;
        if let Some(tape) = mode.tape() {
            let pruners = 1. + self.layers.len() as f64;
            let weight = FIRST_WEIGHT * GROWTH.powf(tape.progress()) / pruners;
            tape.penalize(penalty(&factor, &kept)?.f_mul_scalar(weight)?);
        }
        Ok(factor.f_mul(&kept.f_to_kind(h.kind())?)?.f_mul(h)?)
    }
}

/// The sum over the rows for a weight of 1: `factor` is `[B, H]`, `kept` says which are above the
/// threshold.
fn penalty(factor: &Tensor, kept: &Tensor) -> Result<Tensor> {
    let share = |of: &Tensor| of.f_to_kind(Kind::Float)?.f_mean_dim(1, false, Kind::Float);
    let soft = share(factor)?.f_mul_scalar(-1. / LARGEST)?;
    let pruned = share(&kept.f_logical_not()?)?;
    // The value of one, the gradient of the other.
    let r = soft.f_add(&pruned.f_sub(&soft.f_detach()?)?)?; // [B]
    let (least, most) = SPARSITY.into_inner();
    let wrong = pruned.f_lt(least)?.f_logical_or(&pruned.f_gt(most)?)?;
    let off = r.f_sub_scalar((least + most) / 2.)?;
    let weight = off
        .f_detach()?
        .f_abs()?
        .f_mul(&wrong.f_to_kind(Kind::Float)?)?;
    Ok(weight.f_mul(&off.f_square()?)?.f_sum(Kind::Float)?)
}

impl MultiTask for AdaSparse {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let scenario = input.field(self.column)?;
        let mut h = input.flat.shallow_clone();
        for (pruner, layer) in &self.layers {
            h = layer.forward(&self.prune(pruner, &h, &scenario, mode)?, mode)?;
        }
        let h = self.prune(&self.last, &h, &scenario, mode)?;
        self.towers.forward(&h, tasks, mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_pruned_neurons_are_drawn_into_their_range() {
        // Of four neurons none, one and three are pruned: 0, 0.25 and 0.75, of which the second is right.
        let factor = [[1f32, 1., 1., 1.], [0.1, 1., 1., 1.], [0.1, 0.1, 0.1, 2.]];
        let factor = Tensor::from_slice2(&factor).set_requires_grad(true);
        let sum = penalty(&factor, &factor.gt(THRESHOLD)).unwrap();
        let expected = 0.2f64.powi(3) + 0.55f64.powi(3);
        assert!((sum.double_value(&[]) - expected).abs() < 1e-6);
        sum.backward();
        let slope = |row| factor.grad().double_value(&[row, 0]);
        // d/df of l (r - t)^2 with l = |r - t| held and dr/df = -1 / (2 * 4).
        assert!((slope(0) - 2. * 0.2 * 0.2 / 8.).abs() < 1e-6);
        assert_eq!(slope(1), 0.);
        assert!((slope(2) + 2. * 0.55 * 0.55 / 8.).abs() < 1e-6);
    }
}
