//! Generic checks over the whole list, and the arithmetic of single architectures.

use tch::{Device, Kind, Tensor};

use super::*;
use crate::layer::{Params, Tape, Workspace};
use crate::random::Words;

pub fn spec() -> Spec {
    let task = |name: &str| TaskSpec {
        name: name.into(),
        width: 1,
        prior: Vec::new(),
    };
    Spec {
        id_columns: 3,
        embedding_dim: 4,
        numbers: 2,
        tasks: vec![task("click"), task("buy")],
        scenario: Some(Scenario {
            column: 0,
            offset: 0,
            count: 4,
        }),
        user: Some(1),
        item: Some(2),
        config: Config {
            hidden_units: vec![16, 8],
            expert_units: vec![16, 8],
            tower_units: vec![8],
            num_experts: 3,
            dropout: 0.,
            image_size: [2, 7],
            ..Config::default()
        },
    }
}

pub fn input(rows: i64) -> Input {
    let waves =
        |n: i64, step: f64| (Tensor::arange(n, (Kind::Float, Device::Cpu)) * step).sin() * 1.5;
    let fields = waves(rows * 12, 12.9898).view([rows, 12]);
    let numbers = waves(rows * 2, 78.233).view([rows, 2]);
    let flat = Tensor::cat(&[&fields, &numbers], 1);
    let own = [1., 2.].map(|task| Tensor::cat(&[&(&fields + task).cos(), &numbers], 1));
    Input {
        embedded: flat.shallow_clone(),
        flat,
        own: own.into(),
        lists: vec![],
        width: 4,
        // Every one that training can see, and one that it has not seen.
        scenario: Some(Tensor::arange(rows, (Kind::Int64, Device::Cpu)).remainder(4)),
    }
}

pub fn apply(model: &dyn MultiTask, input: &Input, tasks: &[usize]) -> Vec<Tensor> {
    let workspace = Workspace::default();
    model.logits(input, tasks, Mode::Apply(&workspace)).unwrap()
}

#[test]
fn every_architecture_holds_the_contract() {
    for architecture in ALL {
        let name = architecture.name;
        let spec = spec();
        let params = Params::fresh(7, Device::Cpu);
        let model = (architecture.build)(&spec, &params.root()).unwrap();

        for rows in [1, 5] {
            let logits = apply(&*model, &input(rows), &[0, 1]);
            assert_eq!(logits.len(), 2, "{name}");
            assert!(logits.iter().all(|l| l.size() == [rows, 1]), "{name}");
        }

        let both = apply(&*model, &input(5), &[0, 1]);
        for (task, logits) in both.iter().enumerate() {
            let alone = apply(&*model, &input(5), &[task]);
            assert_eq!(alone.len(), 1, "{name}");
            assert!(alone[0].allclose(logits, 1e-5, 1e-6, false), "{name}");
        }

        let again = (architecture.build)(&spec, &Params::fresh(7, Device::Cpu).root()).unwrap();
        let again = apply(&*again, &input(5), &[0, 1]);
        assert!(again[1].equal(&both[1]), "{name}: same seed, other weights");

        let replica = (architecture.build)(&spec, &params.share().unwrap().root()).unwrap();
        let shared = apply(&*replica, &input(5), &[0, 1]);
        assert!(shared[0].equal(&both[0]), "{name}: replica differs");

        learns_a_toy_problem(architecture, &spec);
        passes_gradients_without_layers(architecture);
    }
}

/// Without any hidden layer there is a way from the loss to the input, too.
fn passes_gradients_without_layers(architecture: &Architecture) {
    let name = architecture.name;
    let mut spec = spec();
    let config = &mut spec.config;
    (config.hidden_units, config.expert_units, config.tower_units) = (vec![], vec![], vec![]);
    let params = Params::fresh(7, Device::Cpu);
    let _ = (architecture.build)(&spec, &params.root()).unwrap();
    let params = params.leaves("").unwrap();
    let model = (architecture.build)(&spec, &params.root()).unwrap();
    let input = input(8);
    let flat = input.flat.set_requires_grad(true);
    let workspace = Workspace::default();
    let tape = Tape::new(Words::new(&[1]), &workspace);
    let logits = model.logits(&input, &[0, 1], Mode::Train(&tape)).unwrap();
    let loss = (&logits[0] * &logits[0] + logits[1].exp()).sum(Kind::Float);
    let leaves = params.dense("").into_iter().map(|(_, tensor)| tensor);
    let wanted: Vec<_> = leaves.chain([flat]).collect();
    let gradients = tape.backward(&loss, &wanted).unwrap();
    let of_input = gradients[wanted.len() - 1].abs().sum(Kind::Float);
    // Through experts as well, not only through gates: mixtures of equal experts have no gate gradient.
    assert!(
        of_input.double_value(&[]) > 1e-3,
        "{name}: no gradient for the input"
    );
}

