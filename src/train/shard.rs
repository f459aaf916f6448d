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
use crate::layer::{Mode, Params, Seen, Tape, Workspace};
use crate::model::{Architecture, Network, Spec, TABLE};
use crate::random::Words;
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
    /// The tasks' weights in the loss; without them each task gets gradients by itself.
    pub weights: Option<&'a [f64]>,
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
    /// Those of the weighted loss. Without weights those of each task's, then those of what belongs to no
    /// task, if there is any.
    pub gradients: Vec<Gradients>,
    /// What concerns the network's buffers.
    pub seen: Vec<Seen>,
}

/// The way down of one loss.
pub struct Gradients {
    /// Of the dense weights, by name; undefined where the loss does not depend on one.
    pub dense: Vec<Tensor>,
    /// Of what the network has read of the table, contiguous: of its input, `[B, F]`, where there are id
    /// columns, then of the values of each list, `[V, D]`.
    pub leaves: Vec<Tensor>,
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
        let input = self.network.embed(&batch, mode)?;
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
        let tape = self.tape(step, index);
        let (read, logits, losses) = self.forward(step, &batch, &tape)?;
        let penalties = tape.penalties().into_iter();
        let penalty = penalties
            .chain(self.network.penalty(&logits)?)
            .reduce(|sum, penalty| sum + penalty);
        let penalty = match penalty {
            Some(penalty) => Some(penalty.f_div_scalar(step.rows.max(1) as f64)?),
            None => None,
        };
        let roots: Vec<Tensor> = match step.weights {
            Some(weights) => {
                let weighted = losses.iter().zip(weights).map(|(loss, &w)| loss * w);
                let sum = weighted.chain(penalty).reduce(|sum, loss| sum + loss);
                sum.into_iter().collect()
            }
            None => {
                let losses = losses.iter().map(Tensor::shallow_clone);
                losses.chain(penalty).collect()
            }
        };
        let leaves = self.leaves.iter().chain(&read).map(Tensor::shallow_clone);
        let leaves: Vec<_> = leaves.collect();
        let losses = losses.iter().map(Tensor::detach).collect();
        let logits = logits.iter().map(Tensor::detach).collect();
        let seen = tape.seen();
        let walks = tape.backward_each(&roots, &leaves)?;
        let gradients = walks.into_iter().map(|mut dense| {
            let found = dense.split_off(self.leaves.len());
            let leaves = found.iter().zip(&read).map(|(found, read)| {
                Ok(match found.defined() {
                    true => found.f_contiguous()?,
                    false => read.f_zeros_like()?,
                })
            });
            let leaves = leaves.collect::<Result<_>>()?;
            Ok(Gradients { dense, leaves })
        });
        Ok(Share {
            losses,
            logits,
            gradients: gradients.collect::<Result<_>>()?,
            seen,
        })
    }

    /// The losses of its part of a batch once more, with the units left out that [`Shard::run`] leaves out
    /// on the CPU.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn losses(&mut self, step: &Step, batch: Batch, index: u64) -> Result<Vec<Tensor>> {
        let _guard = tch::no_grad_guard();
        let tape = self.tape(step, index);
        Ok(self.forward(step, &batch, &tape)?.2)
    }

    /// Begins a pass over a share.
    fn tape(&self, step: &Step, index: u64) -> Tape<'_> {
        self.workspace.start();
        let [seed, epoch, number] = step.seed;
        let draws = Words::new(&[seed, epoch, number, index]);
        Tape::new(draws, &self.workspace).at(step.progress)
    }

    /// What the network has read of the table, the logits of all tasks, and the losses.
    fn forward(
        &self,
        step: &Step,
        batch: &Batch,
        tape: &Tape,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>, Vec<Tensor>)> {
        let mode = Mode::Train(tape);
        let input = self.network.embed(batch, mode)?;
        let flat = (batch.ids.size()[1] > 0).then_some(&input.flat);
        let read = flat
            .into_iter()
            .chain(input.lists.iter().map(|l| &l.values));
        let read = read.map(|leaf| leaf.set_requires_grad(true)).collect();
        let logits = self.network.logits(&input, &self.tasks, mode)?;
        let losses = logits
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
        Ok((read, logits, losses))
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
