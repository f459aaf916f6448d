//! Multi-task architectures: one file each, named after its paper, and the list [`ALL`].
//!
//! A model sees embedded columns and numbers and returns logits. It has never heard of SQL, Parquet
//! or files. Adding one is one file and one entry of the list; the test below then checks it.
//!
//! Shapes: B rows, C id columns, D embedding width, N numbers, F = C * D + N inputs, T tasks.

mod adasparse;
mod aitm;
mod by_scenario;
mod config;
mod dbmtl;
mod esmm;
mod funnel;
mod hinet;
pub mod image_classifier;
mod input;
pub mod interaction;
mod m2m;
mod mmoe;
mod mtan;
mod network;
mod omoe;
mod pepnet;
mod per_scenario;
mod ple;
mod sar_net;
mod shared_bottom;
mod star;
mod stem;
mod towers;

pub use config::Config;
pub use input::{EmbeddedList, Input};
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
    /// The id column that tells scenarios apart.
    pub scenario: Option<Scenario>,
    /// Position of the id column of users.
    pub user: Option<usize>,
    /// Position of the id column of items.
    pub item: Option<usize>,
    /// Sizes and rates.
    pub config: Config,
}

/// The scenarios as a model sees them.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Position of the id column.
    pub column: usize,
    /// Its first row in the embedding table.
    pub offset: i64,
    /// Its ids: 0 for one that training has not seen, 1 for NULL, then the values.
    pub count: i64,
}

/// One task as a model sees it.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// The label's name; a part of the names of its weights.
    pub name: String,
    /// Logits of the task: one for each of several classes, else 1.
    pub width: i64,
    /// Where its output bias begins, so that training need not find it first: the logit of the share of
    /// positive labels for example. Zeros when empty.
    pub prior: Vec<f64>,
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
                    width: task.kind.width() as i64,
                    prior: Vec::new(),
                })
                .collect(),
            scenario: layout.scenario.map(|column| Scenario {
                column,
                offset: layout.ids[column].offset.into(),
                count: layout.ids[column].cardinality.into(),
            }),
            user: layout.user,
            item: layout.item,
            config,
        }
    }

    /// The tasks in the order in which one follows from the other: the funnel, or else all of them.
    pub fn chain(&self) -> Vec<usize> {
        match self.config.funnel.is_empty() {
            true => (0..self.tasks.len()).collect(),
            false => self.config.funnel.clone(),
        }
    }

    /// The values of a row that the architecture reads: `C * D + N`, and what the interaction adds.
    pub fn inputs(&self) -> i64 {
        let crossing = interaction::find(&self.config.interaction);
        let added = crossing.map_or(0, |crossing| (crossing.adds)(self));
        self.id_columns * self.embedding_dim + self.numbers + added
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

    /// What training adds to the tasks' losses, a scalar: a sum over the rows, from the logits of all
    /// tasks.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    fn penalty(&self, _logits: &[Tensor]) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

/// What an architecture can't do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// scenario_col.
    Scenario,
    /// funnel.
    Funnel,
    /// user_col or item_col.
    UserOrItem,
    /// A second task.
    SecondTask,
    /// Rows that are images.
    Images,
}

/// What becomes of the option funnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunnelRule {
    /// The network's logits are those of a task given the one before; probabilities are multiplied, so
    /// that none exceeds the one before.
    Product,
    /// The architecture knows what to do with it.
    Own,
}

/// An entry of the list of architectures.
pub struct Architecture {
    /// The value of `model_type`.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Authors, title, venue, year.
    pub paper: &'static str,
    /// What it can't do without.
    pub needs: &'static [Need],
    /// What becomes of the option funnel.
    pub funnel: FunnelRule,
    /// Whether an id has, beside its embedding, one for each task.
    pub task_embeddings: bool,
    /// Builds the network with the weights found or made at the path.
    pub build: fn(&Spec, &Path) -> Result<Box<dyn MultiTask>>,
}

impl Architecture {
    /// Embeddings of an id.
    fn embeddings(&self, spec: &Spec) -> i64 {
        match self.task_embeddings {
            true => 1 + spec.num_tasks(),
            false => 1,
        }
    }

    /// The width of a row of the embedding table: D for each embedding of an id.
    pub fn row_width(&self, spec: &Spec) -> i64 {
        spec.embedding_dim * self.embeddings(spec)
    }

    /// The values of a row that the architecture reads: [`Spec::inputs`] with each embedding of the ids.
    pub fn reads(&self, spec: &Spec) -> i64 {
        spec.inputs() * self.embeddings(spec)
    }
}

/// Every architecture.
pub static ALL: &[Architecture] = &[
    shared_bottom::ARCHITECTURE,
    omoe::ARCHITECTURE,
    mmoe::ARCHITECTURE,
    ple::ARCHITECTURE,
    ple::ONE_LEVEL,
    esmm::ARCHITECTURE,
    aitm::ARCHITECTURE,
    dbmtl::ARCHITECTURE,
    mtan::ARCHITECTURE,
    pepnet::EMBEDDINGS,
    pepnet::TOWERS,
    pepnet::ARCHITECTURE,
    hinet::ARCHITECTURE,
    star::ARCHITECTURE,
    m2m::ARCHITECTURE,
    sar_net::ARCHITECTURE,
    adasparse::ARCHITECTURE,
    stem::ARCHITECTURE,
    per_scenario::ARCHITECTURE,
    image_classifier::ARCHITECTURE,
];

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
mod numeric_tests;
#[cfg(test)]
mod tests;
