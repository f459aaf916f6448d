//! Sizes and rates that architectures share, as options give them.

use serde::{Deserialize, Serialize};

/// Widths of layers and rates; an architecture takes what it has use for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Widths of the layers of a shared trunk.
    pub hidden_units: Vec<i64>,
    /// Widths of the layers of an expert.
    pub expert_units: Vec<i64>,
    /// Widths of the layers of a task's tower.
    pub tower_units: Vec<i64>,
    /// Experts in a layer.
    pub num_experts: i64,
    /// Probability that a unit of a trunk or expert is left out in training.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden_units: vec![256, 128],
            expert_units: vec![128, 64],
            tower_units: vec![64],
            num_experts: 4,
            dropout: 0.1,
        }
    }
}
