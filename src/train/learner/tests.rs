//! A step by the tasks' single gradients against the step by the gradient of their sum.

use tch::Kind;

use super::*;
use crate::feature::{Lists, RowSet, TaskKind, Unlimited};
use crate::layer::{Init, Mode};
use crate::model::{
    ALL, Architecture, Config, FunnelRule, Input, MultiTask, Need, Scenario, TaskSpec,
};
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
    let mut batch = EncodedBatch {
        rows: count,
        ..EncodedBatch::default()
    };
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

/// What rows read of the table: three id columns, and for the architecture that reads it a list of the ids
/// that the second column has.
fn leaves(architecture: &Architecture) -> Vec<Vec<usize>> {
    let mut leaves = vec![vec![0, 10, 20]];
    if architecture.name == POOLED.name {
        leaves.push(vec![10]);
    }
    leaves
}

/// An architecture that reads a list: each task has the sum of its values' embeddings, and what a linear
/// layer makes of the input.
static POOLED: Architecture = Architecture {
    name: "pooled",
    summary: "",
    paper: "",
    needs: &[],
    funnel: FunnelRule::Product,
    task_embeddings: false,
    build: |spec, path| {
        let (inputs, tasks) = (spec.inputs(), spec.num_tasks());
        let weight = path.weight("weight", &[inputs, tasks], Init::Normal { std: 0.5 })?;
        Ok(Box::new(Pooled { weight }))
    },
};

struct Pooled {
    weight: Tensor,
}

impl MultiTask for Pooled {
    fn logits(&self, input: &Input, tasks: &[usize], _mode: Mode) -> Result<Vec<Tensor>> {
        let list = &input.lists[0];
        let rows = list.offsets.size()[0] - 1;
        let lengths = list.offsets.diff(1, 0, None::<&Tensor>, None::<&Tensor>);
        let of_row = Tensor::arange(rows, (Kind::Int64, Device::Cpu));
        let of_row = of_row.repeat_interleave_self_tensor(&lengths, 0, None);
        let pooled = Tensor::zeros([rows, input.width], (list.values.kind(), Device::Cpu));
        let pooled = pooled
            .index_add(0, &of_row, &list.values)
            .sum_dim_intlist(1, true, None);
        let of_tasks = input.flat.mm(&self.weight.to_kind(input.flat.kind()));
        let logits =
            |task: &usize| of_tasks.narrow(1, *task as i64, 1) + &pooled * (*task as f64 - 0.5);
        Ok(tasks
            .iter()
            .map(|t| logits(t).to_kind(Kind::Float))
            .collect())
    }
}

/// A batch with a list of up to 4 ids of the second column for every row.
fn rows_with_lists(count: usize) -> EncodedBatch {
    let mut batch = rows(count);
    let mut lists = Lists::default();
    for row in 0..count {
        lists.push((0..row % 5).map(|at| 10 + ((row + 3 * at) % 10) as i32));
    }
    batch.lists.push(lists);
    batch
}

#[test]
fn gradients_reach_lists_whether_tasks_are_seen_apart_or_not() {
    for threads in [1, 2] {
        compare(&POOLED, &[], threads, Kind::Float);
    }
}

/// A column and a list that read one range of the table, in shares of two threads as in one.
#[test]
fn a_column_and_a_list_learn_one_range_of_the_table() {
    let spec = spec(vec![]);
    let batch = rows_with_lists(260);
    let logits = |weighting, threads, steps| {
        let mut learner = learner(&POOLED, &spec, weighting, threads, Kind::Float);
        let mut running = Running::new(&tasks());
        let rows = Rows::Encoded(&batch);
        for step in 0..steps {
            learner.step(&rows, [1, 2, step], 0., &mut running).unwrap();
        }
        learner.shards[0]
            .apply(&batch, 0..batch.rows)
            .unwrap()
            .concat()
    };
    for weighting in ["fixed", "pcgrad"] {
        let before = logits(weighting, 1, 0);
        let (one, two) = (logits(weighting, 1, 3), logits(weighting, 2, 3));
        assert!(one.iter().zip(&before).all(|(a, b)| a != b), "{weighting}");
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-3;
        assert!(one.iter().zip(&two).all(near), "{weighting}");
    }
}

fn tasks() -> Vec<(Loss, TaskKind)> {
    let binary = || (Loss::Binary([1., 1.]), TaskKind::Binary);
    vec![binary(), binary(), (Loss::Squared, TaskKind::Binary)]
}

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
    let fit = Fit {
        architecture,
        spec,
        tasks: tasks(),
        leaves: leaves(architecture),
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

/// The gradients that the optimizers get, added up: of each dense weight, and of each leaf.
fn gradients(learner: &mut Learner, batch: &EncodedBatch) -> (Vec<Tensor>, Vec<Tensor>) {
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
    let (dense, leaves): Sum = match together {
        Some(_) => {
            let only = found.into_iter().flatten();
            only.map(|g| (g.dense, g.leaves)).unzip()
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
    let leaf = |at: usize| {
        let of_shares: Vec<_> = leaves.iter().map(|share| &share[at]).collect();
        Tensor::cat(&of_shares, 0).to_kind(Kind::Float)
    };
    let leaves = (0..leaves[0].len()).map(leaf).collect();
    ((0..dense[0].len()).map(sum).collect(), leaves)
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
    let mut batch = match architecture.name == POOLED.name {
        true => rows_with_lists(260),
        false => rows(260),
    };
    for _ in 0..2 {
        let (dense, leaves) = gradients(&mut together, &batch);
        let (other_dense, other_leaves) = gradients(&mut apart, &batch);
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
        let (fields, other) = (&leaves[0], &other_leaves[0]);
        assert!(
            near(&fields.narrow(1, 0, 12), &other.narrow(1, 0, 12)),
            "{name}"
        );
        for (list, other) in leaves.iter().zip(&other_leaves).skip(1) {
            assert!(near(list, other), "{name}");
        }
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
