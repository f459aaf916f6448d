//! Multi-task architectures: one file each, named after its paper, and the list [`ALL`].
//!
//! A model sees embedded columns and numbers and returns logits. It has never heard of SQL, Parquet
//! or files. Adding one is one file and one entry of the list; the test below then checks it.
//!
//! Shapes: B rows, C id columns, D embedding width, N numbers, F = C * D + N inputs, T tasks.

mod config;
mod input;
mod mmoe;
mod network;
mod shared_bottom;
mod towers;

pub use config::Config;
pub use input::Input;
pub use network::{Network, TABLE};
pub use towers::Towers;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::feature::Layout;
use crate::layer::{Mode, Path};

/// What an architecture must know to build itself.
#[derive(Clone, Debug)]
pub struct Spec {
    /// C, the number of id columns.
    pub id_columns: i64,
    /// D, the width of an embedding.
    pub embedding_dim: i64,
    /// N, the numbers in a row.
    pub numbers: i64,
    /// The tasks in the order of their labels.
    pub tasks: Vec<TaskSpec>,
    /// Sizes and rates.
    pub config: Config,
}

/// One task as a model sees it.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// The label's name; a part of the names of its weights.
    pub name: String,
    /// Logits of the task: 1 for a binary task.
    pub width: i64,
    /// Where its output bias begins: the logit of the share of positive labels, so that training
    /// need not find it first.
    pub prior: f64,
}

impl Spec {
    /// The spec of a network over encoded rows.
    pub fn new(layout: &Layout, embedding_dim: i64, config: Config) -> Self {
        let tasks = layout.tasks.iter();
        Self {
            id_columns: layout.ids.len() as i64,
            embedding_dim,
            numbers: layout.dense.len() as i64,
            tasks: tasks
                .map(|task| TaskSpec {
                    name: task.name.clone(),
                    width: 1,
                    prior: 0.,
                })
                .collect(),
            config,
        }
    }

    /// F, the values of a row: `C * D + N`.
    pub fn inputs(&self) -> i64 {
        self.id_columns * self.embedding_dim + self.numbers
    }

    /// T.
    pub fn num_tasks(&self) -> i64 {
        self.tasks.len() as i64
    }
}

/// A network with one output a task.
pub trait MultiTask: Send {
    /// The logits of the tasks whose positions `tasks` lists in rising order: `[B, width]` f32 each.
    /// Parts that only other tasks need are not computed.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>>;
}

/// An entry of the list of architectures.
pub struct Architecture {
    /// The value of `model_type`.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Authors, title, venue, year.
    pub paper: &'static str,
    /// Builds the network with the weights found or made at the path.
    pub build: fn(&Spec, &Path) -> Result<Box<dyn MultiTask>>,
}

/// Every architecture.
pub static ALL: &[Architecture] = &[shared_bottom::ARCHITECTURE, mmoe::ARCHITECTURE];

/// The architecture of that name.
///
/// # Errors
/// `Plan` when there is none; the message lists all.
pub fn find(name: &str) -> Result<&'static Architecture> {
    ALL.iter().find(|a| a.name == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|a| a.name).collect();
        Error::plan(format!(
            "unknown model_type {name:?}; known: {}",
            known.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests;
