//! Weights of rows, for every metric of the list: `w = i % 4`, over the log with its classes.

use super::classes::classes;
use super::*;
use crate::metric::{Join, Kind, Metric, Parameter};

/// scikit-learn with sample_weight=w; numpy for the others, those of groups as means over u with the groups' sums of w.
const EXPECTED: [(&str, f64); 14] = [
    ("auc", 0.612_054_053_441_841_9),
    ("pr_auc", 0.453_525_660_925_672_26),
    ("log_loss", 0.667_377_309_835_490_6),
    ("rmse", 0.489_884_127_456_007),
    ("mae", 0.432_287_5),
    ("accuracy", 0.604_133_333_333_333_3),
    ("macro_f1", 0.527_701_616_145_060_6),
    ("normalized_entropy", 1.097_220_643_747_194),
    ("calibration_error", 0.183_337_5),
    ("gauc", 0.603_569_254_413_513_5),
    ("recall_at", 0.170_627_298_927_168_77),
    ("hit_rate_at", 0.966_133_333_333_333_3),
    ("precision_at", 0.552_986_666_666_666_7),
    ("map_at", 0.522_255_925_925_926_1),
];

/// A call of the metric with that weight, which may be NULL, over the columns of the log.
fn call(metric: &Metric, weight: &str) -> String {
    let arguments = metric.parameters.iter().map(|parameter| match parameter {
        Parameter::K => "5",
        Parameter::BinaryLabel | Parameter::Grade | Parameter::NumberLabel => "y",
        // Ranks of their own, where only they count.
        Parameter::Score if metric.place(Parameter::K).is_some() => "p - i / 10000000.0",
        Parameter::Score | Parameter::Prediction | Parameter::Probability => "p",
        Parameter::Group => "u",
        Parameter::Class => "c",
        Parameter::PredictedClass => "q",
        Parameter::Gain => "NULL",
        Parameter::Weight => weight,
    });
    let arguments: Vec<_> = arguments.collect();
    format!("{}({})", metric.name, arguments.join(", "))
}

/// Whether a group weighs 1 without weights, and the sum of those of its rows with them.
fn weighs_groups(metric: &Metric) -> bool {
    matches!(metric.kind, Kind::Groups(groups) if groups.join == Join::Mean)
}

async fn value(ctx: &SessionContext, call: &str, rest: &str) -> Option<f64> {
    number(ctx, &format!("SELECT {call}::DOUBLE FROM {rest}")).await
}

#[tokio::test]
async fn agree_with_scikit_learn_in_any_number_of_partitions() {
    for partitions in [1, 3] {
        let ctx = classes(partitions).await;
        for (name, expected) in EXPECTED {
            let call = call(metric::named(name).unwrap(), "i % 4");
            let value = value(&ctx, &call, "classes").await;
            assert!(close(value, expected), "{call} = {value:?} in {partitions}");
        }
        // ndcg_score over grades.
        let call = "ndcg_at(5, i * 31 % 5, p, u, NULL, i % 4)";
        let value = value(&ctx, call, "classes").await;
        assert!(close(value, 0.487_124_631_231_710_57), "{value:?}");
    }
}

#[tokio::test]
async fn a_null_or_one_for_all_is_no_weight() {
    let ctx = classes(3).await;
    for metric in metric::ALL {
        let plain = value(&ctx, &call(metric, "NULL"), "classes").await;
        for weight in ["1", "2.5", "3::TINYINT", "0.25::REAL"] {
            if !weighs_groups(metric) {
                let weighted = value(&ctx, &call(metric, weight), "classes").await;
                let name = metric.name;
                assert!(close(weighted, plain.unwrap()), "{name} {weighted:?}");
            }
        }
        // The last argument can be left out.
        let short = call(metric, "NULL").replace(", NULL", "");
        assert_eq!(value(&ctx, &short, "classes").await, plain, "{short}");
    }
}

#[tokio::test]
async fn a_weight_is_a_row_given_so_often() {
    let ctx = classes(3).await;
    let often = "(SELECT classes.* FROM classes JOIN generate_series(1, 3) AS s(n) ON n <= i % 4)";
    for metric in metric::ALL {
        // Of the first k rows, the second of two equal ones stands one rank below the first.
        if metric.place(Parameter::K).is_none() {
            let weighted = value(&ctx, &call(metric, "i % 4"), "classes").await;
            let given = value(&ctx, &call(metric, "NULL"), often).await;
            let name = metric.name;
            assert!(
                close(weighted, given.unwrap()),
                "{name} {weighted:?} {given:?}"
            );
        }
    }
}

