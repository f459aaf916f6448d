//! What holds for every metric of the list, and numbers of scikit-learn with weights.

use super::*;

/// The metric of rows without groups and weights.
pub fn of<S: Score>(metric: &Metric, labels: &[f32], scores: &[S]) -> Option<f64> {
    metric.of(&Rows::new(labels, scores), &Constants::default())
}

/// The metric of the first k rows of these groups.
pub fn grouped<S: Score>(
    metric: &Metric,
    k: usize,
    labels: &[f32],
    scores: &[S],
    groups: &[i32],
) -> Option<f64> {
    let groups = Some(groups);
    let rows = Rows {
        groups,
        ..Rows::new(labels, scores)
    };
    let gain = Gain::default();
    metric.of(&rows, &Constants { k, gain })
}

const K: Constants = Constants {
    k: 2,
    gain: Gain::Exponential,
};

const Y: [f32; 10] = [0., 1., 1., 0., 1., 0., 0., 1., 1., 0.];
const P: [f32; 10] = [0.125, 0.375, 0.25, 0.75, 0.75, 0.25, 0.625, 0.875, 0.5, 0.5];
const U: [i32; 10] = [1, 1, 1, 2, 2, 2, 3, 3, 4, 4];
const W: [f32; 10] = [1., 0.5, 2., 3., 0.25, 0., 1.5, 2.5, 0.75, 1.];

/// Labels and predictions that the metric takes.
fn columns_for(metric: &Metric) -> (Vec<f32>, Vec<f32>) {
    match metric.kind {
        Kind::Classes(_) => (
            vec![0., 1., 2., 2., 1., 0., 3., 1., 2., 0.],
            vec![0., 2., 2., 1., 1., 0., 0., 1., 2., 4.],
        ),
        _ => (Y.to_vec(), P.to_vec()),
    }
}

fn rows<'a>(
    labels: &'a [f32],
    scores: &'a [f32],
    groups: &'a [i32],
    weights: Option<&'a [f32]>,
) -> Rows<'a, f32> {
    Rows {
        labels,
        scores,
        groups: Some(groups),
        weights,
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    let distance = a.zip(b).map(|(a, b)| (a - b).abs());
    a.is_some() && distance.is_some_and(|distance| distance < 1e-12)
}

#[test]
fn names_differ_and_arguments_that_may_be_left_out_stand_last() {
    for (i, metric) in ALL.iter().enumerate() {
        assert!(std::ptr::eq(named(metric.name).unwrap(), *metric));
        assert!(ALL[..i].iter().all(|other| other.name != metric.name));
        let (required, optional) = metric.parameters.split_at(metric.num_required());
        assert!(required.iter().all(|p| !p.is_optional()), "{}", metric.name);
        assert!(optional.iter().all(|p| p.is_optional()), "{}", metric.name);
        assert_eq!(optional.last(), Some(&Parameter::Weight), "{}", metric.name);
    }
    // Columns come first, so that the list is in their order.
    assert!(ALL.is_sorted_by_key(|metric| metric.column == Column::None));
}

#[test]
fn weights_of_one_value_change_nothing_but_what_groups_count_for() {
    for metric in ALL {
        let (labels, scores) = columns_for(metric);
        // Groups of the same size weigh the same with weights and without.
        let groups = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5];
        let plain = metric.of(&rows(&labels, &scores, &groups, None), &K);
        for weight in [1., 2., 0.125] {
            let weights = [weight; 10];
            let weighted = metric.of(&rows(&labels, &scores, &groups, Some(&weights)), &K);
            let name = metric.name;
            assert!(close(weighted, plain), "{name} {weighted:?} {plain:?}");
        }
    }
}

/// But for metrics of the first k rows, where the second of two equal rows stands one rank below the first.
#[test]
fn a_weight_of_two_is_a_row_given_twice() {
    for metric in ALL.iter().filter(|m| m.place(Parameter::K).is_none()) {
        let (labels, scores) = columns_for(metric);
        let twice = |row: usize| 1 + usize::from(row.is_multiple_of(3));
        let weights: Vec<f32> = (0..10).map(|row| twice(row) as f32).collect();
        let weighted = metric.of(&rows(&labels, &scores, &U, Some(&weights)), &K);
        let places: Vec<usize> = (0..10)
            .flat_map(|row| std::iter::repeat_n(row, twice(row)))
            .collect();
        let take = |values: &[f32]| places.iter().map(|&at| values[at]).collect::<Vec<_>>();
        let groups: Vec<i32> = places.iter().map(|&at| U[at]).collect();
        let given = metric.of(&rows(&take(&labels), &take(&scores), &groups, None), &K);
        let name = metric.name;
        assert!(close(weighted, given), "{name} {weighted:?} {given:?}");
    }
}

