//! How to train, as the statement says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::optimizer::{Optimizer, RowOptimizer, Rule};
use super::weighting::{self, Reads};
use crate::error::Result;
use crate::layer::Params;
use crate::model::{Architecture, Network, Spec, TABLE};

/// How to train, whatever the architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainOptions {
    /// Epochs at the most.
    pub epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Learn rate of the dense weights.
    pub learn_rate: f64,
    /// Learn rate of the embedding table; that of its rule when not given.
    pub embedding_learn_rate: Option<f64>,
    /// The rules of a step.
    pub optimizer: Optimizer,
    /// Weight of half of the squared weights in the loss.
    pub l2_reg: f64,
    /// Whether to stop when the eval loss no longer falls, and restore the best epoch.
    pub early_stop: bool,
    /// The relative fall of the eval loss below which training stops.
    pub min_rel_progress: f64,
    /// The strategy's name.
    pub loss_weighting: String,
    /// One weight a task, in task order.
    pub loss_weights: Vec<f64>,
    /// Weights of the classes of a task in its loss, by name of task and class; 1 where none is given.
    pub class_weights: BTreeMap<String, BTreeMap<String, f64>>,
    /// Whether every class of a task has the same share of its loss.
    pub auto_class_weights: bool,
    /// Seed of weights, dropout and the order of rows.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 2048,
            learn_rate: 0.001,
            embedding_learn_rate: None,
            optimizer: Optimizer::Auto,
            l2_reg: 0.,
            early_stop: true,
            min_rel_progress: 0.001,
            loss_weighting: "fixed".into(),
            loss_weights: Vec::new(),
            class_weights: BTreeMap::new(),
            auto_class_weights: false,
            seed: 42,
        }
    }
}

impl TrainOptions {
    /// Bytes of all weights with their moments, gradients and the copy of the best epoch, and of what
    /// a batch of up to `rows` rows leaves behind on its way through the network.
    pub fn memory_bytes(
        &self,
        architecture: &Architecture,
        spec: &Spec,
        table_rows: usize,
        threads: usize,
        rows: u64,
    ) -> Result<usize> {
        let shapes = Params::shapes();
        Network::new(architecture, spec, table_rows as i64, &shapes)?;
        let tensors = shapes.tensors().into_iter().filter(|(n, _)| n != TABLE);
        let dense: usize = tensors.map(|(_, tensor)| tensor.numel()).sum();
        let width = architecture.row_width(spec) as usize;
        let copies = if self.early_stop { 2 } else { 1 };
        let moments = RowOptimizer::state_bytes(self.optimizer.rows(), table_rows, width);
        // Ways back through the network; the gradients of several are kept once more, summed over the
        // threads.
        let (walks, kept) = match weighting::find(&self.loss_weighting)?.reads {
            Reads::Gradients => (spec.tasks.len() + 1, spec.tasks.len() + 2),
            _ => (1, 0),
        };
        let weights = 4 * copies * (table_rows * width + dense)
            + 4 * dense * (3 + kept + walks * threads)
            + moments;
        // Of every value on the way: the product, what becomes of it, a copy beside others, and the
        // gradients of both.
        let row = (12 + 8 * walks) * (shapes.outputs() + architecture.reads(spec) as usize);
        let rows = rows.min(self.batch_size as u64) as usize;
        Ok(weights.saturating_add(row.saturating_mul(rows)))
    }

    /// Learn rate of the embedding table. Row-wise Adagrad divides by the root of all squares so far
    /// and so takes far larger ones than Adam.
    pub fn table_learn_rate(&self) -> f64 {
        self.embedding_learn_rate
            .unwrap_or(match self.optimizer.rows() {
                Rule::Adagrad => 0.1,
                Rule::Adam => self.learn_rate,
            })
    }
}
