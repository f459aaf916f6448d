//! Times: a date or timestamp becomes hour, weekday and age; a time of day its hour and hours.
//!
//! An age counts from the newest training value; once it is standardised it does not matter from
//! where, so days since 1970 are kept and their sign is turned.

use std::sync::Arc;

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::part::{Float, IdPart, NumberPart};
use super::spec::ColumnSpec;
use super::{Column, Feature, Inferred, Kind, Placed, Plan, Seen, Single, Slots, Source};
use crate::error::Result;
use crate::feature::fit::moments::Cell;
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::Layout;
use crate::feature::value::class::Class;
use crate::feature::value::number;
use crate::feature::value::time::{Times, assign_parts};
use crate::feature::vocabulary::assign::NoHashes;

pub(super) static KIND: Kind = Kind {
    name: "time",
    by_option: None,
    infer,
    restore: |settings| settings.is_null().then(|| Arc::new(Time) as _),
};

fn infer(source: &Source) -> Result<Option<Inferred>> {
    let reason = match Class::of(source.data_type) {
        Class::Date => "date or timestamp",
        Class::Time => "time of day",
        _ => return Ok(None),
    };
    Ok(Some((Arc::new(Time), reason.into())))
}

#[derive(Debug)]
struct Time;

impl Column for Time {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn single(&self) -> Option<Single> {
        Some(Single::Time)
    }

    fn slots(&self, column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        let name = &column.name;
        let is_date = column.class != Class::Time;
        Box::new(TimeSlots {
            hour: words.id(format!("{name} (hour)")),
            weekday: is_date.then(|| words.id(format!("{name} (weekday)"))),
            value: words.exact(),
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(serde_json::from_value::<TimeParts>(saved)?))
    }
}

#[derive(Clone, Copy)]
struct TimeSlots {
    hour: usize,
    /// Not of a time of day.
    weekday: Option<usize>,
    value: usize,
}

impl Slots for TimeSlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, _buffer: &mut Vec<f64>) -> Result<()> {
        let mut times = Times::default();
        times.read(array)?;
        for (id, parts) in [
            (Some(self.hour), &times.hour),
            (self.weekday, &times.weekday),
        ] {
            if let Some(id) = id {
                let (mut growing, mut hashes, ids) = block.ids(id);
                assign_parts(parts, &mut growing, &mut hashes, ids);
            }
        }
        number::hash(&times.value, block.hashes);
        block.exact(self.value, &times.value);
        Ok(())
    }

    fn plan(&self, _values: &Sketch) -> Box<dyn Plan> {
        Box::new(*self)
    }
}

impl Plan for TimeSlots {
    fn cells(&self) -> Vec<Cell> {
        vec![Cell::Exact(self.value)]
    }

    fn place(&self, seen: &Seen, draft: &mut Draft) -> Result<Placed> {
        let (part, float) = match self.weekday {
            Some(_) => (" (age)", Float::Backwards),
            None => (" (hours)", Float::Plain),
        };
        let name = &seen.column.name;
        let value = draft.number(name, part, self.value, seen.moments[0], float, true);
        let hour = seen.ids[self.hour].clone();
        let weekday = self.weekday.and_then(|w| seen.ids[w].clone());
        let feature = match value {
            Err(why) if hour.is_none() && weekday.is_none() => Err(why),
            value => Ok(Box::new(TimeParts {
                hour,
                weekday,
                value: value.ok(),
            }) as _),
        };
        Ok(Placed {
            feature,
            distinct: None,
            chosen: None,
        })
    }
}

/// What a time becomes. Constant parts are left out.
#[derive(Debug, Serialize, Deserialize)]
struct TimeParts {
    hour: Option<IdPart>,
    weekday: Option<IdPart>,
    /// Age, or hours since midnight.
    value: Option<NumberPart>,
}

impl TimeParts {
    fn ids(&self) -> impl Iterator<Item = &IdPart> {
        [&self.hour, &self.weekday].into_iter().flatten()
    }
}

impl Feature for TimeParts {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, _buffer: &mut Vec<f64>) -> Result<()> {
        let mut times = Times::default();
        times.read(array)?;
        for (part, values) in [(&self.hour, &times.hour), (&self.weekday, &times.weekday)] {
            if let Some(part) = part {
                inputs.categories(part.slot, part.buckets, |fixed, ids| {
                    assign_parts(values, fixed, &mut NoHashes, ids);
                    Ok(())
                })?;
            }
        }
        if let Some(part) = &self.value {
            part.put(&times.value, inputs);
        }
        Ok(())
    }

    fn fits(&self, layout: &Layout) -> bool {
        self.ids().all(|part| part.is_in(layout))
            && self.value.as_ref().is_none_or(|part| part.is_in(layout))
    }

    fn without_values(&self, _layout: &Layout) -> Vec<usize> {
        self.ids().filter_map(IdPart::unlisted).collect()
    }
}
