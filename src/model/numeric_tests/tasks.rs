//! Architectures that know of several tasks.

use super::*;
use crate::layer::{Tape, Workspace};
use crate::random::Words;

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

/// Forward all, backward one's own: the gradient of one task's logits reaches what is shared and its own
/// part of the input, and no other.
#[test]
fn stem_sees_all_and_teaches_its_own() {
    check("stem", |w, input| {
        let own = [0usize, 1].map(|t| {
            let at = format!("task/{}/expert", ["click", "buy"][t]);
            [0, 1, 2].map(|e| w.network(&at, 2, e, true, &input.own[t]))
        });
        let shared = [0, 1].map(|e| w.network("shared/expert", 2, e, true, &input.flat));
        let all = own.as_flattened().iter().chain(&shared);
        let all: Vec<_> = all.map(Tensor::shallow_clone).collect();
        [0usize, 1].map(|t| {
            let gate = format!("task/{}/gate", ["click", "buy"][t]);
            let read = &input.own[t] + &input.flat;
            w.tower(t, false, &w.mixed(&gate, 0, &read, &all))
        })
    });

    let params = Params::fresh(11, Device::Cpu);
    let build = find("stem").unwrap().build;
    let _ = build(&spec(), &params.root()).unwrap();
    let params = params.leaves("").unwrap();
    let model = build(&spec(), &params.root()).unwrap();
    let input = input(7);
    let leaf = |x: &Tensor| x.shallow_clone().set_requires_grad(true);
    let mut wanted: Vec<_> = input.own.iter().chain([&input.flat]).map(leaf).collect();
    let dense = params.dense("");
    wanted.extend(dense.iter().map(|(_, tensor)| tensor.shallow_clone()));
    let workspace = Workspace::default();
    let tape = Tape::new(Words::new(&[1]), &workspace);
    let logits = model.logits(&input, &[0, 1], Mode::Train(&tape)).unwrap();
    let gradients = tape.backward(&logits[1].sum(Kind::Float), &wanted).unwrap();
    let reached = |g: &Tensor| g.defined() && g.abs().sum(Kind::Float).double_value(&[]) > 0.;
    let of_input: Vec<_> = gradients[..3].iter().map(reached).collect();
    assert_eq!(of_input, [false, true, true]);
    for ((name, _), gradient) in dense.iter().zip(&gradients[3..]) {
        assert_eq!(reached(gradient), !name.contains("click"), "{name}");
    }
}
