//! Forward passes held against the papers' equations, written out once more in plain tensor algebra: one
//! network, one row block, no batching tricks, no code shared with the architectures.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::tests::{apply, input, spec};
use super::*;
use crate::layer::Params;

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
        let h = self.network("tower", 1, t as i64, reads_one, x);
        self.head(t, &h)
    }

    fn head(&self, t: usize, h: &Tensor) -> Tensor {
        let task = ["click", "buy"][t];
        let weight = self.get(&format!("tower/head/{task}/weight"));
        h.mm(weight) + self.get(&format!("tower/head/{task}/bias"))
    }
}

/// The logits of both tasks by architecture `name` equal those of `expected`.
fn check(name: &str, expected: impl Fn(&Weights, &Input) -> [Tensor; 2]) {
    let spec = spec();
    let params = Params::fresh(11, Device::Cpu);
    let _ = (find(name).unwrap().build)(&spec, &params.root()).unwrap();
    // Biases begin at 0, which would hide a missing one.
    for (i, (_, tensor)) in params.tensors().iter().enumerate() {
        let wave =
            (Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)) + i as f64) * 0.9;
        let mut tensor = tensor.shallow_clone();
        let _ = tensor.g_add_(&(wave.sin() * 0.1).view_as(&tensor));
    }
    let params = params.share().unwrap();
    let model = (find(name).unwrap().build)(&spec, &params.root()).unwrap();
    let input = input(7);
    let got = apply(&*model, &input, &[0, 1]);
    let weights = Weights(params.tensors().into_iter().collect());
    for (t, expected) in expected(&weights, &input).iter().enumerate() {
        assert!(
            got[t].allclose(expected, 1e-4, 1e-5, false),
            "{name}: {} {expected}",
            got[t]
        );
    }
}

#[test]
fn shared_bottom_and_omoe() {
    check("shared_bottom", |w, input| {
        let h = w.network("trunk", 2, 0, true, &input.flat);
        [0, 1].map(|t| w.tower(t, true, &h))
    });
    check("omoe", |w, input| {
        let x = &input.flat;
        let experts: Vec<_> = (0..3).map(|e| w.network("expert", 2, e, true, x)).collect();
        let h = w.mixed("gate", 0, x, &experts);
        [0, 1].map(|t| w.tower(t, true, &h))
    });
}

#[test]
fn cgc_and_ple() {
    // Of three experts a task and two shared ones: 0 to 2, 3 to 5, and 6 and 7.
    let mine = |experts: &[Tensor], t: usize| -> Vec<Tensor> {
        let own = experts[3 * t..3 * t + 3].iter();
        own.chain(&experts[6..])
            .map(Tensor::shallow_clone)
            .collect()
    };
    let gate = |level: usize, t: usize| format!("level/{level}/gate/{}", ["click", "buy"][t]);
    check("cgc", |w, input| {
        let x = &input.flat;
        let experts: Vec<_> = (0..8)
            .map(|e| w.network("level/0/expert", 2, e, true, x))
            .collect();
        [0, 1].map(|t| w.tower(t, false, &w.mixed(&gate(0, t), 0, x, &mine(&experts, t))))
    });
    check("ple", |w, input| {
        let x = &input.flat;
        let first: Vec<_> = (0..8)
            .map(|e| w.network("level/0/expert", 2, e, true, x))
            .collect();
        let below = [0, 1].map(|t| w.mixed(&gate(0, t), 0, x, &mine(&first, t)));
        let shared = w.mixed("level/0/shared_gate", 0, x, &first);
        let second: Vec<_> = (0..8)
            .map(|e| {
                let read = if e < 6 { &below[e / 3] } else { &shared };
                w.network("level/1/expert", 2, e as i64, false, read)
            })
            .collect();
        [0, 1].map(|t| {
            w.tower(
                t,
                false,
                &w.mixed(&gate(1, t), 0, &below[t], &mine(&second, t)),
            )
        })
    });
}

#[test]
fn esmm_has_networks_of_its_own() {
    check("esmm", |w, input| {
        [0, 1].map(|t| {
            w.tower(
                t,
                false,
                &w.network("network", 2, t as i64, true, &input.flat),
            )
        })
    });
}

