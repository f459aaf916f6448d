use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

use super::*;
use crate::feature::table::{CodecOptions, TableSpec};
use crate::feature::{ColumnOptions, Unlimited};
use crate::train::checkpoint::tests::InMemory;

/// A number, a category and two labels that follow from them.
fn table(rows: usize) -> RecordBatch {
    let at = |i: usize, of: usize| (i * 7919 + i / 5) % of;
    let price = (0..rows).map(|i| at(i, 90) as f64 + at(i, 7) as f64 / 10.);
    let kind = (0..rows).map(|i| ["a", "b", "c"][at(i, 3)]);
    let click: Vec<_> = (0..rows)
        .map(|i| i64::from(at(i, 90) > 40 || at(i, 3) == 0))
        .collect();
    let buy = (0..rows).map(|i| click[i] * i64::from(at(i, 7) > 3));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("price", Arc::new(Float64Array::from_iter_values(price))),
        ("kind", Arc::new(StringArray::from_iter_values(kind))),
        ("buy", Arc::new(Int64Array::from_iter_values(buy))),
        ("click", Arc::new(Int64Array::from(click))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn coded(rows: usize) -> (Codec, Coded) {
    let rows = table(rows);
    let options = ColumnOptions {
        labels: vec!["click".into(), "buy".into()],
        ..ColumnOptions::default()
    };
    let spec = TableSpec::infer(&rows.schema(), &options, &[]).unwrap();
    let coding = CodecOptions {
        keep: 16,
        groups: 4,
        ordered: false,
        seed: 1,
    };
    Codec::fit(&spec, &rows, &coding).unwrap()
}

/// Says what it is told, epoch by epoch.
struct Told(Vec<f64>, std::cell::Cell<usize>);

impl Judge for Told {
    fn drawn(&self, _: Range<usize>, _: &Coded) -> Result<Closeness> {
        let epoch = self.1.replace(self.1.get() + 1);
        Ok(Closeness {
            column_shapes: Some(self.0[epoch % self.0.len()]),
            ..Closeness::default()
        })
    }

    fn others(&self, real: Range<usize>, others: Range<usize>) -> Result<Closeness> {
        assert_eq!(real.len(), others.len());
        Ok(Closeness::default())
    }
}

fn train(
    epochs: usize,
    told: &[f64],
    checkpoints: &dyn Checkpoints,
    report: &dyn Fn(&TrainingEvent) -> bool,
) -> Result<Generated> {
    let (codec, coded) = coded(2500);
    let options = TrainOptions {
        epochs,
        batch_size: 250,
        seed: 3,
        ..TrainOptions::default()
    };
    let config = Config {
        hidden_units: vec![16, 8],
        ..Config::default()
    };
    let adversarial = Adversarial {
        codec: &codec,
        coded: &coded,
        config: &config,
        options: &options,
        judge: &Told(told.to_vec(), std::cell::Cell::default()),
        checkpoints,
        threads: 2,
        budget: Arc::new(Unlimited),
    };
    fit(&adversarial, None, report, &mut |_| ())
}

fn losses(trained: &Generated) -> Vec<(i64, String, Option<f64>)> {
    let rows = trained.history.iter();
    rows.map(|row| (row.epoch, row.task.clone(), row.loss))
        .collect()
}

#[test]
fn an_interrupted_training_goes_on_as_if_nothing_had_happened() {
    let whole = train(4, &[0.5], &InMemory::default(), &|_| true).unwrap();
    let kept = InMemory::default();
    let stop = |event: &TrainingEvent| {
        !matches!(
            event,
            TrainingEvent::Batch {
                epoch: 3,
                batch: 2,
                ..
            }
        )
    };
    let stopped = train(4, &[0.5], &kept, &stop).map(drop).unwrap_err();
    assert!(stopped.to_string().contains("cancelled"), "{stopped}");
    assert_eq!(kept.0.borrow().as_ref().unwrap().progress.epoch, 2);
    let resumed = train(4, &[0.5], &kept, &|_| true).unwrap();
    assert_eq!(losses(&resumed), losses(&whole));
    for ((name, a), (_, b)) in resumed.params.tensors().iter().zip(whole.params.tensors()) {
        assert!(a.equal(&b), "{name}");
    }
}

#[test]
fn the_best_epoch_is_kept() {
    let trained = train(3, &[0.4, 0.9, 0.6], &InMemory::default(), &|_| true).unwrap();
    assert_eq!(trained.best_epoch, 2);
    let shorter = train(2, &[0.4, 0.9], &InMemory::default(), &|_| true).unwrap();
    // The learn rate falls with the share of the training that has passed, so only the count can be compared.
    assert_eq!(shorter.best_epoch, 2);
    let quality = trained
        .history
        .iter()
        .filter(|row| row.task == "quality" && row.split == "eval");
    assert_eq!(
        quality.map(|row| row.loss.unwrap()).collect::<Vec<_>>(),
        [0.4, 0.9, 0.6]
    );
}

#[test]
fn rows_that_are_all_alike_have_collapsed() {
    let (_, coded) = coded(500);
    let real = different(&coded, 0..500);
    assert!(real > 10, "{real}");
    let mut alike = coded.clone();
    alike.slots.iter_mut().for_each(|slots| slots.fill(0));
    assert_eq!(different(&alike, 0..500), 1);
    let error = check_variety(2, 500, 1, real).unwrap_err().to_string();
    assert!(
        error.contains("collapsed in epoch 2: of 500 generated rows 1 are different"),
        "{error}"
    );
    assert!(check_variety(2, 500, real / 5, real).is_ok());
}
