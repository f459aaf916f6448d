use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

use super::*;
use crate::feature::table::{Codec, CodecOptions, TableSpec};
use crate::feature::{
    self, ColumnOptions, FitOptions, Fitter, NumericEncoding, NumericEncodings, SplitMethod,
    Unlimited,
};
use crate::gan::tabular::Discriminator;
use crate::model::Config;
use crate::random::Draws;

/// Clicks come with high numbers of one kind; stars are three classes, at times not known.
fn table() -> RecordBatch {
    let mut draws = Draws::new(&[3]);
    let (mut x, mut kind, mut click, mut stars) = (vec![], vec![], vec![], vec![]);
    for _ in 0..2000 {
        let number = 10. + draws.normal();
        let of = if draws.open_unit() < 0.4 { "a" } else { "b" };
        x.push(number);
        kind.push(of);
        click.push(i64::from(number > 10. && of == "a"));
        stars.push(
            (draws.open_unit() < 0.9).then_some(1 + i64::from(number > 10.) + i64::from(of == "b")),
        );
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", Arc::new(Float64Array::from(x))),
        ("kind", Arc::new(StringArray::from(kind))),
        ("click", Arc::new(Int64Array::from(click))),
        ("stars", Arc::new(Int64Array::from(stars))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn options() -> ColumnOptions {
    ColumnOptions {
        labels: vec!["click".into(), "stars".into()],
        label_types: [("stars".into(), "multiclass".into())].into(),
        scenario_col: Some("kind".into()),
        numeric_encoding: NumericEncodings::All(NumericEncoding::Standardize),
        ..ColumnOptions::default()
    }
}

/// Weights are as they begin, but of a size that tells rows apart.
fn predictor(architecture: &str) -> Predictor {
    let rows = table();
    let spec = feature::infer(&rows.schema(), &options()).unwrap();
    let split = FitOptions {
        split: SplitMethod::None,
        ..FitOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let fitter = Fitter::new(spec, split, Arc::new(Unlimited), folder.path().into()).unwrap();
    let mut part = fitter.partition();
    part.push(&rows).unwrap();
    let encoder = fitter.finish(vec![part]).unwrap().encoder;
    let architecture = crate::model::find(architecture).unwrap();
    let config = Config {
        hidden_units: vec![8],
        expert_units: vec![8],
        tower_units: vec![4],
        ..Config::default()
    };
    let spec = Spec::new(encoder.layout(), 3, config);
    let params = Params::fresh(7, Device::Cpu);
    let rows = encoder.layout().table_rows as i64;
    Network::new(architecture, &spec, rows, &params).unwrap();
    let tensors = params.tensors().into_iter().map(|(name, tensor)| {
        let grown = if name == TABLE { tensor * 50. } else { tensor };
        (name, grown)
    });
    let params = Params::loaded(tensors.collect(), Device::Cpu).unwrap();
    Predictor {
        encoder,
        architecture,
        spec,
        params,
    }
}

/// Codes, coded rows, and these as the discriminator sees them.
fn rows() -> (Decoder, Coded, Layout, Tensor, Conditioned) {
    let rows = table();
    let spec = TableSpec::infer(&rows.schema(), &options(), &[]).unwrap();
    let coding = CodecOptions {
        keep: 16,
        groups: 4,
        ordered: false,
        seed: 1,
    };
    let (codec, coded) = Codec::fit(&spec, &rows, &coding).unwrap();
    let layout = Layout::new(&codec);
    let (units, count) = (layout.units(), coded.rows);
    let place = |unit: usize, row: usize| coded.places[unit].get(row).copied().unwrap_or(0.);
    let (mut ids, mut places) = (Vec::new(), Vec::new());
    for row in 0..count {
        ids.extend((0..units).map(|u| layout.offset(u) + i64::from(coded.slots[u][row])));
        places.extend((0..units).map(|u| place(u, row)));
    }
    let shape = [count as i64, units as i64];
    let ids = Tensor::from_slice(&ids).view(shape);
    let places = Tensor::from_slice(&places).view(shape);
    let params = Params::fresh(1, Device::Cpu);
    let discriminator =
        Discriminator::new(layout.clone(), &Config::default(), &params.root()).unwrap();
    let seen = discriminator.real(&ids, &places).unwrap();
    let given = Conditioned {
        given: Tensor::ones(shape, (Kind::Float, Device::Cpu)),
        ids,
    };
    (Decoder::new(&codec).unwrap(), coded, layout, seen, given)
}

#[test]
fn rows_are_read_as_the_predictor_reads_them() {
    let (decoder, coded, layout, seen, _) = rows();
    let guide = Guide::new(&layout, &decoder, predictor("shared_bottom")).unwrap();
    let read = guide.read(&seen).unwrap();
    let predictor = predictor("shared_bottom");
    let encoded = Bridge::new(&decoder, &predictor.encoder)
        .encode(&coded)
        .unwrap();
    let batch = Batch::rows(&encoded, 0..coded.rows, Device::Cpu).unwrap();
    let workspace = Workspace::default();
    let mode = Mode::Apply(&workspace);
    let input = guide.network.embed(&batch, mode).unwrap();
    assert_eq!(read.size(), input.flat.size());
    // The number stands last, after the embedding of its kind.
    let numbers = input.flat.size()[1] - 1;
    let off = (&read - &input.flat).abs();
    assert!(off.narrow(1, 0, numbers).max().double_value(&[]) < 1e-5);
    let off = off
        .narrow(1, numbers, 1)
        .mean(Kind::Float)
        .double_value(&[]);
    let deviation = input.flat.narrow(1, numbers, 1).std(true).double_value(&[]);
    assert!(off < 0.1 * deviation, "{off} of {deviation}");
}

#[test]
fn real_rows_are_no_distance_from_themselves_and_the_gradient_leads_back_to_them() {
    for architecture in ["shared_bottom", "mmoe", "star", "stem"] {
        let (decoder, _, layout, seen, given) = rows();
        let guide = Guide::new(&layout, &decoder, predictor(architecture)).unwrap();
        assert_eq!(guide.tasks.len(), 2);
        assert!(guide.scenario.is_some());
        let (none, _) = guide.distance(&seen, &seen, &given).unwrap();
        assert!(none.double_value(&[]) < 1e-5, "{architecture}");
        // The rows of other tuples.
        let order: Vec<_> = (0..2000i64).rev().collect();
        let other = seen.index_select(0, &Tensor::from_slice(&order));
        let drawn = other.copy().set_requires_grad(true);
        let (far, with_gradient) = guide.distance(&seen, &drawn, &given).unwrap();
        let gradient = &Tensor::run_backward(&[with_gradient], &[&drawn], false, false)[0];
        let length = gradient.square().sum(Kind::Float).double_value(&[]);
        let far = far.double_value(&[]);
        assert!(far > 1e-4 && length > 0., "{architecture}: {far} {length}");
        // A step that should halve the distance, were it linear.
        let nearer = tch::no_grad(|| &other - gradient * (far / 2. / length));
        let near = guide
            .distance(&seen, &nearer, &given)
            .unwrap()
            .0
            .double_value(&[]);
        assert!(near < 0.9 * far, "{architecture}: {near} after {far}");
    }
}

#[test]
fn a_trunk_can_begin_with_the_predictors_first_layer() {
    let (decoder, _, layout, seen, _) = rows();
    let predictor = predictor("shared_bottom");
    let weight = predictor
        .params
        .dense(TABLE)
        .into_iter()
        .find(|(name, _)| name == "trunk/0/weight");
    let weight = weight.unwrap().1.squeeze_dim(1); // [F, 8]
    let guide = Guide::new(&layout, &decoder, predictor).unwrap();
    assert_eq!(guide.first().size(), [seen.size()[1], 8]);
    // Of a row without numbers both are the same, but for what all rows have in common.
    let kinds = seen.size()[1] - layout.spanned().len() as i64;
    let expected = guide.slots.mm(&weight);
    let off = (guide.first().narrow(0, 0, kinds) - expected).abs().max();
    assert!(off.double_value(&[]) < 1e-5);
    let params = Params::fresh(1, Device::Cpu);
    let config = Config {
        hidden_units: vec![6],
        ..Config::default()
    };
    let discriminator = Discriminator::new(layout, &config, &params.root()).unwrap();
    discriminator.begin_with(guide.first()).unwrap();
    let (_, begun) = params
        .tensors()
        .into_iter()
        .find(|(name, _)| name == "trunk/0/weight")
        .unwrap();
    let wanted = guide.first().narrow(1, 0, 6);
    let ratio = begun.norm().double_value(&[]) / wanted.norm().double_value(&[]);
    assert!((&begun - &wanted * ratio).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn a_predictor_without_a_common_label_is_refused() {
    let rows = table();
    let spec = TableSpec::infer(&rows.schema(), &ColumnOptions::default(), &[]).unwrap();
    let coding = CodecOptions {
        keep: 16,
        groups: 4,
        ordered: false,
        seed: 1,
    };
    let (codec, _) = Codec::fit(&spec, &rows, &coding).unwrap();
    let decoder = Decoder::new(&codec).unwrap();
    let error = Guide::new(&Layout::new(&codec), &decoder, predictor("mmoe"))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("predicts none of the labels whose tuples are drawn"),
        "{error}"
    );
}
