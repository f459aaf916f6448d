//! `GENERATE(MODEL g, n => 1000 [, column => value, ...] [, where => {'column': value}] [, seed => 7])`:
//! new rows with the columns of the query that the generator was trained on.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use serde_json::Value;

use super::call::Call;
use crate::environment::Environment;
use crate::environment::settings::Settings;
use crate::error::{Error, Result};
use crate::plan::generate::{self, Request};
use crate::plan::transform::Statement;
use crate::store::Wanted;

/// Plans a call of GENERATE.
///
/// # Errors
/// `Plan` for an unknown model, a predictor, no n, a value that no row can have.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let config = context.context_provider().options().clone();
    let model = environment.model(&config, &call.model()?)?;
    let generator = model.generator()?;
    call.at_most(1)?;
    let wanted = wanted(call)?;
    generator.check(&wanted)?;
    let settings = Settings::of(&config);
    let request = Request {
        rows: whole(call, "n")?.ok_or_else(|| {
            Error::plan("GENERATE needs the number of rows: GENERATE(MODEL g, n => 1000)")
        })?,
        seed: whole(call, "seed")?,
        wanted,
        device: settings.device,
        precision: settings.precision,
    };
    generate::rows(&model, request, &mut Statement(context))
}

/// A named whole number from 0.
fn whole(call: &Call, name: &str) -> Result<Option<u64>> {
    let Some(value) = call.value(name)? else {
        return Ok(None);
    };
    let number = value.as_u64().ok_or_else(|| {
        Error::plan(format!(
            "option {name} of GENERATE: expected a whole number from 0, got {value}"
        ))
    })?;
    Ok(Some(number))
}

/// The values that columns are to have: named arguments, and those in `where`.
fn wanted(call: &Call) -> Result<Wanted> {
    let mut wanted = call.values(&["n", "seed", "where"])?;
    match call.value("where")? {
        None => {}
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                if wanted.contains_key(&name) {
                    return Err(Error::plan(format!(
                        "GENERATE is given a value of {name:?} twice"
                    )));
                }
                wanted.insert(name, value);
            }
        }
        Some(other) => {
            return Err(Error::plan(format!(
                "option where of GENERATE: expected a struct, as in {{'column': value}}, got {other}"
            )));
        }
    }
    Ok(wanted)
}
