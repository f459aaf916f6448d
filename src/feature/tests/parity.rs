//! A kind of column that only tests know, to see that a kind is one file and one entry of the list: integers
//! named `*_parity` become an id, odd or even, and two floats, what is left by 3 and by 5.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;
use crate::Engine;
use crate::feature::column::part::{IdPart, VectorPart};
use crate::feature::column::spec::ColumnSpec;
use crate::feature::column::{Column, Feature, Kind, Placed, Plan, Seen, Slots};
use crate::feature::fit::moments::Cell;
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::value::{number, vector};
use crate::feature::vocabulary::assign::Assign;

pub(crate) static KIND: Kind = Kind {
    name: "parity",
    by_option: None,
    infer: |source| {
        let named = source.name.ends_with("_parity") && source.data_type.is_integer();
        Ok(named.then(|| (Arc::new(Parity) as _, "integer named *_parity".into())))
    },
    restore: |settings| settings.is_null().then(|| Arc::new(Parity) as _),
};

/// Odd or even, and what is left by 3 and by 5.
fn parts(array: &ArrayRef, rest: &mut Vec<f64>) -> Result<Vec<Option<i64>>> {
    let mut values = Vec::new();
    number::read(array, &mut values)?;
    rest.clear();
    rest.extend(values.iter().flat_map(|v| [v % 3., v % 5.]));
    let odd = |v: &f64| (!v.is_nan()).then_some((*v % 2.) as i64);
    Ok(values.iter().map(odd).collect())
}

fn put(odd: &[Option<i64>], assign: &mut impl Assign, ids: &mut [u32]) {
    for (odd, id) in odd.iter().zip(ids) {
        *id = match odd {
            Some(odd) => assign.integer(*odd),
            None => assign.null(),
        };
    }
}

#[derive(Debug)]
struct Parity;

impl Column for Parity {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn slots(&self, column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        Box::new(ParitySlots {
            odd: words.id(format!("{} (odd)", column.name)),
            rest: words.narrow(2),
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(serde_json::from_value::<ParityParts>(saved)?))
    }
}

#[derive(Clone, Copy)]
struct ParitySlots {
    odd: usize,
    rest: usize,
}

impl Slots for ParitySlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, rest: &mut Vec<f64>) -> Result<()> {
        let odd = parts(array, rest)?;
        vector::hash(rest, 2, block.hashes);
        block.narrow(self.rest, 2, rest);
        let (mut growing, _, ids) = block.ids(self.odd);
        put(&odd, &mut growing, ids);
        Ok(())
    }

    fn plan(&self, _values: &Sketch) -> Box<dyn Plan> {
        Box::new(*self)
    }
}

impl Plan for ParitySlots {
    fn cells(&self) -> Vec<Cell> {
        Cell::vector(self.rest, 2)
    }

    fn place(&self, seen: &Seen, draft: &mut Draft) -> Result<Placed> {
        let rest = draft.vector(&seen.column.name, self.rest, seen.moments);
        let odd = seen.ids[self.odd].clone();
        Ok(Placed {
            feature: rest.map(|rest| Box::new(ParityParts { odd, rest }) as _),
            distinct: None,
            chosen: None,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct ParityParts {
    odd: Option<IdPart>,
    rest: VectorPart,
}

impl Feature for ParityParts {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, rest: &mut Vec<f64>) -> Result<()> {
        let odd = parts(array, rest)?;
        self.rest.put(rest, inputs);
        match &self.odd {
            Some(part) => inputs.categories(part.slot, part.buckets, |fixed, ids| {
                put(&odd, fixed, ids);
                Ok(())
            }),
            None => Ok(()),
        }
    }

    fn fits(&self, layout: &Layout) -> bool {
        self.rest.is_in(layout) && self.odd.as_ref().is_none_or(|part| part.is_in(layout))
    }

    fn without_values(&self, _layout: &Layout) -> Vec<usize> {
        self.odd.iter().filter_map(IdPart::unlisted).collect()
    }
}

#[test]
fn a_kind_of_column_is_one_file_and_one_entry() {
    let x = (0..60).map(|v| (v > 0).then_some(v)).collect::<Vec<_>>();
    let click = BooleanArray::from_iter(x.iter().map(|v| Some(v.is_none_or(|v| v % 2 == 0))));
    let log = batch(vec![
        ("x_parity", Arc::new(Int64Array::from(x)) as ArrayRef),
        ("click", Arc::new(click)),
    ]);
    let fitted = fit(&log, &labels(&["click"]), no_split()).unwrap();
    let layout = fitted.encoder.layout();
    assert_eq!(layout.ids[0].name, "x_parity (odd)");
    // Unknown, NULL, 1 (30 times), 0 (29 times).
    assert_eq!(layout.table_rows, 4);
    let names = ["x_parity[0]", "x_parity[1]", "x_parity (missing)"];
    assert_eq!(layout.dense, names);
    let info = fitted.encoder.fitted().feature_info().remove(0);
    assert_eq!(info.encoding, "parity");
    assert_eq!(info.reason, "integer named *_parity");

    let json = serde_json::to_string(fitted.encoder.fitted()).unwrap();
    let restored: FittedSpec = serde_json::from_str(&json).unwrap();
    assert_eq!(&restored, fitted.encoder.fitted());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vocabulary.parquet");
    fitted.encoder.save_vocabulary(&path).unwrap();
    let restored = Encoder::load(restored, &path).unwrap();
    let probe = Int64Array::from(vec![Some(7), Some(4), None]);
    let probe = batch(vec![("x_parity", Arc::new(probe))]);
    let (encoded, _) = encode(&restored, &probe).unwrap();
    assert_eq!(encoded.ids, [2, 3, 1]);
    let missing: Vec<_> = encoded.dense.iter().skip(2).step_by(3).collect();
    assert_eq!(missing, [&0., &0., &1.]);
    // 7 leaves 1 by 3 and 2 by 5, 4 leaves 1 and 4.
    assert_eq!(encoded.dense[0], encoded.dense[3]);
    assert!(encoded.dense[1] < encoded.dense[4]);
}

#[tokio::test]
async fn a_model_trains_with_a_kind_of_column_of_its_own() {
    let models = tempfile::tempdir().unwrap();
    let engine = Engine::builder().model_dir(models.path()).build().unwrap();
    let rows = "SELECT value AS x_parity, value % 2 = 0 AS click FROM generate_series(1, 600)";
    let run = async |sql: String| engine.sql(&sql).await.unwrap().collect().await.unwrap();
    run(format!(
        "CREATE MODEL even OPTIONS (model_type = 'shared_bottom', input_label_cols = ['click'], \
         epochs = 30, early_stop = false, seed = 3, learn_rate = .05) AS {rows}"
    ))
    .await;
    let wrong = run(format!(
        "SELECT count(*) AS wrong FROM PREDICT(MODEL even, ({rows})) WHERE (p_click > .5) <> click"
    ))
    .await;
    let wrong = wrong[0]
        .column(0)
        .as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!(wrong.value(0), 0);
}
