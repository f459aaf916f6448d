//! Categories: a value becomes an id.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use serde_json::Value;

use super::part::IdPart;
use super::spec::ColumnSpec;
use super::{ByOption, Column, Feature, Inferred, Kind, Placed, Plan, Seen, Single, Slots, Source};
use crate::error::{Error, Result};
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::Layout;
use crate::feature::value::category;
use crate::feature::value::class::{Class, value_type};
use crate::feature::vocabulary::assign::NoHashes;

pub(super) static KIND: Kind = Kind {
    name: "category",
    by_option: Some(ByOption {
        options: &[("categorical_cols", |options| {
            let names = options.categorical_cols.iter();
            names.map(String::as_str).collect()
        })],
        column: asked,
    }),
    infer,
    restore: |settings| settings.is_null().then(|| Arc::new(Category) as _),
};

fn asked(source: &Source, option: &str) -> Result<Arc<dyn Column>> {
    if Class::of(source.data_type).is_scalar() {
        return Ok(Arc::new(Category));
    }
    Err(Error::plan(format!(
        "column \"{}\" in {option} is of type {}: a category needs one text, number, boolean or time per row",
        source.name, source.data_type
    )))
}

fn infer(source: &Source) -> Result<Option<Inferred>> {
    let is_dictionary = matches!(source.data_type, DataType::Dictionary(_, _));
    let reason = match Class::of(source.data_type) {
        Class::Text => "text",
        Class::Number | Class::Duration if is_dictionary => "dictionary",
        Class::Number if *source.data_type == DataType::Boolean => "boolean",
        Class::Number if is_id(source) => "integer named *_id",
        _ => return Ok(None),
    };
    Ok(Some((Arc::new(Category), reason.into())))
}

fn is_id(source: &Source) -> bool {
    value_type(source.data_type).is_integer() && source.name.to_lowercase().ends_with("_id")
}

#[derive(Debug)]
struct Category;

impl Column for Category {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn single(&self) -> Option<Single> {
        Some(Single::Category)
    }

    fn slots(&self, column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        Box::new(CategorySlots {
            id: words.id(column.name.clone()),
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(serde_json::from_value::<IdPart>(saved)?))
    }
}

#[derive(Clone, Copy)]
struct CategorySlots {
    id: usize,
}

impl Slots for CategorySlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, _buffer: &mut Vec<f64>) -> Result<()> {
        let (mut growing, mut hashes, ids) = block.ids(self.id);
        category::read(array, &mut growing, &mut hashes, ids)
    }

    fn plan(&self, _values: &Sketch) -> Box<dyn Plan> {
        Box::new(*self)
    }
}

impl Plan for CategorySlots {
    fn place(&self, seen: &Seen, _draft: &mut Draft) -> Result<Placed> {
        let merged = &seen.merged[self.id];
        let feature = match &seen.ids[self.id] {
            Some(part) => Ok(Box::new(part.clone()) as _),
            None => Err(merged.constant_reason()),
        };
        Ok(Placed {
            feature,
            distinct: merged.distinct,
            chosen: None,
        })
    }
}

impl Feature for IdPart {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, _buffer: &mut Vec<f64>) -> Result<()> {
        inputs.categories(self.slot, self.buckets, |fixed, ids| {
            category::read(array, fixed, &mut NoHashes, ids)
        })
    }

    fn describe(&self) -> Option<String> {
        self.buckets.map(|_| "hash".into())
    }

    fn fits(&self, layout: &Layout) -> bool {
        self.is_in(layout)
    }

    fn without_values(&self, _layout: &Layout) -> Vec<usize> {
        self.unlisted().into_iter().collect()
    }
}
