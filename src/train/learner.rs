//! What learns from a batch: replicas of the network, the weights of the tasks' losses, the optimizers.
//!
//! Shapes: B rows, C id columns, T tasks.

use tch::{Device, Tensor};

use super::fit::Fit;
use super::fusion::{Fusion, Sum};
use super::optimizer::{DenseOptimizer, Ids, Leaf, RowOptimizer};
use super::running::Running;
use super::shard::{Gradients, Shard, Step, in_shares};
use super::threads::Workers;
use super::weighting::{self, LossWeighting, Reads};
use crate::error::{Error, Result};
use crate::feature::EncodedBatch;
use crate::layer::{Params, renew};
use crate::model::{Network, Spec, TABLE};
use crate::tensor::batch::Batch;

/// Rows of a share of a step at the least: fewer are not worth a thread.
const MIN_SHARE: usize = 128;

/// The same of rows with more than so many values on their way through the network, as images have; down to
/// a quarter.
const MANY_VALUES: usize = 4096;

/// The rows of a step.
pub enum Rows<'a> {
    /// Encoded, on the CPU.
    Encoded(&'a EncodedBatch),
    /// On the device already, with their labels on the CPU.
    Resident(Batch, Vec<f32>),
}

impl Rows<'_> {
    /// B.
    pub fn count(&self) -> usize {
        match self {
            Self::Encoded(encoded) => encoded.rows,
            Self::Resident(batch, _) => batch.ids.size()[0] as usize,
        }
    }

    /// `[B, T]`.
    fn labels(&self) -> &[f32] {
        match self {
            Self::Encoded(encoded) => &encoded.labels,
            Self::Resident(_, labels) => labels,
        }
    }

    /// What a network reads of the table: the ids, `[B, C]`, then the values of each list; and no gradients
    /// yet.
    fn leaves(&self) -> Vec<Leaf<'_>> {
        let (ids, lists): (_, Vec<_>) = match self {
            Self::Encoded(encoded) => {
                let ids = (!encoded.ids.is_empty()).then_some(Ids::Host(&encoded.ids));
                let lists = encoded.lists.iter().map(|lists| Ids::Host(lists.values()));
                (ids, lists.collect())
            }
            Self::Resident(batch, _) => {
                let has_ids = batch.ids.size()[1] > 0;
                let ids = has_ids.then(|| Ids::Device(batch.ids.flatten(0, -1)));
                let lists = batch.lists.iter();
                let lists = lists.map(|lists| Ids::Device(lists.values.shallow_clone()));
                (ids, lists.collect())
            }
        };
        let leaf = |ids| Leaf {
            ids,
            gradients: Vec::new(),
        };
        ids.into_iter().chain(lists).map(leaf).collect()
    }
}

/// The network in replicas, with all that steps its weights.
pub struct Learner {
    /// Threads, one for each replica.
    pub workers: Workers,
    /// The replicas.
    pub shards: Vec<Shard>,
    /// Steps the dense weights.
    pub dense: DenseOptimizer,
    table: RowOptimizer,
    weighting: Box<dyn LossWeighting>,
    reads: Reads,
    /// What the statement puts on top of the weighting, for each task.
    factors: Vec<f64>,
    /// Where the weighting reads gradients.
    fusion: Option<Fusion>,
}

impl Learner {
    /// Makes the weights in `params`, and what learns them.
    ///
    /// # Errors
    /// As [`Network::new`]; `Resources` when there are no threads left.
    pub fn new(fit: &Fit, spec: &Spec, params: &Params) -> Result<Self> {
        let options = fit.options;
        // Building a network makes the weights; those that work with them come below.
        let network = Network::new(fit.architecture, spec, fit.table_rows as i64, params)?;
        let flat = params.flatten(TABLE)?;
        let working = params.working(fit.products)?;
        let dense = working.dense(TABLE).into_iter();
        let dense: Vec<_> = dense.map(|(_, tensor)| tensor).collect();
        let strategy = weighting::find(&options.loss_weighting)?;
        let tasks = spec.tasks.len();
        let setup = weighting::Setup {
            tasks,
            learn_rate: options.learn_rate,
            seed: options.seed,
        };
        let least = MIN_SHARE * MANY_VALUES / params.outputs().max(1);
        let least = least.clamp(MIN_SHARE / 4, MIN_SHARE);
        let shards = match fit.device {
            Device::Cpu => fit.threads.clamp(1, options.batch_size.div_ceil(least)),
            _ => 1,
        };
        let losses: Vec<_> = fit.tasks.iter().map(|(loss, _)| loss.clone()).collect();
        let (architecture, rows, device) = (fit.architecture, fit.table_rows, fit.device);
        let shards = (0..shards)
            .map(|_| Shard::new(architecture, spec, rows, &working, &losses, device))
            .collect::<Result<Vec<_>>>()?;
        let fusion = (strategy.reads == Reads::Gradients).then(|| {
            let width = fit.architecture.row_width(spec) as usize;
            let embedded = fit.leaves.iter().map(|columns| columns.len() * width);
            Fusion::new(tasks, &dense, embedded.collect())
        });
        let factor = |task| options.loss_weights.get(task).copied().unwrap_or(1.);
        Ok(Self {
            workers: Workers::start(shards.len())?,
            shards,
            dense: DenseOptimizer::new(
                options.optimizer.dense(),
                options.learn_rate,
                options.l2_reg,
                flat,
                &dense,
            ),
            table: RowOptimizer::new(
                options.optimizer.rows(),
                options.table_learn_rate(),
                options.l2_reg,
                network.table(),
                &fit.leaves,
            ),
            weighting: (strategy.build)(&setup),
            reads: strategy.reads,
            factors: (0..tasks).map(factor).collect(),
            fusion,
        })
    }

