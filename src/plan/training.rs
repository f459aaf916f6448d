//! The training of a network as options say.

use crate::device::{self, Precision};
use crate::error::Result;
use crate::feature::{Budget, Fitted};
use crate::model;
use crate::plan::options::ModelOptions;
use crate::tensor::catch;
use crate::train::{self, Epoch, Fit, Trained, TrainingEvent};

/// What a network over encoded rows is trained with.
pub struct Trainer<'a> {
    /// Architecture and training.
    pub options: &'a ModelOptions,
    /// Where to train.
    pub device: &'a str,
    /// What products are computed in.
    pub precision: Precision,
    /// Threads of the training.
    pub threads: usize,
    /// Who is asked for memory.
    pub budget: &'a dyn Budget,
}

impl Trainer<'_> {
    /// Trains a network on the rows of `fitted`.
    ///
    /// # Errors
    /// As [`train::fit`].
    pub fn train(
        &self,
        fitted: &Fitted,
        report: &dyn Fn(&TrainingEvent) -> bool,
        epoch_done: &mut dyn FnMut(&[Epoch]),
    ) -> Result<Trained> {
        let options = self.options;
        let device = device::select(self.device.parse()?)?;
        let architecture = model::find(&options.model_type)?;
        let layout = fitted.encoder.layout();
        let spec = model::Spec::new(layout, options.embedding_dim, options.config.clone());
        let tasks = layout.tasks.iter().enumerate().map(|(at, task)| {
            let loss = options.loss(task, fitted.train.labels(at))?;
            Ok((loss, task.kind.clone()))
        });
        let fit = Fit {
            architecture,
            spec: &spec,
            tasks: tasks.collect::<Result<_>>()?,
            table_rows: layout.table_rows as usize,
            leaves: layout.leaves(),
            user_column: layout.user,
            train: &fitted.train,
            eval: (fitted.eval.rows() > 0).then_some(&fitted.eval),
            options: &options.train,
            device,
            products: device::products(self.precision, device),
            threads: self.threads,
            budget: self.budget,
        };
        train::alone(|| catch(|| train::fit(&fit, report, epoch_done)))
    }
}
