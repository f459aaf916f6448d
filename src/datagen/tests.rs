//! Properties of a whole generated log.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Int8Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn make(rows: u64, seed: u64, output: &Path) -> Result<Report> {
    let options = Datagen {
        rows,
        seed,
        output: output.to_path_buf(),
    };
    generate(&options, &mut |_| ControlFlow::Continue(()))
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batches: Vec<_> = reader
        .build()
        .unwrap()
        .map(|batch| batch.unwrap())
        .collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn int8s<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i8] {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Int8Type>().values()
}

fn floats<'a>(batch: &'a RecordBatch, name: &str) -> &'a [f32] {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Float32Type>().values()
}

fn rate(labels: &[i8]) -> f64 {
    labels.iter().map(|label| f64::from(*label)).sum::<f64>() / labels.len() as f64
}

/// Rank statistic; ties of true probabilities are too rare to matter.
fn auc(labels: &[i8], scores: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let positives = labels.iter().filter(|label| **label == 1).count() as f64;
    let ranks: f64 = order
        .iter()
        .enumerate()
        .filter(|(_, row)| labels[**row] == 1)
        .map(|(rank, _)| rank as f64 + 1.0)
        .sum();
    let pairs = positives * (labels.len() as f64 - positives);
    (ranks - positives * (positives + 1.0) / 2.0) / pairs
}

#[test]
fn same_rows_and_seed_give_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["a", "b"] {
        make(12_000, 3, &root.path().join(folder)).unwrap();
    }
    let report = make(12_000, 4, &root.path().join("c")).unwrap();
    for (path, bytes) in report.files {
        assert_eq!(fs::metadata(&path).unwrap().len(), bytes, "{path:?}");
    }
    let bytes = |folder: &str, name: &str| fs::read(root.path().join(folder).join(name)).unwrap();
    for name in FILES {
        assert!(bytes("a", name) == bytes("b", name), "{name} differs");
        assert!(
            bytes("a", name) != bytes("c", name),
            "{name} ignores the seed"
        );
    }
    let left = fs::read_dir(root.path().join("a")).unwrap().count();
    assert_eq!(left, FILES.len(), "temporary files remain");
}

#[test]
fn labels_form_a_funnel_with_the_promised_rates() {
    let root = tempfile::tempdir().unwrap();
    let report = make(60_000, 11, root.path()).unwrap();
    let log = read(&root.path().join("log.parquet"));
    assert_eq!(log.num_rows(), 60_000);
    let stages = ["click", "cart", "purchase", "review"].map(|name| int8s(&log, name));
    for pair in stages.windows(2) {
        assert!(
            pair[0]
                .iter()
                .zip(pair[1])
                .all(|(before, after)| after <= before)
        );
    }
    let rates = stages.map(rate);
    assert!((0.14..0.16).contains(&rates[0]), "{rates:?}");
    assert!((0.22..0.28).contains(&(rates[1] / rates[0])), "{rates:?}");
    assert!((0.36..0.44).contains(&(rates[2] / rates[1])), "{rates:?}");
    assert!((0.14..0.26).contains(&(rates[3] / rates[2])), "{rates:?}");
    let counted = stages.map(|s| s.iter().filter(|label| **label == 1).count() as u64);
    assert_eq!(report.reached, counted);
}

#[test]
fn nulls_stand_where_the_schema_says() {
    let root = tempfile::tempdir().unwrap();
    make(20_000, 2, root.path()).unwrap();
    let log = read(&root.path().join("log.parquet"));
    let scene = log.column_by_name("scene").unwrap();
    let scene = scene.as_string::<i32>();
    let column = |name: &str| log.column_by_name(name).unwrap();
    let review = int8s(&log, "review");
    let rating = column("rating").as_primitive::<Int8Type>();
    let mut scenes = std::collections::BTreeMap::new();
    for (row, reviewed) in review.iter().enumerate() {
        let search = scene.value(row) == "search";
        assert_eq!(column("query").is_valid(row), search);
        assert_eq!(column("relevance").is_valid(row), search);
        assert_eq!(rating.is_valid(row), *reviewed == 1);
        assert!(rating.is_null(row) || (1..=5).contains(&rating.value(row)));
        *scenes.entry(scene.value(row)).or_insert(0) += 1;
    }
    assert_eq!(scenes.len(), 3);
    assert!(scenes.values().all(|count| *count > 2_000), "{scenes:?}");
}

