//! Architectures that know of several scenarios.

use super::*;

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

/// 100 rows of each scenario but for NULL's, of which there are 4, with means of their own.
fn fill_sums(w: &Weights) {
    let sums = w.get("norm/sums");
    for (s, rows) in [(1, 4.), (2, 100.), (3, 100.)] {
        let mean = (Tensor::arange(14, (Kind::Float, Device::Cpu)) + s as f64).sin();
        let square = &mean * &mean + 0.5 * s as f64;
        let mut row = sums.get(s);
        row.copy_(
            &(Tensor::cat(
                &[Tensor::ones([1], (Kind::Float, Device::Cpu)), mean, square],
                0,
            ) * rows),
        );
    }
}

#[test]
fn star_multiplies_shared_weights_and_those_of_the_scenario() {
    check_with("star", fill_sums, |w, input| {
        let sums = w.get("norm/sums");
        let count = |s: usize| sums.double_value(&[s as i64, 0]);
        let moments = |s: usize| sums.get(s as i64).narrow(0, 1, 28);
        // A row of mean 0 and variance 1 among all, and 16 rows like all among those of each.
        let one = (Tensor::arange(28, (Kind::Float, Device::Cpu)).ge(14)).to_kind(Kind::Float);
        let all = (moments(0) + moments(1) + moments(2) + moments(3) + one) / 205.;
        let normal = |row: i64, s: usize| {
            let own = (moments(s) + &all * 16.) / (count(s) + 16.);
            let (mean, square) = (own.narrow(0, 0, 14), own.narrow(0, 14, 14));
            let deviation = (square - &mean * &mean + 1e-3).sqrt();
            let scale = of_scenario(w.get("norm/scenario_scale"), s) * w.get("norm/scale");
            let shift = of_scenario(w.get("norm/scenario_shift"), s) + w.get("norm/shift");
            (input.flat.narrow(0, row, 1) - mean) / deviation * scale + shift
        };
        [0usize, 1].map(|t| {
            let main = row_by_row(input, |row, s| {
                let h = (0..2).fold(normal(row, s), |h, i| {
                    let at = format!("layer/{i}");
                    let own = (1..4).map(|id| w.get(&format!("{at}/scenario/{id}/weight")));
                    let own = of_scenario(&Tensor::stack(&own.collect::<Vec<_>>(), 0), s);
                    let bias = of_scenario(w.get(&format!("{at}/scenario_bias")), s);
                    let product = h.mm(&(w.get(&format!("{at}/weight")) * own));
                    (product + bias + w.get(&format!("{at}/bias"))).relu()
                });
                w.tower(t, true, &h)
            });
            main + w.tower_at("auxiliary", t, true, &input.flat)
        })
    });
}

#[test]
fn m2m_makes_weights_from_what_is_known_of_the_scenario() {
    check("m2m", |w, input| {
        let leaky = |x: Tensor| x.clamp_min(0.) + x.clamp_max(0.) * 0.01;
        let known = |s: usize| {
            let vector = of_scenario(w.get("scenario"), s).unsqueeze(0);
            leaky(w.linear("knowledge", 0, &vector))
        };
        let unit = |at: &str, s: usize, z: &Tensor| {
            let get = |name: &str| w.get(&format!("{at}/{name}"));
            let width = z.size()[1];
            let weight = known(s).mm(get("weight")) + get("base");
            let bias = known(s).mm(get("bias_weight")) + get("bias_base");
            leaky(z.mm(&weight.view([width, width])) + bias)
        };
        let experts: Vec<_> = (0..3)
            .map(|e| w.network("expert", 2, e, true, &input.flat))
            .collect();
        [0usize, 1].map(|t| {
            let view = w.get("attention/view").narrow(0, t as i64, 1);
            let v = w.get("attention/weight").get(t as i64);
            row_by_row(input, |row, s| {
                let own: Vec<_> = experts.iter().map(|e| e.narrow(0, row, 1)).collect();
                let fit = own.iter().map(|e| {
                    let z = Tensor::cat(&[e, &view], 1);
                    unit("attention/unit", s, &z).mv(&v)
                });
                let share = Tensor::cat(&fit.collect::<Vec<_>>(), 0).softmax(0, Kind::Float);
                let mixed = share.unsqueeze(0).mm(&Tensor::cat(&own, 0));
                let r = (0..2).fold(mixed, |r, level| {
                    leaky(unit(&format!("meta_tower/{level}"), s, &r) + r)
                });
                w.tower(t, false, &r)
            })
        })
    });
}

#[test]
fn sar_net_attends_transforms_and_mixes_experts() {
    check("sar_net", |w, input| {
        let fields: Vec<_> = (0..3).map(|c| input.field(c).unwrap()).collect();
        let fit = |name: &str, asks: &Tensor, e: &Tensor| {
            let pair = Tensor::cat(&[asks, e, &(asks - e), &(asks * e)], 1);
            let hidden = w.network(&format!("attention/{name}/hidden"), 1, 0, true, &pair);
            w.linear(&format!("attention/{name}/output"), 0, &hidden)
        };
        let fits = fields
            .iter()
            .map(|e| fit("scenario", &fields[0], e) + fit("item", &fields[2], e));
        let share = Tensor::cat(&fits.collect::<Vec<_>>(), 1).softmax(1, Kind::Float);
        let taken = (0..3)
            .map(|c| &fields[c] * share.narrow(1, c as i64, 1))
            .reduce(|a, b| a + b)
            .unwrap();
        let x = Tensor::cat(&[&input.flat, &taken], 1);
        [0usize, 1].map(|t| {
            row_by_row(input, |row, s| {
                let part = |name: &str| of_scenario(w.get(&format!("transform/{name}")), s);
                let x = x.narrow(0, row, 1) * part("scale") + part("shift");
                let of = |at: String, e| w.network(&format!("{at}/expert"), 2, e, true, &x);
                let own = (0..3).map(|e| {
                    let all = (1..4).map(|id| of(format!("scenario/{id}"), e));
                    of_scenario(&Tensor::stack(&all.collect::<Vec<_>>(), 0), s)
                });
                let shared = (0..2).map(|e| of("shared".into(), e));
                let experts: Vec<_> = own.chain(shared).collect();
                w.tower(t, false, &w.mixed("gate", t as i64, &x, &experts))
            })
        })
    });
}

#[test]
fn adasparse_scales_and_prunes_neurons() {
    check("adasparse", |w, input| {
        let scenario = input.field(0).unwrap();
        let mut pruned = 0;
        let mut prune = |i: usize, h: &Tensor| {
            let read = Tensor::cat(&[h, &scenario], 1);
            let factor = w.linear(&format!("pruner/{i}"), 0, &read).sigmoid() * 2.;
            let kept = factor.gt(0.25);
            pruned += kept.logical_not().sum(Kind::Int64).int64_value(&[]);
            factor * kept.to_kind(Kind::Float) * h
        };
        let h = w.network("layer/0", 1, 0, true, &prune(0, &input.flat));
        let h = w.network("layer/1", 1, 0, true, &prune(1, &h));
        let h = prune(2, &h);
        assert!(pruned > 0);
        [0, 1].map(|t| w.tower(t, true, &h))
    });
}
