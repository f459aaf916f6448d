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
    /// Experts in a layer; of each task, where experts belong to tasks.
    pub num_experts: i64,
    /// Experts that all tasks share, where others belong to tasks.
    pub num_shared_experts: i64,
    /// Layers of experts one above the other.
    pub num_levels: i64,
    /// Probability that a unit of a trunk or expert is left out in training.
    pub dropout: f64,
    /// Positions of the tasks that follow from one another, in order of depth.
    pub funnel: Vec<usize>,
    /// How features are crossed in front of the architecture.
    pub interaction: String,
    /// Height and width of an image; zeros where rows are none.
    pub image_size: [i64; 2],
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden_units: vec![256, 128],
            expert_units: vec![128, 64],
            tower_units: vec![64],
            num_experts: 4,
            num_shared_experts: 2,
            num_levels: 2,
            dropout: 0.1,
            funnel: Vec::new(),
            interaction: "none".into(),
            image_size: [0, 0],
        }
    }
}
