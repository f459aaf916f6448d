//! One thread's share of a training step.
//!
//! A batch is divided among threads, each with a replica of the network that shares its weights. Every
//! operator runs on one thread, so that there is nothing to wait for inside a step, also on a busy
//! machine. The gradients are added in the order of the shares: one seed and one thread count give
//! one result.
//!
//! Shapes: B rows of the share, F values of a row, T tasks.

use std::ops::Range;

use tch::{Device, Tensor};

use super::loss::Loss;
use super::threads::Workers;
use crate::error::Result;
use crate::feature::EncodedBatch;
use crate::layer::{Draws, Mode, Params, Seen, Tape, Workspace};
use crate::model::{Architecture, Network, Spec, TABLE};
use crate::tensor::batch::Batch;
use crate::tensor::memory::append;

/// A replica of the network with gradients and buffers of its own.
pub struct Shard {
    network: Network,
    leaves: Vec<Tensor>,
    tasks: Vec<usize>,
    losses: Vec<Loss>,
    workspace: Workspace,
    device: Device,
}

/// What is the same for all shares of a step.
pub struct Step<'a> {
    /// Rows of the batch in each task's sample space.
    pub inside: &'a [u64],
    /// The tasks' weights in the loss.
    pub weights: &'a [f64],
    /// Rows of the batch.
    pub rows: usize,
    /// What dropout draws from, besides the number of the share.
    pub seed: [u64; 3],
    /// How much of the training has passed, of 1.
    pub progress: f64,
}

/// What a share gives back.
pub struct Share {
    /// The share's part of each task's mean loss over the batch.
    pub losses: Vec<Tensor>,
    /// `[B, width]` of each task.
    pub logits: Vec<Tensor>,
    /// Gradients of the dense weights, by name.
    pub dense: Vec<Tensor>,
    /// Gradient of the network's input: `[B, F]`; none without id columns.
    pub fields: Option<Tensor>,
    /// What concerns the network's buffers.
    pub seen: Vec<Seen>,
}

impl Shard {
    /// A replica over the weights that networks work with.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn new(
        architecture: &Architecture,
        spec: &Spec,
        table_rows: usize,
        working: &Params,
        losses: &[Loss],
        device: Device,
    ) -> Result<Self> {
        let params = working.leaves(TABLE)?;
        let network = Network::new(architecture, spec, table_rows as i64, &params)?;
        let dense = params.dense(TABLE).into_iter();
        Ok(Self {
            network,
            leaves: dense.map(|(_, tensor)| tensor).collect(),
            tasks: (0..spec.tasks.len()).collect(),
            losses: losses.to_vec(),
            workspace: Workspace::default(),
            device,
        })
    }

    /// The logits of every task over some rows of a batch.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn apply(&self, encoded: &EncodedBatch, rows: Range<usize>) -> Result<Vec<Vec<f32>>> {
        let _guard = tch::no_grad_guard();
        self.workspace.start();
        let mode = Mode::Apply(&self.workspace);
        let batch = Batch::rows(encoded, rows, self.device)?;
        let input = self.network.embed(&batch.ids, &batch.numbers, mode)?;
        let logits = self.network.logits(&input, &self.tasks, mode)?;
        let mut all = vec![Vec::new(); logits.len()];
        for (values, logits) in all.iter_mut().zip(&logits) {
            append(values, logits)?;
        }
        Ok(all)
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Loss and gradients over its part of a batch; `index` is the number of the share.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn run(&mut self, step: &Step, batch: Batch, index: u64) -> Result<Share> {
        self.workspace.start();
        let [seed, epoch, number] = step.seed;
        let draws = Draws::new(&[seed, epoch, number, index]);
        let tape = Tape::new(draws, &self.workspace).at(step.progress);
        let mode = Mode::Train(&tape);
        let input = self.network.embed(&batch.ids, &batch.numbers, mode)?;
        let has_ids = batch.ids.size()[1] > 0;
        let flat = input.flat.set_requires_grad(has_ids);
        let logits = self.network.logits(&input, &self.tasks, mode)?;
        let losses: Vec<Tensor> = logits
            .iter()
            .zip(&self.losses)
            .zip(step.inside)
            .enumerate()
            .map(|(task, ((logits, loss), &inside))| {
                let labels = batch.labels.f_select(1, task as i64)?;
                let sum = loss.sum(logits, &labels)?;
                Ok(sum.f_div_scalar(inside.max(1) as f64)?)
            })
            .collect::<Result<_>>()?;
        let loss = losses
            .iter()
            .zip(step.weights)
            .map(|(loss, &weight)| loss * weight)
            .reduce(|sum, loss| sum + loss)
            .unwrap_or_else(|| Tensor::from(0f32));
        let of_logits = self.network.penalty(&logits)?;
        let penalties = tape.penalties().into_iter().chain(of_logits);
        let loss = penalties.fold(loss, |loss, penalty| {
            loss + penalty / step.rows.max(1) as f64
        });
        let mut leaves: Vec<Tensor> = self.leaves.iter().map(Tensor::shallow_clone).collect();
        if has_ids {
            leaves.push(flat);
        }
        let losses = losses.iter().map(Tensor::detach).collect();
        let logits = logits.iter().map(Tensor::detach).collect();
        let seen = tape.seen();
        let mut dense = tape.backward(&loss, &leaves)?;
        Ok(Share {
            losses,
            logits,
            fields: has_ids.then(|| dense.pop()).flatten(),
            dense,
            seen,
        })
    }
}

/// Divides `rows` among `shards`, runs `work` on all shares at once, and returns the results in the
/// order of the rows. The last argument of `work` is the number of the share.
///
/// # Errors
/// Those of `work`; `Torch` when libtorch fails.
pub fn in_shares<T: Send>(
    workers: &Workers,
    shards: &mut [Shard],
    rows: usize,
    work: impl Fn(&mut Shard, Range<usize>, u64) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let size = rows.div_ceil(shards.len().max(1)).max(1);
    let parts = shards.iter_mut().enumerate().filter_map(|(i, shard)| {
        let range = (i * size).min(rows)..((i + 1) * size).min(rows);
        (!range.is_empty()).then_some((i as u64, shard, range))
    });
    workers.run(parts.collect(), |(index, shard, range)| {
        work(shard, range, index)
    })
}
