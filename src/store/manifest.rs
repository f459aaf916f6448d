//! What is known of a stored model besides its weights and vocabularies.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checksum::{self, Sums};
use super::files::Files;
use super::generator::GeneratorSpec;
use super::model::MANIFEST;
use crate::error::{Error, Result};
use crate::feature::FittedSpec;
use crate::model::{Config, Spec};
use crate::train::Epoch;

/// The format that this build writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 3;

/// The manifest of one version of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the folder.
    pub format_version: u32,
    /// The architecture's name.
    pub model_type: String,
    /// When it was published: RFC 3339, UTC.
    pub created: String,
    /// The files beside the manifest, which differ from one kind of model to another; what the version's
    /// checksums name where a manifest does not say.
    #[serde(default)]
    pub files: Vec<String>,
    /// Versions of the libraries that made it, by name.
    pub libraries: BTreeMap<String, String>,
    /// Every option that was in force, by name.
    pub options: serde_json::Map<String, Value>,
    /// The TRANSFORM list, as SQL.
    pub transform: Option<String>,
    /// The query whose rows it was trained on, as SQL.
    pub query: String,
    /// Rows of that query.
    pub rows: u64,
    /// Columns that the model reads at PREDICT with their encodings.
    pub encoder: FittedSpec,
    /// What a generator makes; none of a predictor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorSpec>,
    /// Sizes and rates.
    pub config: Config,
    /// Width of an embedding.
    pub embedding_dim: i64,
    /// What matrix products were computed in.
    pub precision: String,
    /// Tasks in order.
    pub tasks: Vec<String>,
    /// The query's column that names the scenario.
    pub scenario_col: Option<String>,
    /// A row per epoch, split and task.
    pub history: Vec<Epoch>,
    /// The epoch whose weights these are.
    pub best_epoch: usize,
    /// Every task over the rows held back; empty without such rows.
    pub scores: Vec<StoredScore>,
}

/// One task over the rows held back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredScore {
    /// The label's name.
    pub task: String,
    /// Rows in the task's sample space.
    pub rows: u64,
    /// Rows with label 1, of a binary task.
    pub positives: Option<u64>,
    /// The metrics of EVALUATE's columns by name, as far as they are defined and the build that trained it knew them.
    #[serde(flatten)]
    pub metrics: BTreeMap<String, Option<f64>>,
}

impl Manifest {
    /// Reads a manifest; `file` names it in errors.
    ///
    /// # Errors
    /// `Execution` when it is not a manifest, or of a newer format.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self> {
        let wrong =
            |e: serde_json::Error| Error::execution(format!("{file} is not a model manifest: {e}"));
        let value: Value = serde_json::from_slice(bytes).map_err(wrong)?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version > u64::from(FORMAT_VERSION) => Err(Error::execution(format!(
                "{file} has format version {version}; this build of sqltorch reads up to \
                     {FORMAT_VERSION}: use a newer one"
            ))),
            Some(version) if version < u64::from(FORMAT_VERSION) => Err(Error::execution(format!(
                "{file} has format version {version}, of which this build of sqltorch reads \
                     {FORMAT_VERSION} only: train the model again"
            ))),
            _ => serde_json::from_value(value).map_err(wrong),
        }
    }

    /// What the architecture must know to build itself.
    pub fn spec(&self) -> Spec {
        Spec::new(
            self.encoder.layout(),
            self.embedding_dim,
            self.config.clone(),
        )
    }
}

/// What is read of a version when it is opened.
#[derive(Debug)]
pub struct Opened {
    /// What is known of it.
    pub manifest: Manifest,
    /// The checksums of its files.
    pub sums: Sums,
}

impl Opened {
    /// Reads and verifies the manifest of the version in `folder`, whose checksums are `sums`.
    ///
    /// # Errors
    /// `Execution` when it is missing or damaged, of another format, or lists other files than have
    /// checksums.
    pub(super) fn read(files: &dyn Files, folder: &Path, sums: Sums) -> Result<Self> {
        let bytes = sums.read_file(files, folder, MANIFEST)?;
        let shown = files.shown(&folder.join(MANIFEST));
        let mut manifest = Manifest::parse(&bytes, &shown)?;
        let mut known: Vec<_> = sums.names().filter(|name| *name != MANIFEST).collect();
        if manifest.files.is_empty() {
            manifest.files = known.iter().map(|name| name.to_string()).collect();
        }
        let mut listed: Vec<_> = manifest.files.iter().map(String::as_str).collect();
        listed.sort_unstable();
        known.sort_unstable();
        match listed == known {
            true => Ok(Self { manifest, sums }),
            false => Err(checksum::damaged(&shown)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_before_there_were_more_metrics_are_read() {
        let written = r#"{"task": "click", "rows": 3, "positives": 1, "auc": 0.5, "gauc": null,
            "log_loss": 0.6, "calibration_error": 0.1, "rmse": 0.4}"#;
        let score: StoredScore = serde_json::from_str(written).unwrap();
        assert_eq!((score.rows, score.positives), (3, Some(1)));
        assert_eq!(score.metrics["rmse"], Some(0.4));
        assert_eq!(score.metrics["gauc"], None);
        assert!(!score.metrics.contains_key("accuracy"));
        let written = serde_json::to_string(&score).unwrap();
        assert_eq!(
            serde_json::from_str::<StoredScore>(&written).unwrap(),
            score
        );
    }
}