#[test]
fn aitm_transfers_from_task_to_task() {
    check("aitm", |w, input| {
        let q = [0, 1].map(|t| w.network("network", 2, t, true, &input.flat));
        let p = w.network("transfer/buy/hand_on", 1, 0, true, &q[0]);
        let width = p.size()[1] as f64;
        let fit = |u: &Tensor| {
            let (key, query) = (
                w.linear("transfer/buy/key", 0, u),
                w.linear("transfer/buy/query", 0, u),
            );
            (key * query).sum_dim_intlist(1, true, Kind::Float) / width.sqrt()
        };
        let share = Tensor::cat(&[fit(&p), fit(&q[1])], 1).softmax(1, Kind::Float);
        let value =
            |u: &Tensor, at: i64| w.linear("transfer/buy/value", 0, u) * share.narrow(1, at, 1);
        let z = value(&p, 0) + value(&q[1], 1);
        [w.tower(0, false, &q[0]), w.tower(1, false, &z)]
    });
}

#[test]
fn aitm_is_punished_where_a_later_task_is_likelier() {
    let mut spec = spec();
    spec.config.funnel = vec![0, 1];
    let params = Params::fresh(11, Device::Cpu);
    let model = (find("aitm").unwrap().build)(&spec, &params.root()).unwrap();
    let logits = [[0f32, 1.], [1., -1.]].map(|l| Tensor::from_slice(&l).view([2, 1]));
    // Only the first row: sigmoid(1) - sigmoid(0) = 0.231059.
    let got = model.penalty(&logits).unwrap().unwrap().double_value(&[]);
    assert!((got - 0.6 * 0.231_059).abs() < 1e-5, "{got}");
}

#[test]
fn dbmtl_reads_the_tasks_before() {
    check("dbmtl", |w, input| {
        let h = w.network("trunk", 2, 0, true, &input.flat);
        let own = [0, 1].map(|t| w.network("task", 1, t, true, &h));
        let first = w.network("relation/click", 1, 0, true, &own[0]);
        let read = Tensor::cat(&[&own[1], &first], 1);
        let second = w.network("relation/buy", 1, 0, true, &read);
        [w.head(0, &first), w.head(1, &second)]
    });
}

#[test]
fn mtan_masks_shared_features() {
    check("mtan", |w, input| {
        let u1 = w.network("block/0/first", 1, 0, true, &input.flat);
        let p1 = w.network("block/0/second", 1, 0, true, &u1);
        let u2 = w.network("block/1/first", 1, 0, true, &p1);
        let p2 = w.network("block/1/second", 1, 0, true, &u2);
        [0usize, 1].map(|t| {
            let mask = |block: usize, read: &Tensor| {
                let g = w.network(&format!("block/{block}/g"), 1, t as i64, false, read);
                w.linear(&format!("block/{block}/h"), t as i64, &g)
                    .sigmoid()
            };
            let a1 = mask(0, &u1) * &p1;
            let carried = w.network("block/1/carry", 1, 0, true, &a1);
            let a2 = mask(1, &Tensor::cat(&[&u2, &carried], 1)) * &p2;
            w.tower(t, false, &a2)
        })
    });
}

#[test]
fn pepnet_and_its_halves_scale_by_gates() {
    let gate = |w: &Weights, path: &str, prior: &[Tensor], x: &Tensor| {
        let mut read: Vec<_> = prior.iter().map(Tensor::shallow_clone).collect();
        read.push(x.shallow_clone());
        let hidden = w.network(
            &format!("{path}/hidden"),
            1,
            0,
            true,
            &Tensor::cat(&read, 1),
        );
        w.linear(&format!("{path}/output"), 0, &hidden).sigmoid() * 2.
    };
    let embedded = move |w: &Weights, input: &Input| {
        let prior = [input.flat.narrow(1, 0, 4)];
        gate(w, "embedding_gate", &prior, &input.flat) * &input.flat
    };
    let tasks = move |w: &Weights, input: &Input, x: &Tensor| {
        let prior = [input.flat.narrow(1, 4, 4), input.flat.narrow(1, 8, 4)];
        [0usize, 1].map(|t| {
            let mut h = x.shallow_clone();
            for (i, units) in [16i64, 8].into_iter().enumerate() {
                let layer = w.network(&format!("layer/{i}"), 1, t as i64, i == 0, &h);
                let scale = gate(w, &format!("layer/{i}/gate"), &prior, x);
                h = layer * scale.narrow(1, t as i64 * units, units);
            }
            w.tower(t, false, &h)
        })
    };
    check("epnet", move |w, input| {
        let h = w.network("trunk", 2, 0, true, &embedded(w, input));
        [0, 1].map(|t| w.tower(t, true, &h))
    });
    check("ppnet", move |w, input| tasks(w, input, &input.flat));
    check("pepnet", move |w, input| {
        tasks(w, input, &embedded(w, input))
    });
}