/// With and without the state of single rows that DataFusion asks for when grouping reduces nothing.
#[tokio::test]
async fn weights_work_with_group_by_and_filter() {
    for ratio in ["2", "0"] {
        let ctx = classes(3).await;
        for (setting, value) in [("rows", "1"), ("ratio", ratio)] {
            let set = format!(
                "SET datafusion.execution.skip_partial_aggregation_probe_{setting}_threshold = {value}"
            );
            run(&ctx, &set).await.unwrap();
        }
        for metric in metric::ALL {
            let call = call(metric, "i % 4");
            let third = value(&ctx, &call, "classes WHERE i % 3 = 1").await.unwrap();
            let filtered = format!("{call} FILTER (WHERE i % 3 = 1)");
            let filtered = value(&ctx, &filtered, "classes").await;
            assert!(close(filtered, third), "{call} {filtered:?} {third}");
            let sql = format!("SELECT {call}::DOUBLE FROM classes GROUP BY i % 3 ORDER BY i % 3");
            let grouped = run(&ctx, &sql).await.unwrap();
            let grouped = at(grouped.column(0), 1);
            assert!(close(grouped, third), "{call} {grouped:?} {third}");
        }
    }
}

#[tokio::test]
async fn a_running_window_has_weights() {
    let ctx = classes(2).await;
    for metric in metric::ALL {
        let call = call(metric, "i % 4");
        let some = "classes WHERE i < 300";
        let last = format!("{some} ORDER BY i DESC LIMIT 1");
        let running = value(&ctx, &format!("{call} OVER (ORDER BY i)"), &last).await;
        let whole = value(&ctx, &call, some).await;
        assert!(
            close(running, whole.unwrap()),
            "{call} {running:?} {whole:?}"
        );
    }
}

#[tokio::test]
async fn a_weight_that_is_none_is_named() {
    let ctx = classes(1).await;
    for metric in metric::ALL {
        for (weight, shown) in [
            ("CASE WHEN i <> 9 THEN 1 END", "NULL"),
            ("CASE WHEN i = 9 THEN 'NaN'::DOUBLE ELSE 1 END", "NaN"),
            ("CASE WHEN i = 9 THEN 'Infinity'::DOUBLE ELSE 1 END", "inf"),
            ("CASE WHEN i = 9 THEN -0.5 ELSE 1 END", "-0.5"),
            ("NULL::DOUBLE", "NULL"),
        ] {
            let call = call(metric, weight);
            let sql = format!("SELECT {call} FROM classes");
            let error = root(run(&ctx, &sql).await.unwrap_err());
            assert!(matches!(error, DataFusionError::Execution(_)), "{error:?}");
            let name = metric.name;
            let message = format!("{name}: weight must be a finite number >= 0, got {shown}");
            assert!(error.to_string().contains(&message), "{error}");
            // Rows that do not count need none.
            let others = format!("{call} FILTER (WHERE i <> 9)");
            if !weight.contains("NULL") {
                value(&ctx, &others, "classes").await;
            }
        }
        let sql = format!("SELECT {} FROM classes", call(metric, "'much'"));
        let error = root(run(&ctx, &sql).await.unwrap_err());
        assert!(matches!(error, DataFusionError::Plan(_)), "{error:?}");
        let message = format!("{}: weight must be a number, got Utf8", metric.name);
        assert!(error.to_string().contains(&message), "{error}");
    }
}

#[tokio::test]
async fn rows_that_weigh_nothing_have_no_value() {
    let ctx = classes(2).await;
    for metric in metric::ALL {
        let value = value(&ctx, &call(metric, "0"), "classes").await;
        let expected = match metric.kind {
            Kind::Groups(groups) if groups.join == Join::Count => Some(97.0),
            _ => None,
        };
        assert_eq!(value, expected, "{}", metric.name);
    }
}

#[tokio::test]
async fn grades_and_gains_that_are_none_are_named() {
    for (call, message) in [
        (
            "ndcg_at(2, -1, 0.5, 1)",
            "label must be a number >= 0 whose linear gain is finite, got -1",
        ),
        (
            "ndcg_at(2, 'NaN'::REAL, 0.5, 1)",
            "label must be a number >= 0 whose linear gain is finite, got NaN",
        ),
        (
            "ndcg_at(2, 2000, 0.5, 1, 'exponential')",
            "label must be a number >= 0 whose exponential gain is finite, got 2000",
        ),
    ] {
        let error = error(&format!("SELECT {call}")).await;
        assert!(matches!(error, DataFusionError::Execution(_)), "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
    }
    for (call, message) in [
        (
            "ndcg_at(2, y, 0.5, 1, 'square')",
            "ndcg_at: gain must be 'linear' or 'exponential', got 'square'",
        ),
        (
            "ndcg_at(2, y, 0.5, 1, y::VARCHAR)",
            "ndcg_at: gain must be a constant, got",
        ),
        (
            "ndcg_at(2, y, 0.5, 1, 3)",
            "ndcg_at: gain must be a string, got Int64",
        ),
        (
            "ndcg_at(2, 'good', 0.5, 1)",
            "ndcg_at: label must be BOOLEAN or a number, got Utf8",
        ),
    ] {
        let error = error(&format!("SELECT {call} FROM (VALUES (1)) AS t(y)")).await;
        assert!(matches!(error, DataFusionError::Plan(_)), "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
    }
    for gain in [
        "'linear'",
        "NULL",
        "NULL::VARCHAR",
        "arrow_cast('linear', 'Utf8View')",
    ] {
        let sql = format!("SELECT ndcg_at(2, y > 0, y, 1, {gain}) FROM (VALUES (1), (0)) AS t(y)");
        assert_eq!(number(&context(1), &sql).await, Some(1.0), "{gain}");
    }
}
