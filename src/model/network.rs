//! An embedding table with an architecture on top: what is trained, stored and applied.

use tch::Tensor;

use super::{Architecture, Input, MultiTask, Spec};
use crate::error::Result;
use crate::layer::{Embedding, Mode, Params};

/// Standard deviation of a new embedding: small, so that rare ids begin near "no opinion".
const EMBEDDING_STD: f64 = 0.01;

/// The path of the embedding table among the weights.
pub const TABLE: &str = "embedding/table";

/// One network; shares its weights with the parameters it was built from.
pub struct Network {
    embedding: Embedding,
    model: Box<dyn MultiTask>,
}

impl Network {
    /// Builds `architecture` over a table of `table_rows` rows.
    ///
    /// # Errors
    /// As [`crate::layer::Path::weight`].
    pub fn new(
        architecture: &Architecture,
        spec: &Spec,
        table_rows: i64,
        params: &Params,
    ) -> Result<Self> {
        let root = params.root();
        let width = spec.embedding_dim;
        Ok(Self {
            embedding: Embedding::new(&(&root / "embedding"), table_rows, width, EMBEDDING_STD)?,
            model: (architecture.build)(spec, &root)?,
        })
    }

    /// What the model reads of a batch: `ids` is `[B, C]` i32, `numbers` `[B, N]` f32. Nothing is
    /// recorded of the way here: gradients end at the input.
    ///
    /// # Errors
    /// As [`Embedding::gather`].
    pub fn embed(&self, ids: &Tensor, numbers: &Tensor, mode: Mode) -> Result<Input> {
        Ok(Input {
            flat: self.embedding.gather(ids, numbers, mode)?,
        })
    }

    /// The embedding table, `[R, D]`, sharing memory.
    pub fn table(&self) -> Tensor {
        self.embedding.table()
    }

    /// The logits of `tasks` over an embedded batch, `[B, width]` f32 each.
    ///
    /// # Errors
    /// As [`MultiTask::logits`].
    pub fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        self.model.logits(input, tasks, mode)
    }
}
