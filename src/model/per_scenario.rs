//! A network for each scenario, which share nothing but the embeddings: the baseline that shows what
//! sharing buys.
//!
//! A row goes through the network of its scenario only; one of a scenario that training has not seen
//! gets the mean over all.
//! Shapes: B rows, F inputs, H units of a trunk, T tasks.

use tch::{Kind, Tensor};

use super::{Architecture, FunnelRule, Input, MultiTask, Need, Spec, Towers};
use crate::error::{Error, Result};
use crate::layer::{Mlp, Mode, Path, Reads};

/// The entry of the list.
pub const ARCHITECTURE: Architecture = Architecture {
    name: "per_scenario",
    summary: "a shared-bottom network for each scenario, with nothing but embeddings in common",
    paper: "none: the baseline of multi-scenario models",
    needs: &[Need::Scenario],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build,
};

struct PerScenario {
    /// In the order of the scenarios' ids, from 1: that of NULL, then those of the values.
    networks: Vec<(Mlp, Towers)>,
}

fn build(spec: &Spec, path: &Path) -> Result<Box<dyn MultiTask>> {
    let config = &spec.config;
    let (inputs, units) = (spec.inputs(), &config.hidden_units);
    let width = units.last().copied().unwrap_or(inputs);
    let count = spec.scenario.map_or(0, |s| s.count);
    let network = |id: i64| {
        let at = (&(path / "scenario") / id as usize).one_of_many(id == 1);
        Ok((
            Mlp::new(&(&at / "trunk"), inputs, units, config.dropout)?,
            Towers::new(&(&at / "tower"), spec, Reads::One, width)?,
        ))
    };
    Ok(Box::new(PerScenario {
        networks: (1..count).map(network).collect::<Result<_>>()?,
    }))
}

impl MultiTask for PerScenario {
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let scenario = input.scenario.as_ref().ok_or_else(|| {
            Error::internal("a model with a network for each scenario got rows without one")
        })?;
        // Those of unseen scenarios go through all networks but that of NULL, where there are others.
        let others = usize::from(self.networks.len() > 1);
        let share = 1. / (self.networks.len() - others).max(1) as f64;
        let unseen = scenario.f_eq(0)?;
        let mut parts: Vec<Vec<Tensor>> = tasks.iter().map(|_| Vec::new()).collect();
        let mut places = Vec::new();
        for (i, (trunk, towers)) in self.networks.iter().enumerate() {
            let own = scenario.f_eq(i as i64 + 1)?;
            let chosen = if i >= others {
                own.f_logical_or(&unseen)?
            } else {
                own
            };
            let rows = chosen.f_nonzero()?.f_squeeze_dim(1)?;
            if rows.size()[0] == 0 {
                continue;
            }
            let h = trunk.forward(&input.flat.f_index_select(0, &rows)?, mode)?;
            let weight = unseen.f_index_select(0, &rows)?.f_to_kind(Kind::Float)?;
            // 1, or the share of the mean.
            let weight = weight
                .f_mul_scalar(share - 1.)?
                .f_add_scalar(1.)?
                .f_unsqueeze(1)?;
            for (parts, logits) in parts.iter_mut().zip(towers.forward(&h, tasks, mode)?) {
                parts.push(logits.f_mul(&weight)?);
            }
            places.push(rows);
        }
        let places = Tensor::f_cat(&places, 0)?;
        parts
            .iter()
            .map(|parts| {
                let parts = Tensor::f_cat(parts, 0)?; // [>= B, width]
                let size = [input.flat.size()[0], parts.size()[1]];
                let zeros = Tensor::f_zeros(size, (Kind::Float, parts.device()))?;
                Ok(zeros.f_index_add(0, &places, &parts)?)
            })
            .collect()
    }
}
