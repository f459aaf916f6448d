//! Coded rows as the encoder of a predictor reads them.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};

use super::codec::{Coded, UnitKind};
use super::condition::Allowed;
use super::decode::Decoder;
use crate::error::{Error, Result};
use crate::feature::{EncodedBatch, Encoder, TaskKind};
use crate::random::Draws;

/// A task of a predictor that is a label of the rows.
pub struct SharedTask {
    /// Its position among the predictor's.
    pub task: usize,
    /// Of every tuple of labels the predictor's label, or the position of the class; NaN where the tuple has
    /// none.
    pub labels: Vec<f32>,
    /// Whether it is a binary task, else one of several classes.
    pub is_binary: bool,
}

/// Brings coded rows to a predictor.
pub struct Bridge<'a> {
    decoder: &'a Decoder,
    encoder: &'a Encoder,
}

impl<'a> Bridge<'a> {
    /// From rows that `decoder` decodes to a predictor that reads with `encoder`.
    pub fn new(decoder: &'a Decoder, encoder: &'a Encoder) -> Self {
        Self { decoder, encoder }
    }

    /// The rows as the predictor reads them; a slot that stands for several values is one of them.
    ///
    /// # Errors
    /// `Plan` when the predictor needs a column that the rows lack.
    pub fn encode(&self, coded: &Coded) -> Result<EncodedBatch> {
        let mut draws = Draws::new(&[0]);
        let rows = self
            .decoder
            .decode(coded, &Allowed::default(), &mut draws)?;
        let binding = self.encoder.fitted().bind(rows.schema().as_ref())?;
        let inputs = binding.positions().iter();
        let inputs: Vec<_> = inputs.map(|at| rows.column(*at).clone()).collect();
        let mut encoded = EncodedBatch::default();
        self.encoder
            .encode(&inputs, rows.num_rows(), &mut encoded)?;
        Ok(encoded)
    }

    /// The unit of the predictor's scenario column.
    pub fn scenario_unit(&self) -> Option<usize> {
        let layout = self.encoder.layout();
        let name = &layout.ids[layout.scenario?].name;
        let codec = self.decoder.codec();
        codec.units.iter().position(|unit| match unit.kind {
            UnitKind::Column(at) => codec.columns[at].name.eq_ignore_ascii_case(name),
            UnitKind::Labels { .. } => false,
        })
    }

    /// The predictor's tasks that are labels of the rows.
    ///
    /// # Errors
    /// `Plan` when there is none.
    pub fn tasks(&self) -> Result<Vec<SharedTask>> {
        let codec = self.decoder.codec();
        let mut found = Vec::new();
        if let Some(UnitKind::Labels { columns, tuples }) = codec.units.first().map(|u| &u.kind) {
            let rows = tuples.len();
            let mut slots = vec![vec![0; rows]; codec.units.len()];
            slots[0] = (0..rows as u32).collect();
            let every = Coded {
                rows,
                slots,
                places: vec![vec![0.; rows]; codec.units.len()],
            };
            let mut draws = Draws::new(&[0]);
            let rows = self
                .decoder
                .decode(&every, &Allowed::default(), &mut draws)?;
            for (task, known) in self.encoder.layout().tasks.iter().enumerate() {
                let same = |at: &&usize| codec.columns[**at].name.eq_ignore_ascii_case(&known.name);
                let at = columns.iter().find(same);
                let labels = at
                    .map(|at| labels(rows.column(*at), &known.kind))
                    .transpose()?;
                if let Some(labels) = labels.flatten() {
                    found.push(SharedTask {
                        task,
                        labels,
                        is_binary: known.kind == TaskKind::Binary,
                    });
                }
            }
        }
        match found.is_empty() {
            true => Err(Error::plan(
                "option predictor: the model predicts none of the labels whose tuples are drawn; of labels with many \
                 classes the one with the most is drawn by itself",
            )),
            false => Ok(found),
        }
    }
}

/// The values of a label as a predictor's task has them; none for numbers.
fn labels(values: &dyn Array, kind: &TaskKind) -> Result<Option<Vec<f32>>> {
    Ok(match kind {
        TaskKind::Binary => {
            let numbers = cast(values, &DataType::Float32)?;
            let numbers = numbers.as_primitive::<Float32Type>().iter();
            Some(numbers.map(|label| label.unwrap_or(f32::NAN)).collect())
        }
        TaskKind::MultiClass(classes) => {
            let texts = cast(values, &DataType::Utf8)?;
            let class = |text: Option<&str>| {
                let at = classes
                    .values
                    .iter()
                    .position(|value| Some(&value[..]) == text);
                at.map_or(f32::NAN, |at| at as f32)
            };
            Some(texts.as_string::<i32>().iter().map(class).collect())
        }
        TaskKind::Regression(_) => None,
    })
}
