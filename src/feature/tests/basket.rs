//! A kind of column that only tests know, to see what becomes of lists in rows: lists of integers named
//! `*_basket` become lists of ids.

use std::sync::atomic::Ordering;

use arrow::array::{AsArray, ListArray};
use arrow::datatypes::Int64Type;
use serde_json::Value;

use super::*;
use crate::feature::column::part::ListPart;
use crate::feature::column::spec::ColumnSpec;
use crate::feature::column::{Column, Feature, Kind, Placed, Plan, Seen, Slots};
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::budget::tests::Limited;
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::vocabulary::assign::{Assign, Hashes};
use crate::feature::vocabulary::hash::hash_bits;

pub(crate) static KIND: Kind = Kind {
    name: "basket",
    by_option: None,
    infer: |source| {
        let named = source.name.ends_with("_basket");
        Ok(named.then(|| (Arc::new(Basket) as _, "list named *_basket".into())))
    },
    restore: |settings| settings.is_null().then(|| Arc::new(Basket) as _),
};

/// The elements of every row, none for NULL.
fn baskets(array: &ArrayRef) -> impl Iterator<Item = Vec<Option<i64>>> {
    let lists = array.as_list::<i32>().iter();
    let elements = |list: ArrayRef| list.as_primitive::<Int64Type>().iter().collect();
    lists.map(move |list| list.map(elements).unwrap_or_default())
}

fn assign(element: Option<i64>, assign: &mut impl Assign) -> u32 {
    match element {
        Some(element) => assign.integer(element),
        None => assign.null(),
    }
}

#[derive(Debug)]
struct Basket;

impl Column for Basket {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn slots(&self, column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        Box::new(BasketSlots {
            list: words.list(column.name.clone()),
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(serde_json::from_value::<ListPart>(saved)?))
    }
}

#[derive(Clone, Copy)]
struct BasketSlots {
    list: usize,
}

impl Slots for BasketSlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, _buffer: &mut Vec<f64>) -> Result<()> {
        let (mut growing, mut hashes, lists) = block.list(self.list);
        for (row, basket) in baskets(array).enumerate() {
            hashes.add(row, hash_bits(basket.len() as u64));
            for element in &basket {
                hashes.add(row, hash_bits(element.unwrap_or(-1) as u64));
            }
            lists.push(basket.into_iter().map(|e| assign(e, &mut growing)));
        }
        Ok(())
    }

    fn plan(&self, _values: &Sketch) -> Box<dyn Plan> {
        Box::new(*self)
    }
}

impl Plan for BasketSlots {
    fn place(&self, seen: &Seen, _draft: &mut Draft) -> Result<Placed> {
        let part = seen.lists[self.list].clone();
        Ok(Placed {
            feature: match part {
                Some(part) => Ok(Box::new(part)),
                None => Err("constant".into()),
            },
            distinct: None,
            chosen: None,
        })
    }
}

impl Feature for ListPart {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, _buffer: &mut Vec<f64>) -> Result<()> {
        inputs.list(self.list, self.buckets, |fixed, lists| {
            for basket in baskets(array) {
                lists.push(basket.into_iter().map(|e| assign(e, fixed) as i32));
            }
            Ok(())
        })
    }

    fn fits(&self, layout: &Layout) -> bool {
        self.list < layout.lists.len()
    }

    fn without_values(&self, layout: &Layout) -> Vec<usize> {
        let list = self.buckets.map(|_| layout.ids.len() + self.list);
        list.into_iter().collect()
    }
}

/// A log with two columns of lists between the others: of up to 6 elements, some NULL, and of up to 40.
pub(crate) fn log_with_baskets(rows: usize) -> RecordBatch {
    let mix = |row: usize, salt: u64| crate::random::mix((row as u64) << 9 | salt);
    let lists = |longest: u64, values: u64, salt: u64| {
        let list = |row: usize| {
            let len = mix(row, salt) % (longest + 2);
            let element = |at| {
                let element = mix(row, salt + 1 + at) % values;
                (element > 0).then_some(element as i64)
            };
            (len <= longest).then(|| (0..len).map(element).collect::<Vec<_>>())
        };
        ListArray::from_iter_primitive::<Int64Type, _, _>((0..rows).map(list))
    };
    let short: ArrayRef = Arc::new(lists(6, 9, 100));
    let long: ArrayRef = Arc::new(lists(40, 300, 200));
    let log = log(rows);
    let schema = log.schema();
    let mut columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .zip(log.columns().iter().cloned())
        .collect();
    columns.insert(0, ("short_basket", short));
    columns.insert(5, ("long_basket", long));
    batch(columns)
}

/// Encoded rows with two lists each.
pub(crate) fn rows_with_lists(rows: usize) -> RowSet {
    let log = log_with_baskets(rows);
    fit(&log, &labels(&["click"]), no_split()).unwrap().train
}

/// A row: ids, bits of numbers and labels, lists.
type Row = (Vec<i32>, Vec<u32>, Vec<Vec<i32>>);