#[test]
fn the_order_of_rows_does_not_matter() {
    for metric in ALL {
        let (mut labels, mut scores) = columns_for(metric);
        let (mut groups, mut weights) = (U, W);
        let forth = metric.of(&rows(&labels, &scores, &groups, Some(&weights)), &K);
        labels.reverse();
        scores.reverse();
        groups.reverse();
        weights.reverse();
        let back = metric.of(&rows(&labels, &scores, &groups, Some(&weights)), &K);
        assert!(close(forth, back), "{} {forth:?} {back:?}", metric.name);
    }
}

#[test]
fn rows_that_weigh_nothing_have_no_value() {
    for metric in ALL {
        let (labels, scores) = columns_for(metric);
        let value = metric.of(&rows(&labels, &scores, &U, Some(&[0.; 10])), &K);
        // The one that counts groups without a value finds them all.
        let expected = match metric.kind {
            Kind::Groups(groups) if groups.join == Join::Count => Some(4.),
            _ => None,
        };
        assert_eq!(value, expected, "{}", metric.name);
    }
}

/// scikit-learn 1.9:
/// ```python
/// y = [0,1,1,0,1,0,0,1,1,0]; p = [.125,.375,.25,.75,.75,.25,.625,.875,.5,.5]; w = [1,.5,2,3,.25,0,1.5,2.5,.75,1]
/// c = [0,1,2,2,1,0,3,1,2,0]; q = [0,2,2,1,1,0,0,1,2,4]
/// roc_auc_score(y, p, sample_weight=w), average_precision_score(y, p, sample_weight=w), log_loss(y, p, sample_weight=w),
/// mean_squared_error(y, p, sample_weight=w) ** .5, mean_absolute_error(y, p, sample_weight=w),
/// accuracy_score(c, q, sample_weight=w), f1_score(c, q, average='macro', sample_weight=w, zero_division=0)
/// ```
#[test]
fn weights_are_those_of_scikit_learn() {
    for (name, expected) in [
        ("auc", 0.541_666_666_666_666_6),
        ("pr_auc", 0.694_206_076_786_168_4),
        ("log_loss", 0.851_633_461_592_126_6),
        ("rmse", 0.572_821_961_869_48),
        ("mae", 0.51),
        ("accuracy", 0.52),
        ("macro_f1", 0.333_333_333_333_333_37),
    ] {
        let metric = named(name).unwrap();
        let (labels, scores) = columns_for(metric);
        let value = metric.of(&rows(&labels, &scores, &U, Some(&W)), &K);
        assert!(close(value, Some(expected)), "{name} {value:?}");
    }
}

/// Python:
/// ```python
/// u = [1,1,1,2,2,2,3,3,4,4]
/// def mean(f):  # over groups
///     of = [(w[u == v].sum(), f(y[u == v], p[u == v], w[u == v])) for v in set(u)]
///     return sum(W * x for W, x in of) / sum(W for W, _ in of)
/// def orders(f):  # of rows of one score
///     return lambda y, p, w: np.mean([f(y[sorted(o, key=lambda i: -p[i])]) for o in permutations(range(len(y)))])
/// mean(lambda y, p, w: roc_auc_score(y, p, sample_weight=w)), mean(lambda y, p, w: ndcg_score([y], [p], k=2)),
/// mean(orders(lambda y: y[:2].any())), mean(orders(lambda y: y[:2].sum() / 2)), mean(orders(lambda y: y[:2].sum() / y.sum())),
/// mean(orders(lambda y: next((1 / (r + 1) for r in range(2) if y[r]), 0))),
/// mean(orders(lambda y: sum(y[r] * y[:r + 1].sum() / (r + 1) for r in range(2)) / min(2, y.sum())))
/// ```
#[test]
fn a_group_weighs_the_sum_of_its_rows() {
    for (name, expected) in [
        ("gauc", 0.8),
        ("ndcg_at", 0.926_185_950_714_291_4),
        ("hit_rate_at", 1.0),
        ("precision_at", 0.64),
        ("recall_at", 1.0),
        ("mrr_at", 0.9),
        ("map_at", 0.9),
    ] {
        let metric = named(name).unwrap();
        let value = metric.of(&rows(&Y, &P, &U, Some(&W)), &K);
        assert!(close(value, Some(expected)), "{name} {value:?}");
    }
}
