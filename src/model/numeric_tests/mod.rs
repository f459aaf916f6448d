//! Forward passes held against the papers' equations, written out once more in plain tensor algebra: one
//! network, one row block, no batching tricks, no code shared with the architectures.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::tests::{apply, input, spec};
use super::*;
use crate::layer::Params;

mod scenarios;
mod tasks;

/// Weights by path, and the parts that many equations have.
struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    fn get(&self, path: &str) -> &Tensor {
        self.0
            .get(path)
            .unwrap_or_else(|| panic!("no weight {path}"))
    }

    /// `relu(x W + b)`, layer after layer, of network `g`. Stacks that read one input have their networks
    /// in the middle of the first layer's weight.
    fn network(&self, path: &str, layers: usize, g: i64, reads_one: bool, x: &Tensor) -> Tensor {
        (0..layers).fold(x.shallow_clone(), |h, i| {
            let dim = i64::from(i == 0 && reads_one);
            let weight = self.get(&format!("{path}/{i}/weight")).select(dim, g);
            let bias = self.get(&format!("{path}/{i}/bias")).select(0, g);
            (h.mm(&weight) + bias).relu()
        })
    }

    /// `x W + b` of a linear layer.
    fn linear(&self, path: &str, g: i64, x: &Tensor) -> Tensor {
        let weight = self.get(&format!("{path}/weight")).select(0, g);
        x.mm(&weight) + self.get(&format!("{path}/bias")).select(0, g)
    }

    /// `sum_e softmax(x W + b)_e f_e`.
    fn mixed(&self, path: &str, g: i64, x: &Tensor, experts: &[Tensor]) -> Tensor {
        let weight = self.get(&format!("{path}/weight")).select(1, g);
        let logits = x.mm(&weight) + self.get(&format!("{path}/bias")).select(0, g);
        let shares = logits.softmax(-1, Kind::Float);
        let parts = experts.iter().enumerate();
        parts
            .map(|(e, expert)| expert * shares.narrow(1, e as i64, 1))
            .reduce(|sum, part| sum + part)
            .unwrap()
    }

    /// Hidden layer and linear output of task `t`.
    fn tower(&self, t: usize, reads_one: bool, x: &Tensor) -> Tensor {
        self.tower_at("tower", t, reads_one, x)
    }

    fn tower_at(&self, path: &str, t: usize, reads_one: bool, x: &Tensor) -> Tensor {
        let h = self.network(path, 1, t as i64, reads_one, x);
        self.head_at(path, t, &h)
    }

    fn head(&self, t: usize, h: &Tensor) -> Tensor {
        self.head_at("tower", t, h)
    }

    fn head_at(&self, path: &str, t: usize, h: &Tensor) -> Tensor {
        let head = format!("{path}/head/{}", ["click", "buy"][t]);
        h.mm(self.get(&format!("{head}/weight"))) + self.get(&format!("{head}/bias"))
    }
}

/// The logits of both tasks by architecture `name` equal those of `expected`.
fn check(name: &str, expected: impl Fn(&Weights, &Input) -> [Tensor; 2]) {
    check_with(name, |_| {}, expected);
}

/// The same after `prepare` has changed weights or buffers.
fn check_with(
    name: &str,
    prepare: impl Fn(&Weights),
    expected: impl Fn(&Weights, &Input) -> [Tensor; 2],
) {
    let spec = spec();
    let params = Params::fresh(11, Device::Cpu);
    let _ = (find(name).unwrap().build)(&spec, &params.root()).unwrap();
    // Biases begin at 0, which would hide a missing one.
    for (i, (_, tensor)) in params.dense("").iter().enumerate() {
        let wave =
            (Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)) + i as f64) * 0.9;
        let mut tensor = tensor.shallow_clone();
        let _ = tensor.g_add_(&(wave.sin() * 0.1).view_as(&tensor));
    }
    let params = params.share().unwrap();
    let model = (find(name).unwrap().build)(&spec, &params.root()).unwrap();
    let input = input(7);
    let weights = Weights(params.tensors().into_iter().collect());
    prepare(&weights);
    let got = apply(&*model, &input, &[0, 1]);
    for (t, expected) in expected(&weights, &input).iter().enumerate() {
        assert!(
            got[t].allclose(expected, 1e-4, 1e-5, false),
            "{name}: {} {expected}",
            got[t]
        );
    }
}

/// What `f` makes of each row alone, from its number and its scenario.
fn row_by_row(input: &Input, f: impl Fn(i64, usize) -> Tensor) -> Tensor {
    let scenario = Vec::<i64>::try_from(input.scenario.as_ref().unwrap()).unwrap();
    let rows = scenario.iter().zip(0..);
    Tensor::cat(
        &rows.map(|(&s, row)| f(row, s as usize)).collect::<Vec<_>>(),
        0,
    )
}

/// A scenario's part of the rows of `own`: for an unseen one the mean of all but NULL's.
fn of_scenario(own: &Tensor, s: usize) -> Tensor {
    match s {
        0 => (own.get(1) + own.get(2)) / 2.,
        s => own.get(s as i64 - 1),
    }
}
