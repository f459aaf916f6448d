//! `EVALUATE(MODEL m [, {TABLE t | (query)}] [, by => 'channel'])`: metrics of every task, for each value
//! of a column where one is named. One pass of PREDICT and one aggregation serve all tasks; the last
//! node turns its wide row into a row a task.

use arrow::datatypes::{DataType, Field};
use datafusion::common::Column;
use datafusion::functions_aggregate::expr_fn::{avg, count, sum};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast as cast_expr, lit};

use super::call::Call;
use super::labelled::{Labelled, Outcome, column};
use crate::environment::{Environment, Settings};
use crate::error::{Error, Result};
use crate::feature::TaskKind;
use crate::function;
use crate::metric::{self, Metric, Parameter};
use crate::plan::evaluate::{by_task, wide_name};
use crate::plan::rows::Rows;
use crate::plan::transform::{Planner, Statement};
use crate::store::{FittedModel, StoredScore};

/// Plans a call of EVALUATE.
///
/// # Errors
/// `Plan` for an unknown model or column, a label that is missing, no query and no rows held back.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(2, &["by"])?;
    let config = context.context_provider().options().clone();
    let model = environment.predictor(&config, &call.model()?)?;
    let by = call.text("by")?;
    let Some(query) = call.query(1)? else {
        return match by {
            None => held_back(&model),
            Some(by) => Err(Error::plan(format!(
                "EVALUATE needs a query to evaluate by {by}: only the sums over the rows held back \
                 are kept with the model"
            ))),
        };
    };
    let tasks = model.manifest().tasks.clone();
    let input = Call::plan_query(query, context)?;
    let (settings, mut planner) = (Settings::of(&config), Statement(context));
    let labelled = Labelled::over(input, model, &call.name, &settings, &mut planner)?;
    let by = by.map(|by| by_column(&labelled, &by)).transpose()?;
    let wide = aggregate(labelled, by.as_ref(), &mut planner)?;
    let by = by.map(|by| {
        let field = wide.schema().field(0);
        Field::new(&by.name, field.data_type().clone(), true)
    });
    by_task(wide, tasks, by, values())
}

/// The columns of a task's values.
fn values() -> Vec<Field> {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let mut fields = vec![
        field("rows", DataType::Int64),
        field("positives", DataType::Int64),
    ];
    fields.extend(metric::columns().map(|metric| field(metric.name, DataType::Float64)));
    fields
}

/// The column of the query to evaluate by.
fn by_column(labelled: &Labelled, name: &str) -> Result<Column> {
    let schema = labelled.rows.schema();
    let Some(by) = column(schema, name)? else {
        return Err(Error::plan(format!(
            "unknown column {name:?}; the query has: {}",
            schema.field_names().join(", ")
        )));
    };
    let metrics = metric::columns().map(|metric| metric.name);
    let mut own = ["task", "rows", "positives"].into_iter().chain(metrics);
    match own.any(|own| own == by.name) {
        false => Ok(by),
        true => Err(Error::plan(format!(
            "EVALUATE has a column {:?} of its own: rename the one to evaluate by",
            by.name
        ))),
    }
}

/// The metrics over the rows that training held back.
fn held_back(model: &FittedModel) -> Result<LogicalPlan> {
    let scores = &model.manifest().scores;
    if scores.is_empty() {
        return Err(Error::plan(format!(
            "model {} held no rows back: give EVALUATE a table or query",
            model.name()
        )));
    }
    let counted = Rows::new()
        .text("task", scores.iter().map(|s| Some(&s.task)))
        .int("rows", scores.iter().map(|s| Some(s.rows as i64)))
        .int(
            "positives",
            scores.iter().map(|s| s.positives.map(|n| n as i64)),
        );
    let rows = metric::columns().fold(counted, |rows, metric| {
        let value = |score: &StoredScore| score.metrics.get(metric.name).copied().flatten();
        rows.double(metric.name, scores.iter().map(value))
    });
    rows.plan("evaluate")
}

/// One row per value of `by`, with rows, positives and metrics of each task side by side, as far as they
/// are defined.
fn aggregate(
    labelled: Labelled,
    by: Option<&Column>,
    planner: &mut dyn Planner,
) -> Result<LogicalPlan> {
    let user = labelled.user(planner)?;
    let mut values = Vec::new();
    for task in 0..labelled.model.manifest().tasks.len() {
        let outcome = labelled.outcome(task, planner)?;
        values.push(count(outcome.label.clone()).alias(wide_name(task, "rows")));
        if let Some(positives) = positives(&outcome) {
            values.push(positives.alias(wide_name(task, "positives")));
        }
        for metric in metric::columns() {
            if let Some(value) = value(metric, &outcome, user.as_ref()) {
                values.push(value.alias(wide_name(task, metric.name)));
            }
        }
    }
    let by: Vec<_> = by.map(|by| Expr::Column(by.clone())).into_iter().collect();
    Ok(LogicalPlanBuilder::from(labelled.rows)
        .aggregate(by, values)?
        .build()?)
}

/// Rows with label 1; none where labels are not of that kind.
fn positives(outcome: &Outcome) -> Option<Expr> {
    match outcome.kind {
        TaskKind::Binary => Some(sum(cast_expr(outcome.happened(), DataType::Int64))),
        _ => None,
    }
}

/// The metric of a task; none where the task has no such label or prediction.
fn value(metric: &'static Metric, outcome: &Outcome, user: Option<&Expr>) -> Option<Expr> {
    let has_classes = matches!(outcome.kind, TaskKind::MultiClass(_));
    if metric.column == metric::Column::CrossEntropy && has_classes {
        return Some(avg(outcome.cross_entropy()));
    }
    let required = metric.parameters[..metric.num_required()].iter();
    let arguments: Option<Vec<_>> = required.map(|p| argument(*p, outcome, user)).collect();
    Some(function::aggregate(metric).call(arguments?))
}

/// What a task has for an argument of a metric.
fn argument(parameter: Parameter, outcome: &Outcome, user: Option<&Expr>) -> Option<Expr> {
    match (parameter, &outcome.kind) {
        (Parameter::Group, _) => user.cloned(),
        (Parameter::PredictedClass, TaskKind::Binary) => Some(outcome.predicted().gt_eq(lit(0.5))),
        (_, TaskKind::Binary) if parameter.is_label() => Some(outcome.happened()),
        (_, TaskKind::Binary) if parameter.is_score() => Some(outcome.predicted()),
        (Parameter::Class, TaskKind::MultiClass(_))
        | (Parameter::NumberLabel, TaskKind::Regression(_)) => Some(outcome.label.clone()),
        (Parameter::PredictedClass, TaskKind::MultiClass(_))
        | (Parameter::Prediction, TaskKind::Regression(_)) => Some(outcome.predicted()),
        _ => None,
    }
}
