//! Fitting and encoding as a whole.

pub(crate) mod basket;
mod independence;
mod memory;
mod numbers;
pub(crate) mod parity;
mod refusals;
mod splits;
mod values;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, TimestampSecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::Float32Type;

use super::*;
use crate::error::Result;
use crate::feature::apply::encoder::EncodeStats;
use crate::feature::apply::fitted::FittedSpec;
use crate::feature::rows::budget::tests::Unlimited;
use crate::feature::rows::layout::UNKNOWN_ID;

/// A batch of named columns.
fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

/// Options that name the labels.
fn labels(labels: &[&str]) -> ColumnOptions {
    ColumnOptions {
        labels: labels.iter().map(|l| l.to_string()).collect(),
        ..ColumnOptions::default()
    }
}

fn no_split() -> FitOptions {
    FitOptions {
        split: SplitMethod::None,
        threads: 2,
        ..FitOptions::default()
    }
}

/// Fits partitions, each of some batches.
fn fit_partitions(
    partitions: &[Vec<RecordBatch>],
    columns: &ColumnOptions,
    options: FitOptions,
    budget: Arc<dyn Budget>,
) -> Result<Fitted> {
    let spec = infer(&partitions[0][0].schema(), columns)?;
    let dir = tempfile::tempdir().unwrap();
    let fitter = Fitter::new(spec, options, budget, dir.path().join("spill"))?;
    let mut fitted = Vec::new();
    for batches in partitions {
        let mut partition = fitter.partition();
        for batch in batches {
            partition.push(batch)?;
        }
        fitted.push(partition);
    }
    fitter.finish(fitted)
}

fn fit(batch: &RecordBatch, columns: &ColumnOptions, options: FitOptions) -> Result<Fitted> {
    fit_partitions(
        &[vec![batch.clone()]],
        columns,
        options,
        Arc::new(Unlimited),
    )
}

/// Encodes a batch as PREDICT does.
fn encode(encoder: &Encoder, batch: &RecordBatch) -> Result<(EncodedBatch, EncodeStats)> {
    let binding = encoder.fitted().bind(&batch.schema())?;
    let mut out = EncodedBatch::default();
    let columns = binding
        .positions()
        .iter()
        .map(|at| batch.column(*at).clone());
    let stats = encoder.encode(&columns.collect::<Vec<_>>(), batch.num_rows(), &mut out)?;
    Ok((out, stats))
}

/// All rows of a set: ids, numbers and labels, bit by bit.
fn rows_of(rows: &RowSet, order: Order) -> (Vec<i32>, Vec<u32>, Vec<u32>) {
    let (mut ids, mut dense, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let mut batch = EncodedBatch::default();
    let mut batches = rows.batches(100, order);
    while batches.next_into(&mut batch).unwrap() {
        ids.extend_from_slice(&batch.ids);
        dense.extend(batch.dense.iter().map(|v| v.to_bits()));
        labels.extend(batch.labels.iter().map(|v| v.to_bits()));
    }
    (ids, dense, labels)
}

/// A log with every kind of feature, missing values and repeated rows; nothing is at random.
fn log(rows: usize) -> RecordBatch {
    let mix = |row: usize, salt: u64| crate::random::mix((row as u64) << 8 | salt);
    let pick = |salt: u64, n: u64| (0..rows).map(move |r| mix(r, salt) % n);
    let some = |salt: u64, n: u64| pick(salt, n).map(|v| (v > 0).then_some(v));
    let text = |v: u64| match v % 3 {
        0 => format!("s{v}"),
        _ => format!("a text of more than twelve bytes, {v}"),
    };
    let vectors = pick(9, 50).map(|v| {
        (v > 1).then(|| vec![Some(v as f32), Some(1.0), (v > 5).then_some(v as f32 / 7.0)])
    });
    batch(vec![
        (
            "user_id",
            Arc::new(Int64Array::from_iter(
                some(1, 300).map(|v| v.map(|v| v as i64 - 9)),
            )),
        ),
        (
            "title",
            Arc::new(StringViewArray::from_iter(some(2, 90).map(|v| v.map(text)))),
        ),
        (
            "shop",
            Arc::new(StringArray::from_iter(some(3, 20).map(|v| v.map(text)))),
        ),
        (
            "member",
            Arc::new(BooleanArray::from_iter(pick(4, 2).map(|v| Some(v == 1)))),
        ),
        (
            "price",
            Arc::new(Float64Array::from_iter(
                some(5, 1000).map(|v| v.map(|v| v as f64 / 3.0)),
            )),
        ),
        (
            "age",
            Arc::new(UInt32Array::from_iter_values(pick(6, 80).map(|v| v as u32))),
        ),
        (
            "seen",
            Arc::new(TimestampSecondArray::from_iter(
                some(7, 3_000_000).map(|v| v.map(|v| 1_650_000_000 + v as i64)),
            )),
        ),
        (
            "vector",
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(vectors, 3)),
        ),
        (
            "day",
            Arc::new(Int64Array::from_iter_values(pick(8, 10).map(|v| v as i64))),
        ),
        (
            "paid",
            Arc::new(Float64Array::from_iter(
                some(12, 40).map(|v| v.map(|v| v as f64 / 7.0)),
            )),
        ),
        (
            "click",
            Arc::new(BooleanArray::from_iter(pick(10, 3).map(|v| Some(v == 0)))),
        ),
        (
            "buy",
            Arc::new(Int64Array::from_iter(
                pick(11, 4).map(|v| (v > 1).then_some(v as i64 - 2)),
            )),
        ),
    ])
}

/// The rows in another order, in batches.
fn shuffled(batch: &RecordBatch, salt: u64, batches: usize) -> Vec<RecordBatch> {
    let mut order: Vec<_> = (0..batch.num_rows() as u64).collect();
    order.sort_by_key(|r| crate::random::mix(r ^ salt << 40));
    let whole = take_record_batch(batch, &arrow::array::UInt64Array::from(order)).unwrap();
    let size = whole.num_rows().div_ceil(batches);
    (0..whole.num_rows())
        .step_by(size)
        .map(|from| whole.slice(from, size.min(whole.num_rows() - from)))
        .collect()
}

/// The rows twice.
fn doubled(batch: &RecordBatch) -> RecordBatch {
    concat_batches(&batch.schema(), [batch, batch]).unwrap()
}
