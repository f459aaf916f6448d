//! What is held is asked for, and what is not granted goes to disk or is refused.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::feature::rows::budget::tests::Limited;
use crate::feature::vocabulary::Vocabulary;

#[test]
fn everything_is_given_back() {
    let budget = Limited::new(1 << 30);
    let log = log(5000);
    let parts = [vec![log]];
    let fitted = fit_partitions(&parts, &labels(&["click"]), no_split(), budget.clone()).unwrap();
    let rows = 5000 * (fitted.encoder.layout().ids.len() + fitted.encoder.layout().dense.len());
    let vocabularies: usize = fitted
        .encoder
        .vocabularies()
        .iter()
        .map(Vocabulary::bytes)
        .sum();
    assert!(budget.used() >= rows * 4 + vocabularies);
    let encoder = fitted.encoder.clone();
    drop(fitted);
    assert_eq!(budget.used(), vocabularies);
    drop(encoder);
    assert_eq!(budget.used(), 0);
}

#[test]
fn vocabularies_that_outgrow_memory_name_their_column() {
    let n = 200_000;
    let ids = Int64Array::from_iter_values((0..n).map(|v| v * 1_000_003));
    let click = BooleanArray::from_iter((0..n).map(|v| Some(v % 2 == 0)));
    let log = batch(vec![("user_id", Arc::new(ids)), ("click", Arc::new(click))]);
    let fit = |hash_buckets| {
        let columns = ColumnOptions {
            hash_buckets,
            ..labels(&["click"])
        };
        fit_partitions(
            &[vec![log.clone()]],
            &columns,
            no_split(),
            Limited::new(3 << 20),
        )
    };
    let error = fit(None).err().unwrap();
    assert!(matches!(error, crate::Error::Resources(_)));
    let message = error.to_string();
    assert!(message.contains("column \"user_id\""), "{message}");
    assert!(message.contains("set hash_buckets"), "{message}");
    assert_eq!(fit(Some(1000)).unwrap().encoder.layout().table_rows, 1002);
}

#[test]
fn rows_make_room_for_training() {
    let log = log(3000);
    let asked = Arc::new(AtomicUsize::new(0));
    let fit = |bytes| {
        let asked = Arc::clone(&asked);
        let options = FitOptions {
            reserve: Some(Arc::new(move |layout: &Layout| {
                asked.store(layout.table_rows as usize, Ordering::SeqCst);
                bytes
            })),
            ..no_split()
        };
        let budget = Limited::new(64 << 20);
        fit_partitions(&[vec![log.clone()]], &labels(&["click"]), options, budget).unwrap()
    };
    assert!(fit(1 << 20).train.in_memory());
    let spilled = fit(1 << 30);
    assert!(!spilled.train.in_memory());
    assert_eq!(
        asked.load(Ordering::SeqCst) as u64,
        spilled.encoder.layout().table_rows
    );
}

#[test]
fn stops_when_asked_to() {
    let stop = Arc::new(AtomicBool::new(true));
    let options = FitOptions {
        stop: Some(stop),
        ..no_split()
    };
    let error = fit(&log(100), &labels(&["click"]), options).err().unwrap();
    assert!(matches!(error, crate::Error::Cancelled));
}

#[test]
fn a_full_or_forbidden_spill_folder_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let log = log(20_000);
    let spec = infer(&log.schema(), &labels(&["click"])).unwrap();
    let dir = file.path().join("spill");
    let fitter = Fitter::new(spec, no_split(), Limited::new(1 << 20), dir).unwrap();
    let mut partition = fitter.partition();
    let error = partition.push(&log).unwrap_err().to_string();
    assert!(error.starts_with("spilling encoded rows to "), "{error}");
}