/// The rows of a batch, one by one.
fn rows_of_batch(batch: &EncodedBatch) -> Vec<Row> {
    let width = |len: usize| len / batch.rows;
    let row = |row| {
        let part = |values: &[f32]| {
            let width = width(values.len());
            let values = values[row * width..][..width].iter();
            values.map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        let ids = width(batch.ids.len());
        (
            batch.ids[row * ids..][..ids].to_vec(),
            [part(&batch.dense), part(&batch.labels)].concat(),
            batch.lists.iter().map(|l| l.row(row).to_vec()).collect(),
        )
    };
    (0..batch.rows).map(row).collect()
}

fn all_rows(rows: &RowSet, size: usize, order: Order) -> Vec<Row> {
    let (mut all, mut batch) = (Vec::new(), EncodedBatch::default());
    let mut batches = rows.batches(size, order);
    while batches.next_into(&mut batch).unwrap() {
        assert!(batch.lists.iter().all(|list| list.rows() == batch.rows));
        all.extend(rows_of_batch(&batch));
    }
    all
}

fn columns() -> ColumnOptions {
    ColumnOptions {
        split_col: Some("day".into()),
        min_count: 2,
        ..labels(&["click", "title", "paid"])
    }
}

#[test]
fn lists_stay_with_their_rows_whatever_way_they_come() {
    let log = doubled(&log_with_baskets(12_000));
    let batches = shuffled(&log, 4, 30);
    let partitions = [batches[..11].to_vec(), batches[11..].to_vec()];
    for split in [SplitMethod::Auto, SplitMethod::Seq { fraction: 0.2 }] {
        let fit = |partitions: &[Vec<RecordBatch>], threads, budget: Arc<dyn Budget>| {
            let options = FitOptions {
                split,
                threads,
                ..FitOptions::default()
            };
            fit_partitions(partitions, &columns(), options, budget).unwrap()
        };
        let one = fit(&[vec![log.clone()]], 1, Arc::new(Unlimited));
        let two = fit(&partitions, 3, Arc::new(Unlimited));
        let limited = Limited::new(3 << 20);
        let tight = fit(&partitions, 2, limited.clone());
        assert!(one.train.in_memory() && !tight.train.in_memory());
        assert!(limited.peak.load(Ordering::SeqCst) <= limited.limit);
        for other in [&two, &tight] {
            assert_eq!(one.encoder.fitted(), other.encoder.fitted());
            let sides = [(&one.train, &other.train), (&one.eval, &other.eval)];
            for (a, b) in sides {
                assert_eq!(a.digest().unwrap(), b.digest().unwrap());
                for order in [Order::Stored, Order::Shuffled { seed: 1, epoch: 2 }] {
                    assert!(all_rows(a, 100, order) == all_rows(b, 333, order));
                }
            }
        }
        drop((two, tight));
        assert_eq!(limited.used(), 0);
    }
}

#[test]
fn lists_of_training_rows_are_those_at_prediction() {
    let log = log_with_baskets(9000);
    let fitted = fit(&log, &labels(&["click"]), no_split()).unwrap();
    let layout = fitted.encoder.layout();
    let names: Vec<_> = layout.lists.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["short_basket", "long_basket"]);
    let [short, long] = [0, 1].map(|list| &layout.lists[list]);
    let before = layout.ids.last().unwrap();
    assert_eq!(short.offset, before.offset + before.cardinality);
    // Unknown and NULL, then 1 to 8.
    assert_eq!((short.cardinality, long.offset), (10, short.offset + 10));
    assert_eq!(layout.table_rows, u64::from(long.offset + long.cardinality));
    // Behind the hash, as words that nobody asked for at prediction, are no labels.
    let without_labels = |rows: Vec<Row>| {
        let dense = layout.dense.len();
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|(ids, numbers, lists)| (ids, numbers[..dense].to_vec(), lists))
            .collect();
        rows.sort();
        rows
    };
    let (encoded, stats) = encode(&fitted.encoder, &log).unwrap();
    assert_eq!(stats.unseen, 0);
    let trained = without_labels(all_rows(&fitted.train, 100, Order::Stored));
    assert!(trained == without_labels(rows_of_batch(&encoded)));
    // A value of a list has the id of its count: what the log says, element by element.
    let shorts = baskets(log.column(0)).map(|list| list.len());
    assert!(shorts.eq((0..9000).map(|row| encoded.lists[0].row(row).len())));

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vocabulary.parquet");
    fitted.encoder.save_vocabulary(&path).unwrap();
    let json = serde_json::to_string(fitted.encoder.fitted()).unwrap();
    let restored = Encoder::load(serde_json::from_str(&json).unwrap(), &path).unwrap();
    assert!(rows_of_batch(&encode(&restored, &log).unwrap().0) == rows_of_batch(&encoded));
}

#[test]
fn a_list_that_is_always_the_same_is_left_out() {
    let one = ListArray::from_iter_primitive::<Int64Type, _, _>(
        (0..60).map(|row| Some(vec![Some(7); row % 3])),
    );
    let two = ListArray::from_iter_primitive::<Int64Type, _, _>(
        (0..60).map(|row| Some(vec![Some(row % 2), Some(5)])),
    );
    let log = batch(vec![
        ("a_basket", Arc::new(one) as ArrayRef),
        ("b_basket", Arc::new(two)),
        (
            "click",
            Arc::new(BooleanArray::from_iter((0..60).map(|v| Some(v % 2 == 0)))),
        ),
    ]);
    let fitted = fit(&log, &labels(&["click"]), no_split()).unwrap();
    assert_eq!(fitted.encoder.layout().lists.len(), 1);
    let rows = all_rows(&fitted.train, 7, Order::Stored);
    // 5 is the most frequent value, then 0 and 1.
    assert!(
        rows.iter()
            .all(|(_, _, lists)| lists[0][1] == 2 && lists[0][0] > 2)
    );
    let (encoded, _) = encode(&fitted.encoder, &log).unwrap();
    assert_eq!(encoded.lists[0].row(0), [3, 2]);
}