/// Every weight gets a gradient, and plain gradient descent lowers the loss of a separable problem.
fn learns_a_toy_problem(architecture: &Architecture, spec: &Spec) {
    let name = architecture.name;
    let params = Params::fresh(7, Device::Cpu);
    let _ = (architecture.build)(spec, &params.root()).unwrap();
    let params = params.leaves("").unwrap();
    let model = (architecture.build)(spec, &params.root()).unwrap();
    let leaves = params.dense("");
    let workspace = Workspace::default();
    let x = input(256);
    let targets = [
        x.flat.select(1, 12).gt(0.).to_kind(Kind::Float),
        x.flat.select(1, 6).gt(0.).to_kind(Kind::Float),
    ];
    let loss = |tape: &Tape| {
        let logits = model.logits(&x, &[0, 1], Mode::Train(tape)).unwrap();
        logits
            .iter()
            .zip(&targets)
            .fold(Tensor::from(0f32), |sum, (l, y)| {
                sum + l.squeeze_dim(1).binary_cross_entropy_with_logits::<Tensor>(
                    y,
                    None,
                    None,
                    tch::Reduction::Mean,
                )
            })
    };
    let wanted: Vec<_> = leaves.iter().map(|(_, t)| t.shallow_clone()).collect();
    let mut losses = Vec::new();
    for step in 0..120 {
        workspace.start();
        let tape = Tape::new(Words::new(&[1]), &workspace);
        let loss = loss(&tape);
        losses.push(loss.double_value(&[]));
        let gradients = tape.backward(&loss, &wanted).unwrap();
        tch::no_grad(|| {
            for ((path, tensor), gradient) in leaves.iter().zip(&gradients) {
                if step == 0 {
                    let size = gradient.abs().sum(Kind::Float).double_value(&[]);
                    assert!(size > 0., "{name}: no gradient for {path}");
                }
                let mut tensor = tensor.shallow_clone();
                let _ = tensor.g_sub_(&(gradient * 0.2));
            }
        });
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.5 * first, "{name}: loss {first} -> {last}");
}

/// Two experts whose outputs are multiples of the input, so that the mixture has a closed form.
#[test]
fn mmoe_mixes_experts_by_its_gates() {
    let spec = Spec {
        id_columns: 1,
        embedding_dim: 2,
        numbers: 0,
        tasks: vec![TaskSpec {
            name: "t".into(),
            width: 1,
            prior: Vec::new(),
        }],
        scenario: None,
        user: None,
        item: None,
        config: Config {
            expert_units: vec![2],
            tower_units: vec![],
            num_experts: 2,
            ..Config::default()
        },
    };
    let tensor = |values: &[f32], shape: &[i64]| Tensor::from_slice(values).view(shape);
    let weights = vec![
        // Expert 0 passes x on, expert 1 doubles it: [input, expert, unit].
        (
            "expert/0/weight".to_string(),
            tensor(&[1., 0., 2., 0., 0., 1., 0., 2.], &[2, 2, 2]),
        ),
        ("expert/0/bias".into(), tensor(&[0.; 4], &[2, 1, 2])),
        // Gate logits (x0, -x0): with x0 = 0.5 the shares are sigmoid(1) and sigmoid(-1).
        ("gate/weight".into(), tensor(&[1., -1., 0., 0.], &[2, 1, 2])),
        ("gate/bias".into(), tensor(&[0., 0.], &[1, 2])),
        ("tower/head/t/weight".into(), tensor(&[1., 10.], &[2, 1])),
        ("tower/head/t/bias".into(), tensor(&[0.25], &[1])),
    ];
    let params = Params::loaded(weights, Device::Cpu).unwrap();
    let model = (find("mmoe").unwrap().build)(&spec, &params.root()).unwrap();
    let input = Input {
        flat: tensor(&[0.5, 0.1], &[1, 2]),
        embedded: tensor(&[0.5, 0.1], &[1, 2]),
        own: vec![],
        lists: vec![],
        width: 2,
        scenario: None,
    };
    let got = apply(&*model, &input, &[0])[0].double_value(&[0, 0]);
    // scale = sigmoid(1) + 2 sigmoid(-1) = 1.268941; (0.5 + 10 * 0.1) * scale + 0.25
    assert!((got - 2.153_412).abs() < 1e-5, "{got}");
}
