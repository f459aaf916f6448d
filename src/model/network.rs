//! An embedding table with an architecture on top: what is trained, stored and applied.

use tch::{Kind, Tensor};

use super::interaction::{self, Interaction};
use super::{Architecture, EmbeddedList, FunnelRule, Input, MultiTask, Scenario, Spec, funnel};
use crate::error::Result;
use crate::layer::{Embedding, Mode, Params};
use crate::tensor::batch::Batch;

/// Standard deviation of a new embedding: small, so that rare ids begin near "no opinion".
const EMBEDDING_STD: f64 = 0.01;

/// The path of the embedding table among the weights.
pub const TABLE: &str = "embedding/table";

/// One network; shares its weights with the parameters it was built from.
pub struct Network {
    embedding: Embedding,
    interaction: Box<dyn Interaction>,
    model: Box<dyn MultiTask>,
    scenario: Option<Scenario>,
    /// C, embeddings of an id, D.
    fields: [i64; 3],
    /// The tasks whose probabilities are products, in order of depth.
    funnel: Vec<usize>,
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
        let width = architecture.row_width(spec);
        Ok(Self {
            embedding: Embedding::new(&(&root / "embedding"), table_rows, width, EMBEDDING_STD)?,
            interaction: (interaction::find(&spec.config.interaction)?.build)(
                spec,
                &(&root / "interaction"),
            )?,
            model: (architecture.build)(spec, &root)?,
            scenario: spec.scenario,
            fields: [
                spec.id_columns,
                architecture.embeddings(spec),
                spec.embedding_dim,
            ],
            funnel: match architecture.funnel {
                FunnelRule::Product => spec.config.funnel.clone(),
                FunnelRule::Own => Vec::new(),
            },
        })
    }

    /// What the model reads of a batch, all of an id's embeddings side by side. Nothing is recorded of the
    /// way here: gradients end at the input.
    ///
    /// # Errors
    /// As [`Embedding::gather`].
    pub fn embed(&self, batch: &Batch, mode: Mode) -> Result<Input> {
        let flat = self.embedding.gather(&batch.ids, &batch.numbers, mode)?;
        let lists = batch.lists.iter().map(|lists| {
            Ok(EmbeddedList {
                offsets: lists.offsets.shallow_clone(),
                values: self.embedding.rows(&lists.values, mode)?,
            })
        });
        Ok(Input {
            embedded: flat.shallow_clone(),
            flat,
            own: Vec::new(),
            lists: lists.collect::<Result<_>>()?,
            width: self.fields[2],
            scenario: self
                .scenario
                .map(|scenario| {
                    let ids = batch.ids.f_select(1, scenario.column as i64)?;
                    ids.f_to_kind(Kind::Int64)?.f_sub_scalar(scenario.offset)
                })
                .transpose()?,
        })
    }

    /// The embedding table, sharing memory: a row for each id.
    pub fn table(&self) -> Tensor {
        self.embedding.table()
    }

    /// The logits of `tasks` over an embedded batch, `[B, width]` f32 each, in the order of `tasks`,
    /// whichever it is.
    ///
    /// # Errors
    /// As [`MultiTask::logits`].
    pub fn logits(&self, input: &Input, tasks: &[usize], mode: Mode) -> Result<Vec<Tensor>> {
        let given = funnel::needed(&self.funnel, tasks);
        let mut crossed = self.with_embedding(0, input)?;
        crossed.flat = self.interaction.cross(&crossed)?;
        for which in 1..self.fields[1] {
            let own = self.with_embedding(which, input)?;
            crossed.own.push(self.interaction.cross(&own)?);
        }
        let logits = self.model.logits(&crossed, &given, mode)?;
        funnel::over_all_rows(&self.funnel, tasks, &given, &logits)
    }

    /// The batch with one of the embeddings that ids have: 0 for the one that all tasks share, or that of
    /// task `which - 1`.
    fn with_embedding(&self, which: i64, input: &Input) -> Result<Input> {
        let [columns, embeddings, width] = self.fields;
        let flat = match embeddings {
            1 => input.flat.shallow_clone(),
            _ => {
                let used = columns * embeddings * width;
                let ids = input.flat.f_narrow(1, 0, used)?;
                let ids = ids.f_unflatten(1, [columns, embeddings, width])?;
                let numbers = input.flat.f_narrow(1, used, input.flat.size()[1] - used)?;
                let one = ids.f_select(2, which)?.f_flatten(1, 2)?;
                Tensor::f_cat(&[one, numbers], 1)?
            }
        };
        Ok(Input {
            embedded: flat.shallow_clone(),
            flat,
            own: Vec::new(),
            lists: input.lists.iter().map(EmbeddedList::share).collect(),
            width,
            scenario: input.scenario.as_ref().map(Tensor::shallow_clone),
        })
    }

    /// As [`MultiTask::penalty`].
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn penalty(&self, logits: &[Tensor]) -> Result<Option<Tensor>> {
        self.model.penalty(logits)
    }
}
