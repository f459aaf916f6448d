//! `EVALUATE_SYNTHETIC(MODEL g, (real), ...)` and `EVALUATE_SYNTHETIC((real), (synthetic), ...)`: how close
//! generated rows come to real ones.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::Query;
use serde_json::Value;

use super::call::Call;
use crate::device::Choice;
use crate::environment::Environment;
use crate::environment::settings::Settings;
use crate::error::{Error, Result};
use crate::feature::ColumnOptions;
use crate::plan::evaluate_synthetic::{self, Evaluation, Input, MAX_ROWS, Shape};
use crate::plan::generate::{self, Request};
use crate::plan::options::ModelOptions;
use crate::plan::options::read::{self, Read, names, text_map};
use crate::plan::transform::Statement;
use crate::store::{GeneratorSpec, Wanted};

/// Decides samples, halves, orders and the judge's weights when no seed is given.
const DEFAULT_SEED: u64 = 42;

/// Named arguments where a model generates the rows.
const OF_MODEL: [&str; 3] = ["holdout", "n", "seed"];

/// Named arguments where a query gives them.
const OF_QUERY: [&str; 8] = [
    "labels",
    "tasks",
    "categorical_cols",
    "numeric_cols",
    "exclude_cols",
    "constraints",
    "holdout",
    "seed",
];

/// Plans a call of EVALUATE_SYNTHETIC.
///
/// # Errors
/// `Plan` for an unknown model, a predictor, an unknown option or label, columns that differ between
/// the queries, and types that can't be compared.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let settings = Settings::of(context.context_provider().options());
    settings.device.parse::<Choice>()?;
    let seed = option(call, "seed", read::seed)?;
    let mut evaluation = match call.begins_with_query() {
        true => of_query(call, seed, context)?,
        false => of_model(call, seed, environment, context)?,
    };
    if let Some(query) = call.named_query("holdout")? {
        evaluation.inputs.push(input("held-out", query, context)?);
    }
    let session = environment.session()?;
    evaluate_synthetic::scores(evaluation, &session, &mut Statement(context))
}

/// A query whose rows are called `rows` in an error.
fn input(
    rows: &'static str,
    query: &Query,
    context: &mut dyn RelationPlannerContext,
) -> Result<Input> {
    let plan = Call::plan_query(query, context)?;
    Ok(Input { rows, plan })
}

fn of_query(
    call: &Call,
    seed: Option<u64>,
    context: &mut dyn RelationPlannerContext,
) -> Result<Evaluation> {
    call.allow(2, &OF_QUERY)?;
    let options = column_options(call)?;
    let real = input("real", call.required_query(0)?, context)?;
    let synthetic = input("synthetic", call.required_query(1)?, context)?;
    let schema = real.plan.schema().as_arrow();
    synthetic.reject_extra(schema, &options.exclude_cols)?;
    Ok(Evaluation {
        shape: Shape::of(schema, &options)?,
        inputs: vec![real, synthetic],
        constraints: option(call, "constraints", read::texts)?.unwrap_or_default(),
        as_many: false,
        seed: seed.unwrap_or(DEFAULT_SEED),
    })
}

/// The columns, their roles and the constraints are those of the model; the real query may have more
/// columns.
fn of_model(
    call: &Call,
    seed: Option<u64>,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<Evaluation> {
    call.allow(2, &OF_MODEL)?;
    let config = context.context_provider().options().clone();
    let model = environment.model(&config, &call.model()?)?;
    let generator = model.generator()?;
    if let GeneratorSpec::Images(_) = generator {
        return Err(Error::plan(format!(
            "EVALUATE_SYNTHETIC judges rows, and model {} draws images: TRAINING_INFO has their scores",
            model.name()
        )));
    }
    let schema = generator.schema()?;
    let options = ModelOptions::parse(&model.manifest().options)?;
    let rows = option(call, "n", read::count::<u64>)?;
    let settings = Settings::of(&config);
    let request = Request {
        rows: rows.unwrap_or(MAX_ROWS as u64),
        seed,
        wanted: Wanted::default(),
        device: settings.device,
        precision: settings.precision,
    };
    let synthetic = Input {
        rows: "synthetic",
        plan: generate::rows(&model, request, &mut Statement(context))?,
    };
    Ok(Evaluation {
        shape: Shape::of_generated(&schema, &options.columns)?,
        inputs: vec![input("real", call.required_query(1)?, context)?, synthetic],
        constraints: options.constraints,
        as_many: rows.is_none(),
        seed: seed.unwrap_or(DEFAULT_SEED),
    })
}

/// The value of a named argument, read by `read`.
///
/// # Errors
/// `Plan` when it is something else.
fn option<T>(call: &Call, name: &str, read: fn(&Value) -> Read<T>) -> Result<Option<T>> {
    let Some(value) = call.value(name)? else {
        return Ok(None);
    };
    let read = read(&value).map(Some);
    read.map_err(|expected| Error::plan(format!("option {name}: {expected}, got {value}")))
}

/// What the call says about columns.
///
/// # Errors
/// `Plan` for a value that an option can't take.
fn column_options(call: &Call) -> Result<ColumnOptions> {
    let list = |name| Ok::<_, Error>(option(call, name, names)?.unwrap_or_default());
    Ok(ColumnOptions {
        labels: list("labels")?,
        label_types: option(call, "tasks", text_map)?.unwrap_or_default(),
        categorical_cols: list("categorical_cols")?,
        numeric_cols: list("numeric_cols")?,
        exclude_cols: list("exclude_cols")?,
        ..ColumnOptions::default()
    })
}
