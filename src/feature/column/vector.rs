//! Vectors: a list of fixed length becomes as many floats.

use std::sync::Arc;

use arrow::array::ArrayRef;
use serde_json::Value;

use super::part::VectorPart;
use super::spec::ColumnSpec;
use super::{Column, Feature, Inferred, Kind, Placed, Plan, Seen, Slots, Source};
use crate::error::Result;
use crate::feature::fit::moments::Cell;
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::Layout;
use crate::feature::value::class::Class;
use crate::feature::value::vector;

pub(super) static KIND: Kind = Kind {
    name: "vector",
    by_option: None,
    infer,
    restore: |settings| {
        let len = settings.as_u64()?.try_into().ok()?;
        Some(Arc::new(Vector { len }))
    },
};

fn infer(source: &Source) -> Result<Option<Inferred>> {
    Ok(match Class::of(source.data_type) {
        Class::Vector(len) => Some((Arc::new(Vector { len }), "list of fixed length".into())),
        _ => None,
    })
}

#[derive(Debug)]
struct Vector {
    len: usize,
}

impl Column for Vector {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn settings(&self) -> Value {
        self.len.into()
    }

    fn slots(&self, _column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        Box::new(VectorSlots {
            first: words.narrow(self.len),
            len: self.len,
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(serde_json::from_value::<VectorPart>(saved)?))
    }
}

#[derive(Clone, Copy)]
struct VectorSlots {
    first: usize,
    len: usize,
}

impl Slots for VectorSlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, elements: &mut Vec<f64>) -> Result<()> {
        vector::read(array, self.len, elements)?;
        vector::hash(elements, self.len, block.hashes);
        block.narrow(self.first, self.len, elements);
        Ok(())
    }

    fn plan(&self, _values: &Sketch) -> Box<dyn Plan> {
        Box::new(*self)
    }
}

impl Plan for VectorSlots {
    fn cells(&self) -> Vec<Cell> {
        Cell::vector(self.first, self.len)
    }

    fn place(&self, seen: &Seen, draft: &mut Draft) -> Result<Placed> {
        let part = draft.vector(&seen.column.name, self.first, seen.moments);
        Ok(Placed {
            feature: part.map(|part| Box::new(part) as _),
            distinct: None,
            chosen: None,
        })
    }
}

impl Feature for VectorPart {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, elements: &mut Vec<f64>) -> Result<()> {
        vector::read(array, self.scales.len(), elements)?;
        self.put(elements, inputs);
        Ok(())
    }

    fn fits(&self, layout: &Layout) -> bool {
        self.is_in(layout)
    }
}