#[test]
fn hinet_takes_from_its_own_and_from_other_scenarios() {
    check("hinet", |w, input| {
        let x = &input.flat;
        let module = |m: i64| {
            let experts: Vec<_> = (0..3)
                .map(|k| w.network("scenario/expert", 2, 3 * m + k, true, x))
                .collect();
            w.mixed(&format!("scenario/gate/{m}"), 0, x, &experts)
        };
        let modules: Vec<_> = (0..4).map(module).collect();
        let fit = w.linear("scenario/attention", 0, &input.field(0).unwrap());
        let scenario = Vec::<i64>::try_from(input.scenario.as_ref().unwrap()).unwrap();
        let rows: Vec<_> = scenario
            .iter()
            .enumerate()
            .map(|(row, &s)| {
                let at = |t: &Tensor| t.narrow(0, row as i64, 1);
                let others: Vec<i64> = (1..4).filter(|&j| j != s).collect();
                let odds: Vec<f64> = others
                    .iter()
                    .map(|j| fit.double_value(&[row as i64, j - 1]).exp())
                    .collect();
                let total: f64 = odds.iter().sum();
                let taken = others
                    .iter()
                    .zip(&odds)
                    .map(|(&j, odds)| at(&modules[j as usize]) * (odds / total));
                let taken = taken.reduce(|a, b| a + b).unwrap();
                let own = if s == 0 {
                    at(&modules[0]) * 0.
                } else {
                    at(&modules[s as usize])
                };
                Tensor::cat(&[at(&modules[0]), own, taken], 1)
            })
            .collect();
        let c = Tensor::cat(&rows, 0);
        let experts: Vec<_> = (0..8)
            .map(|e| w.network("expert", 2, e, true, &c))
            .collect();
        [0usize, 1].map(|t| {
            let own = experts[3 * t..3 * t + 3].iter();
            let mine: Vec<_> = own
                .chain(&experts[6..])
                .map(Tensor::shallow_clone)
                .collect();
            let gate = format!("gate/{}", ["click", "buy"][t]);
            w.tower(t, false, &w.mixed(&gate, 0, &c, &mine))
        })
    });
}

#[test]
fn per_scenario_sends_rows_to_their_networks() {
    check("per_scenario", |w, input| {
        let scenario = Vec::<i64>::try_from(input.scenario.as_ref().unwrap()).unwrap();
        let of = |network: i64, row: i64, t: usize| {
            let x = input.flat.narrow(0, row, 1);
            let at = format!("scenario/{network}");
            let h = w.network(&format!("{at}/trunk"), 2, 0, true, &x);
            let h = w.network(&format!("{at}/tower"), 1, t as i64, true, &h);
            let head = format!("{at}/tower/head/{}", ["click", "buy"][t]);
            h.mm(w.get(&format!("{head}/weight"))) + w.get(&format!("{head}/bias"))
        };
        [0usize, 1].map(|t| {
            let rows: Vec<_> = scenario
                .iter()
                .enumerate()
                .map(|(row, &s)| match s {
                    // Unseen: the mean of all but NULL's.
                    0 => (of(2, row as i64, t) + of(3, row as i64, t)) / 2.,
                    s => of(s, row as i64, t),
                })
                .collect();
            Tensor::cat(&rows, 0)
        })
    });
}