#[test]
fn truth_joins_the_log_and_is_as_hard_as_promised() {
    let root = tempfile::tempdir().unwrap();
    for seed in [1, 2, 3] {
        let folder = root.path().join(seed.to_string());
        make(60_000, seed, &folder).unwrap();
        let log = read(&folder.join("log.parquet"));
        let truth = read(&folder.join("truth.parquet"));
        let ids = |batch: &RecordBatch| {
            let column = batch.column_by_name("row_id").unwrap();
            column.as_primitive::<Int64Type>().values().to_vec()
        };
        assert_eq!(ids(&log), ids(&truth));
        let p_click = floats(&truth, "p_click");
        let click = auc(int8s(&log, "click"), p_click);
        assert!((0.75..0.80).contains(&click), "seed {seed}: AUC {click}");
        let purchase = auc(int8s(&log, "purchase"), floats(&truth, "p_purchase"));
        assert!(
            (0.75..0.95).contains(&purchase),
            "seed {seed}: AUC {purchase}"
        );
        // Calibrated: in the upper half as in the whole.
        let mean = p_click.iter().map(|p| f64::from(*p)).sum::<f64>() / p_click.len() as f64;
        assert!((mean - rate(int8s(&log, "click"))).abs() < 0.006);
        let given_click = floats(&truth, "p_cart_given_click");
        for ((click, given), cart) in p_click
            .iter()
            .zip(given_click)
            .zip(floats(&truth, "p_cart"))
        {
            assert!((click * given - cart).abs() < 1e-6);
        }
    }
}

#[test]
fn popular_products_take_most_exposures() {
    let root = tempfile::tempdir().unwrap();
    let report = make(30_000, 9, root.path()).unwrap();
    let log = read(&root.path().join("log.parquet"));
    let products = log.column_by_name("product_id").unwrap();
    let mut counts = vec![0u32; report.products as usize];
    for id in products.as_primitive::<Int64Type>().values() {
        counts[*id as usize - 1] += 1;
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let head: u32 = counts[..counts.len() / 10].iter().sum();
    assert!((7_500..20_000).contains(&head), "head tenth has {head}");
}

#[test]
fn refuses_to_overwrite() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("products.parquet"), "mine").unwrap();
    let error = make(100, 1, root.path()).unwrap_err().to_string();
    assert!(error.contains("products.parquet already exists"), "{error}");
    assert_eq!(
        fs::read(root.path().join("products.parquet")).unwrap(),
        b"mine"
    );
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn refuses_no_rows_and_too_many() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("new");
    let error = make(0, 1, &folder).unwrap_err().to_string();
    assert_eq!(error, "rows must be from 1 to 100000000000, got 0");
    assert!(make(u64::MAX, 1, &folder).is_err());
    assert!(!folder.exists());
}

#[test]
fn makes_a_log_of_one_row() {
    let root = tempfile::tempdir().unwrap();
    let report = make(1, 1, root.path()).unwrap();
    assert_eq!((report.rows, report.sessions), (1, 1));
    assert_eq!(read(&root.path().join("log.parquet")).num_rows(), 1);
}

#[test]
fn stopping_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let options = Datagen {
        rows: 500_000,
        seed: 1,
        output: root.path().join("new"),
    };
    let mut last = 0;
    let stopped = generate(&options, &mut |rows| {
        last = rows;
        ControlFlow::Break(())
    });
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    assert_eq!(last, BATCH_ROWS);
    assert!(!options.output.exists());
}
