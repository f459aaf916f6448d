//! A step by the tasks' single gradients against the step by the gradient of their sum.

use tch::Kind;

use super::*;
use crate::feature::{RowSet, TaskKind, Unlimited};
use crate::model::{ALL, Architecture, Config, Need, Scenario, TaskSpec};
use crate::train::{Loss, TrainOptions};

/// Three tasks over three id columns of ten ids, the first the scenario, and two numbers.
fn spec(funnel: Vec<usize>) -> Spec {
    let task = |name: &str| TaskSpec {
        name: name.into(),
        width: 1,
        prior: vec![0.],
    };
    Spec {
        id_columns: 3,
        embedding_dim: 4,
        numbers: 2,
        tasks: vec![task("click"), task("buy"), task("price")],
        scenario: Some(Scenario {
            column: 0,
            offset: 0,
            count: 10,
        }),
        user: Some(1),
        item: Some(2),
        config: Config {
            hidden_units: vec![16, 8],
            expert_units: vec![16, 8],
            tower_units: vec![8],
            num_experts: 2,
            dropout: 0.2,
            funnel,
            ..Config::default()
        },
    }
}

/// Rows of which every third has no label of the last task.
fn rows(count: usize) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    batch.rows = count;
    for i in 0..count as i32 {
        batch.ids.extend([i % 10, 10 + i * 7 % 10, 20 + i * 3 % 10]);
        batch
            .dense
            .extend([(i as f32).sin(), (i as f32 * 0.3).cos()]);
        let price = if i % 3 == 0 {
            f32::NAN
        } else {
            (i as f32).cos()
        };
        batch
            .labels
            .extend([(i % 2) as f32, f32::from(i % 4 == 1), price]);
    }
    batch
}

const FACTORS: [f64; 3] = [1., 2., 0.5];

fn learner(
    architecture: &'static Architecture,
    spec: &Spec,
    weighting: &str,
    threads: usize,
    products: Kind,
) -> Learner {
    let options = TrainOptions {
        loss_weighting: weighting.into(),
        loss_weights: FACTORS.to_vec(),
        ..TrainOptions::default()
    };
    let binary = || (Loss::Binary([1., 1.]), TaskKind::Binary);
    let fit = Fit {
        architecture,
        spec,
        tasks: vec![binary(), binary(), (Loss::Squared, TaskKind::Binary)],
        offsets: vec![0, 10, 20],
        table_rows: 30,
        user_column: None,
        train: &RowSet::of_numbers(1),
        eval: None,
        options: &options,
        device: Device::Cpu,
        products,
        threads,
        budget: &Unlimited,
    };
    Learner::new(&fit, spec, &Params::fresh(3, Device::Cpu)).unwrap()
}

/// The gradients that the optimizers get, added up: of each dense weight, and of the input.
fn gradients(learner: &mut Learner, batch: &EncodedBatch) -> (Vec<Tensor>, Tensor) {
    let inside: Vec<u64> = (0..3)
        .map(|task| {
            let labels = batch.labels.iter().skip(task).step_by(3);
            labels.filter(|label| !label.is_nan()).count() as u64
        })
        .collect();
    let together = learner.fusion.is_none().then_some(&FACTORS[..]);
    let step = Step {
        inside: &inside,
        weights: together,
        rows: batch.rows,
        seed: [1, 2, 3],
        progress: 0.,
    };
    let rows = Rows::Encoded(batch);
    let shares = learner.on(&rows, |shard, batch, i| shard.run(&step, batch, i));
    let found: Vec<_> = shares.unwrap().into_iter().map(|s| s.gradients).collect();
    let (dense, fields): Sum = match together {
        Some(_) => {
            let only = found.into_iter().flatten();
            only.map(|g| (g.dense, g.fields)).unzip()
        }
        None => {
            let (weights, sum) = learner.fuse(found, &[Some(1.); 3]).unwrap();
            assert_eq!(weights, FACTORS);
            sum
        }
    };
    let sum = |i: usize| {
        let found = dense.iter().map(|share| &share[i]).filter(|g| g.defined());
        let found = found.map(|g| g.to_kind(Kind::Float));
        found.reduce(|a, b| a + b).unwrap_or_else(Tensor::new)
    };
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    let fields = Tensor::cat(&fields, 0).to_kind(Kind::Float);
    ((0..dense[0].len()).map(sum).collect(), fields)
}

fn compare(architecture: &'static Architecture, funnel: &[usize], threads: usize, kind: Kind) {
    let spec = spec(funnel.to_vec());
    let tolerance = if kind == Kind::Float { 1e-4 } else { 0.03 };
    let mut together = learner(architecture, &spec, "fixed", threads, kind);
    let mut apart = learner(architecture, &spec, "pcgrad", threads, kind);
    apart.weighting = (weighting::find("fixed").unwrap().build)(&weighting::Setup {
        tasks: 3,
        learn_rate: 0.,
        seed: 0,
    });
    let mut batch = rows(260);
    for _ in 0..2 {
        let (dense, fields) = gradients(&mut together, &batch);
        let (other_dense, other_fields) = gradients(&mut apart, &batch);
        let near = |a: &Tensor, b: &Tensor| {
            let scale = a.abs().max().double_value(&[]);
            (a - b).abs().max().double_value(&[]) <= tolerance * scale + 1e-7
        };
        let name = format!("{} {funnel:?} {threads}", architecture.name);
        for (a, b) in dense.iter().zip(&other_dense) {
            assert_eq!(a.defined(), b.defined(), "{name}");
            assert!(!a.defined() || near(a, b), "{name}: {a} {b}");
        }
        // Nobody reads the gradients of the numbers.
        assert!(
            near(&fields.narrow(1, 0, 12), &other_fields.narrow(1, 0, 12)),
            "{name}"
        );
        // Once more with a task that no row has a label of.
        batch
            .labels
            .iter_mut()
            .skip(2)
            .step_by(3)
            .for_each(|label| *label = f32::NAN);
    }
}

#[test]
fn with_weights_of_1_the_single_gradients_sum_up_to_the_common_one() {
    // Networks of images have other inputs.
    let of_rows = |a: &&Architecture| !a.needs.contains(&Need::Images);
    for architecture in ALL.iter().filter(of_rows) {
        for funnel in [&[][..], &[0, 1]] {
            for threads in [1, 2] {
                compare(architecture, funnel, threads, Kind::Float);
            }
        }
    }
    compare(crate::model::find("mmoe").unwrap(), &[], 2, Kind::BFloat16);
}
