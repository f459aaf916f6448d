//! What a training that takes long keeps after every epoch, to go on from after an interruption. A training
//! that goes on has the same losses as one that was never interrupted.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::report::Epoch;
use crate::error::{Error, Result};

/// A training after some epochs.
#[derive(Debug, Default)]
pub struct Checkpoint {
    /// How far it is.
    pub progress: Progress,
    /// Weights, moments and counters, by name.
    pub tensors: Vec<(String, Tensor)>,
}

/// How far a training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs that are done.
    pub epoch: usize,
    /// The best of them and its score, where there is one.
    pub best: Option<(usize, f64)>,
    /// A row per epoch and loss.
    pub history: Vec<Epoch>,
}

/// Where a training keeps its checkpoint.
pub trait Checkpoints {
    /// The checkpoint that this training is to go on from.
    ///
    /// # Errors
    /// `Plan` when there is one of another training; `Execution` when it is damaged.
    fn load(&self) -> Result<Option<Checkpoint>>;

    /// Keeps a checkpoint in place of the one before.
    ///
    /// # Errors
    /// `Io` when it can't be written.
    fn save(&self, checkpoint: &Checkpoint) -> Result<()>;
}

impl Checkpoint {
    /// Adds a tensor.
    pub fn add(&mut self, name: &str, tensor: &Tensor) {
        self.tensors.push((name.to_string(), tensor.detach()));
    }

    /// Adds a counter.
    pub fn count(&mut self, name: &str, count: i64) {
        self.tensors.push((name.to_string(), Tensor::from(count)));
    }

    /// Adds weights with the moments of their gradients, and the steps that these have come from.
    pub fn add_weights(&mut self, name: &str, [weights, first, second]: [&Tensor; 3], step: i32) {
        self.add(&format!("{name}/weights"), weights);
        self.add(&format!("{name}/first"), first);
        self.add(&format!("{name}/second"), second);
        self.count(&format!("{name}/step"), step.into());
    }

    /// Copies weights and moments into those of the same shapes; returns the steps.
    ///
    /// # Errors
    /// As [`Checkpoint::restore`].
    pub fn restore_weights(
        &self,
        name: &str,
        [weights, first, second]: [&Tensor; 3],
    ) -> Result<i32> {
        self.restore(&format!("{name}/weights"), weights)?;
        self.restore(&format!("{name}/first"), first)?;
        self.restore(&format!("{name}/second"), second)?;
        Ok(self.counted(&format!("{name}/step"))? as i32)
    }

    /// A tensor.
    ///
    /// # Errors
    /// `Execution` when it is missing.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        let found = self.tensors.iter().find(|(known, _)| known == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| lacks(name))
    }

    /// A counter.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`].
    pub fn counted(&self, name: &str) -> Result<i64> {
        Ok(self
            .tensor(name)?
            .f_to_kind(Kind::Int64)?
            .f_int64_value(&[])?)
    }

    /// Copies a tensor into one of the same shape.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`]; `Execution` when the shape is another one.
    pub fn restore(&self, name: &str, into: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let saved = self.tensor(name)?;
        if saved.size() != into.size() {
            return Err(lacks(name));
        }
        into.shallow_clone().f_copy_(saved)?;
        Ok(())
    }
}

fn lacks(name: &str) -> Error {
    Error::execution(format!(
        "the checkpoint has no {name} of this training's shape: leave resume out, and the training begins anew"
    ))
}

#[cfg(test)]
pub mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A checkpoint in memory.
    #[derive(Default)]
    pub struct InMemory(pub RefCell<Option<Checkpoint>>);

    impl Checkpoints for InMemory {
        fn load(&self) -> Result<Option<Checkpoint>> {
            Ok(self.0.borrow().as_ref().map(copy))
        }

        fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
            *self.0.borrow_mut() = Some(copy(checkpoint));
            Ok(())
        }
    }

    fn copy(checkpoint: &Checkpoint) -> Checkpoint {
        let tensors = checkpoint.tensors.iter();
        Checkpoint {
            progress: checkpoint.progress.clone(),
            tensors: tensors
                .map(|(name, tensor)| (name.clone(), tensor.copy()))
                .collect(),
        }
    }

    #[test]
    fn what_was_added_comes_back() {
        let mut checkpoint = Checkpoint::default();
        checkpoint.add("weights", &Tensor::from_slice(&[1f32, 2.]));
        checkpoint.count("step", 7);
        let weights = Tensor::zeros([2], (Kind::Float, tch::Device::Cpu));
        checkpoint.restore("weights", &weights).unwrap();
        assert_eq!(Vec::<f32>::try_from(&weights).unwrap(), [1., 2.]);
        assert_eq!(checkpoint.counted("step").unwrap(), 7);
        let other = Tensor::zeros([3], (Kind::Float, tch::Device::Cpu));
        let error = checkpoint.restore("weights", &other).unwrap_err();
        assert!(error.to_string().contains("no weights of this"), "{error}");
    }
}
