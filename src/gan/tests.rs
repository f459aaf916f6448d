//! Designs of rows, on tables whose distribution is known.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use serde_json::{Value, json};
use tch::Device;

use super::*;
use crate::feature::ColumnOptions;
use crate::feature::table::{CodecOptions, Decoder, TableSpec};
use crate::gan::tabular::{Generator, Layout, Tuples};
use crate::random::Draws;

/// `x` and `y` are normal with correlation 0.8; `kind` says whether `x` is above 1, `click` and `buy` grow
/// with `y`.
fn table() -> RecordBatch {
    let mut draws = Draws::new(&[3]);
    let mut columns: [Vec<f64>; 2] = Default::default();
    let (mut kind, mut click, mut buy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..6000 {
        let x = draws.normal();
        let y = 0.8 * x + 0.6 * draws.normal();
        columns[0].push(x);
        columns[1].push(y);
        kind.push(if x > 1. { "high" } else { "low" });
        let clicked = y + draws.normal() > 0.;
        click.push(i64::from(clicked));
        buy.push(i64::from(clicked && y + draws.normal() > 1.));
    }
    let [x, y] = columns;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", Arc::new(Float64Array::from(x))),
        ("y", Arc::new(Float64Array::from(y))),
        ("kind", Arc::new(StringArray::from(kind))),
        ("click", Arc::new(Int64Array::from(click))),
        ("buy", Arc::new(Int64Array::from(buy))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn coded(ordered: bool) -> (Codec, Coded) {
    let rows = table();
    let options = ColumnOptions {
        labels: vec!["click".into(), "buy".into()],
        ..ColumnOptions::default()
    };
    let spec = TableSpec::infer(&rows.schema(), &options, &[]).unwrap();
    let coding = CodecOptions {
        keep: 16,
        groups: 4,
        ordered,
        seed: 1,
    };
    Codec::fit(&spec, &rows, &coding).unwrap()
}

fn draw(
    codec: &Codec,
    generator: &dyn TableGenerator,
    rows: usize,
    wanted: Value,
    seed: u64,
) -> RecordBatch {
    let allowed = codec.allowed(wanted.as_object().unwrap()).unwrap();
    let mut draws = Draws::new(&[seed]);
    let coded = generator.draw(rows, &allowed, &mut draws).unwrap();
    let decoder = Decoder::new(codec).unwrap();
    decoder.decode(&coded, &allowed, &mut draws).unwrap()
}

fn numbers(rows: &RecordBatch, name: &str) -> Vec<f64> {
    rows[name].as_primitive::<Float64Type>().values().to_vec()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (mean(a), mean(b));
    let product = |x: &[f64], y: &[f64], mx: f64, my: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
    };
    product(a, b, ma, mb) / (product(a, a, ma, ma) * product(b, b, mb, mb)).sqrt()
}

fn copula() -> (Codec, Box<dyn TableGenerator>) {
    let (codec, coded) = coded(true);
    let Makes::Rows(design) = find("copula").unwrap().makes else {
        panic!("it makes rows")
    };
    let params = (design.fit.unwrap())(&codec, &coded).unwrap();
    let generator = (design.build)(&codec, &Config::default(), &params.root()).unwrap();
    (codec, generator)
}

#[test]
fn copula_reproduces_correlations_and_shares() {
    let (codec, generator) = copula();
    let rows = draw(&codec, generator.as_ref(), 20_000, json!({}), 1);
    let (x, y) = (numbers(&rows, "x"), numbers(&rows, "y"));
    assert!(
        (correlation(&x, &y) - 0.8).abs() < 0.02,
        "{}",
        correlation(&x, &y)
    );
    let high = rows["kind"]
        .as_string::<i32>()
        .iter()
        .filter(|k| *k == Some("high"))
        .count();
    // 1 - Phi(1) = 0.1587.
    assert!((high as f64 / 20_000. - 0.1587).abs() < 0.015, "{high}");
    let clicks = rows["click"]
        .as_primitive::<Int64Type>()
        .values()
        .iter()
        .sum::<i64>();
    assert!((clicks as f64 / 20_000. - 0.5).abs() < 0.02, "{clicks}");
}

#[test]
fn copula_draws_under_conditions() {
    let (codec, generator) = copula();
    let rows = draw(
        &codec,
        generator.as_ref(),
        4000,
        json!({"kind": "high", "buy": 1}),
        1,
    );
    assert!(
        rows["kind"]
            .as_string::<i32>()
            .iter()
            .all(|k| k == Some("high"))
    );
    for name in ["buy", "click"] {
        assert!(
            rows[name]
                .as_primitive::<Int64Type>()
                .values()
                .iter()
                .all(|v| *v == 1)
        );
    }
    // The mean of a normal number above 1 is 1.525; of those that buy it is higher.
    let x = mean(&numbers(&rows, "x"));
    assert!(x > 1.2 && x < 2., "{x}");
}

#[test]
fn network_keeps_to_conditions_and_seeds_before_it_has_learnt_anything() {
    let (codec, coded) = coded(false);
    let Makes::Rows(design) = find("tabular_gan").unwrap().makes else {
        panic!("it makes rows")
    };
    let config = Config {
        hidden_units: vec![32, 16],
        ..Config::default()
    };
    let layout = Layout::new(&codec);
    let params = Params::fresh(1, Device::Cpu);
    Generator::new(layout.clone(), &config, &(&params.root() / "generator")).unwrap();
    let mut tensors = params.tensors();
    tensors.push(Tuples::count(&layout, &coded).store(&layout).unwrap());
    let params = Params::loaded(tensors, Device::Cpu).unwrap();
    let generator = (design.build)(&codec, &config, &params.root()).unwrap();
    let wanted = json!({"kind": "high", "click": 1});
    let rows = draw(&codec, generator.as_ref(), 500, wanted.clone(), 5);
    assert_eq!(rows.num_rows(), 500);
    assert!(
        rows["kind"]
            .as_string::<i32>()
            .iter()
            .all(|k| k == Some("high"))
    );
    assert!(
        rows["click"]
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .all(|v| *v == 1)
    );
    assert_eq!(
        rows,
        draw(&codec, generator.as_ref(), 500, wanted.clone(), 5)
    );
    assert_ne!(rows, draw(&codec, generator.as_ref(), 500, wanted, 6));
    assert_eq!(
        draw(&codec, generator.as_ref(), 0, json!({}), 5).num_rows(),
        0
    );
    // The tuples of labels are those of the training rows.
    let rows = draw(&codec, generator.as_ref(), 20_000, json!({}), 7);
    let of = |name: &str| rows[name].as_primitive::<Int64Type>().values().to_vec();
    let mut shares = [0.; 4];
    for (click, buy) in of("click").iter().zip(of("buy")) {
        shares[(2 * click + buy) as usize] += 1. / 20_000.;
    }
    assert_eq!(shares[1], 0.);
    let total: f64 = codec.units[0]
        .counts
        .iter()
        .map(|n| *n as f64 / 6000.)
        .sum();
    assert!((total - 1.).abs() < 1e-9);
    for (share, count) in [shares[0], shares[2], shares[3]]
        .iter()
        .zip(&codec.units[0].counts)
    {
        assert!((share - *count as f64 / 6000.).abs() < 0.015, "{shares:?}");
    }
}
