//! Coded rows as values of the columns' own types.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};

use super::category::Values;
use super::codec::{Codec, Coded, Coding, Column, UnitKind};
use super::condition::Allowed;
use super::value::{cast, from_numbers};
use crate::error::{Error, Result};
use crate::random::Draws;

/// Codes on their way back, with the values at hand.
pub struct Decoder {
    codec: Codec,
    schema: SchemaRef,
    types: Vec<DataType>,
    /// Of categories.
    values: Vec<Option<Values>>,
}

impl Decoder {
    /// A decoder of `codec`.
    ///
    /// # Errors
    /// `Execution` when a type is not known; `Arrow` when a value is none of its type.
    pub fn new(codec: &Codec) -> Result<Self> {
        let types = codec.columns.iter().map(Column::data_type);
        let types = types.collect::<Result<Vec<_>>>()?;
        let values =
            codec
                .columns
                .iter()
                .zip(&types)
                .map(|(column, data_type)| match &column.coding {
                    Coding::Category(category) => Values::new(category, data_type).map(Some),
                    Coding::Number(_) => Ok(None),
                });
        Ok(Self {
            values: values.collect::<Result<_>>()?,
            schema: codec.schema()?,
            codec: codec.clone(),
            types,
        })
    }

    /// The codes.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The rows that `coded` stands for. `allowed` says which values columns were to have.
    ///
    /// # Errors
    /// `Arrow`, which a user can't cause.
    pub fn decode(
        &self,
        coded: &Coded,
        allowed: &Allowed,
        draws: &mut Draws,
    ) -> Result<RecordBatch> {
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.types.len()];
        for (at, unit) in self.codec.units.iter().enumerate() {
            let slots = &coded.slots[at];
            match &unit.kind {
                UnitKind::Column(column) => {
                    let places = &coded.places[at];
                    arrays[*column] = Some(self.column(*column, slots, places, allowed, draws)?);
                }
                UnitKind::Labels { columns, tuples } => {
                    for (i, column) in columns.iter().enumerate() {
                        let slots = slots.iter().map(|slot| tuples[*slot as usize][i]);
                        let slots: Vec<_> = slots.collect();
                        arrays[*column] =
                            Some(self.column(*column, &slots, &[], allowed, draws)?);
                    }
                }
            }
        }
        let lost = || Error::internal("a column that no unit has");
        let arrays = arrays.into_iter().map(|array| array.ok_or_else(lost));
        Ok(RecordBatch::try_new(
            self.schema.clone(),
            arrays.collect::<Result<_>>()?,
        )?)
    }

    fn column(
        &self,
        column: usize,
        slots: &[u32],
        places: &[f32],
        allowed: &Allowed,
        draws: &mut Draws,
    ) -> Result<ArrayRef> {
        let data_type = &self.types[column];
        match (&self.codec.columns[column].coding, &self.values[column]) {
            (_, Some(values)) => {
                let found = values.decode(slots, allowed.exact(column), draws)?;
                match found.data_type() == data_type {
                    true => Ok(found),
                    false => cast(&found, data_type),
                }
            }
            (Coding::Number(number), _) => {
                let none = vec![0.; slots.len()];
                let places = if places.is_empty() { &none } else { places };
                from_numbers(number.decode(slots, places), data_type)
            }
            _ => Err(Error::internal("a category without values")),
        }
    }
}