    /// One step of all optimizers; `seed` is that of the training, with the epoch and the batch,
    /// `progress` how much of the training has passed, of 1.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn step(
        &mut self,
        rows: &Rows,
        seed: [u64; 3],
        progress: f64,
        running: &mut Running,
    ) -> Result<()> {
        let inside = running.count(rows.labels());
        let before = (self.reads != Reads::Gradients).then(|| self.weights());
        let step = Step {
            rows: rows.count(),
            inside: &inside,
            weights: before.as_deref(),
            seed,
            progress,
        };
        let mut shares = self.on(rows, |shard, batch, index| shard.run(&step, batch, index))?;
        let losses = match self.reads {
            Reads::Epochs => Vec::new(),
            _ => summed(shares.iter().map(|share| &share.losses[..]), &inside)?,
        };
        let gradients = shares.iter_mut().map(|s| std::mem::take(&mut s.gradients));
        let gradients: Vec<_> = gradients.collect();
        let (weights, (dense, of_shares)) = match &before {
            Some(weights) => {
                let only = gradients.into_iter().flatten();
                (weights.clone(), only.map(|g| (g.dense, g.leaves)).unzip())
            }
            None => self.fuse(gradients, &losses)?,
        };
        let mut leaves = rows.leaves();
        for of_share in of_shares {
            for (leaf, gradients) in leaves.iter_mut().zip(of_share) {
                leaf.gradients.push(gradients);
            }
        }
        self.table.step(&leaves, &self.workers)?;
        self.dense.step(&dense, &self.workers)?;
        if self.reads != Reads::Epochs {
            self.weighting.after_step(&losses);
        }
        if self.reads == Reads::StepsTwice {
            let again = self.on(rows, |shard, batch, i| shard.losses(&step, batch, i))?;
            let again = summed(again.iter().map(Vec::as_slice), &inside)?;
            self.weighting.after_update(&again);
        }
        let seen = shares.iter_mut().map(|s| std::mem::take(&mut s.seen));
        renew(seen.collect())?;
        running.weigh(&weights);
        running.add(rows.labels(), &shares, inside);
        Ok(())
    }

    /// Hands the losses of an epoch to the weighting.
    pub fn after_epoch(&mut self, losses: &[Option<f64>]) {
        self.weighting.after_epoch(losses);
    }

    /// The tasks' weights, those of the statement included.
    fn weights(&mut self) -> Vec<f64> {
        let weights = self.weighting.weights().into_iter().zip(&self.factors);
        weights.map(|(weight, factor)| weight * factor).collect()
    }

    /// Lets the weighting see the tasks' gradients; returns the weights that it finds, and the sum by them.
    fn fuse(
        &mut self,
        gradients: Vec<Vec<Gradients>>,
        losses: &[Option<f64>],
    ) -> Result<(Vec<f64>, Sum)> {
        let mut fusion = self
            .fusion
            .take()
            .ok_or_else(|| Error::internal("gradients of tasks that nobody sums"))?;
        let gram = fusion.gram(&gradients, &self.workers)?;
        self.weighting.after_pass(&gram, losses);
        let weights = self.weights();
        let sum = fusion.sum(gradients, &weights, &self.factors, &self.workers)?;
        self.fusion = Some(fusion);
        Ok((weights, sum))
    }

    /// The results of `work` on the shares of `rows`, in their order.
    fn on<T: Send>(
        &mut self,
        rows: &Rows,
        work: impl Fn(&mut Shard, Batch, u64) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        match rows {
            Rows::Encoded(encoded) => {
                let work = |shard: &mut Shard, rows, index| {
                    let batch = Batch::rows(encoded, rows, shard.device())?;
                    work(shard, batch, index)
                };
                in_shares(&self.workers, &mut self.shards, encoded.rows, work)
            }
            Rows::Resident(batch, _) => {
                let one = self.shards.iter_mut().zip([batch.share()]).collect();
                let work = |(shard, batch): (&mut Shard, Batch)| work(shard, batch, 0);
                self.workers.run(one, work)
            }
        }
    }
}

/// The tasks' mean losses over a batch from those of its shares; none where no row is in the sample space.
fn summed<'a>(
    shares: impl Iterator<Item = &'a [Tensor]>,
    inside: &[u64],
) -> Result<Vec<Option<f64>>> {
    let mut losses: Vec<_> = inside.iter().map(|&n| (n > 0).then_some(0.)).collect();
    for share in shares {
        for (loss, part) in losses.iter_mut().zip(share) {
            if let Some(loss) = loss {
                *loss += part.f_double_value(&[])?;
            }
        }
    }
    Ok(losses)
}

#[cfg(test)]
mod tests;
