//! Generators: one design a file, and the list [`ALL`].
//!
//! A design sees coded rows or pixels and draws more of them. It has never heard of SQL, Arrow or files.

mod copula;
pub mod image;
pub mod tabular;

use crate::error::{Error, Result};
use crate::feature::table::{Allowed, Codec, Coded};
use crate::layer::{Params, Path};
use crate::model::{self, Config};
use crate::random::Draws;

/// What a design makes.
#[derive(Clone, Copy)]
pub enum Makes {
    /// Rows of any columns.
    Rows(RowDesign),
    /// Images, with a label or without.
    Images,
}

/// How a design makes rows.
#[derive(Clone, Copy)]
pub struct RowDesign {
    /// Whether it needs slots in the order of their values.
    pub ordered: bool,
    /// Learns all weights at once; those of other designs are trained against a discriminator.
    pub fit: Option<fn(&Codec, &Coded) -> Result<Params>>,
    /// Builds the generator with the weights found at the path.
    pub build: fn(&Codec, &Config, &Path) -> Result<Box<dyn TableGenerator>>,
}

/// A generator of coded rows.
pub trait TableGenerator: Send {
    /// Draws `rows` rows whose slots are among those allowed. Nothing but `draws` is random.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    fn draw(&self, rows: usize, allowed: &Allowed, draws: &mut Draws) -> Result<Coded>;
}

/// Where options begin that every design has, but not in the same place.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Passes over the data.
    pub epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Size of a step.
    pub learn_rate: f64,
    /// Widths of hidden layers.
    pub hidden_units: &'static [i64],
}

/// An entry of the list of designs.
pub struct Design {
    /// The value of `model_type`.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Authors, title, venue, year.
    pub paper: &'static str,
    /// What it makes.
    pub makes: Makes,
    /// The options of CREATE MODEL that it reads, beside model_type and seed.
    pub options: &'static [&'static str],
    /// Where some of them begin.
    pub defaults: Defaults,
}

/// The options that say what columns are.
const COLUMN_OPTIONS: &[&str] = &[
    "input_label_cols",
    "tasks",
    "funnel",
    "scenario_col",
    "user_col",
    "item_col",
    "categorical_cols",
    "numeric_cols",
    "exclude_cols",
    "max_vocabulary",
    "hash_buckets",
];

/// Every design.
pub static ALL: &[Design] = &[copula::DESIGN, tabular::DESIGN, image::DESIGN];

/// The design of that name, if there is one.
pub fn find(name: &str) -> Option<&'static Design> {
    ALL.iter().find(|design| design.name == name)
}

/// Whether there is a design or an architecture of that name.
///
/// # Errors
/// `Plan` when there is none; the message lists all.
pub fn check_model_type(name: &str) -> Result<()> {
    let mut known = model::ALL.iter().map(|a| a.name).collect::<Vec<_>>();
    known.extend(ALL.iter().map(|d| d.name));
    match known.contains(&name) {
        true => Ok(()),
        false => Err(Error::plan(format!(
            "unknown model_type {name:?}; known: {}",
            known.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests;
