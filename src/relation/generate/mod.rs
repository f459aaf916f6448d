//! `GENERATE(MODEL g, n => 1000 [, column => value, ...] [, where => {'column': value}] [, seed => 7])`:
//! new rows with the columns of the query that the generator was trained on.

pub mod constraint;
mod exec;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use serde_json::Value;

use super::call::Call;
use super::environment::Environment;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::store::{FittedModel, Wanted};
use constraint::Constraint;
use exec::{GenerateExec, Generation};

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
    let own_seed = model.manifest().options.get("seed").and_then(Value::as_u64);
    let table = Generated {
        rows: whole(call, "n")?.ok_or_else(|| {
            Error::plan("GENERATE needs the number of rows: GENERATE(MODEL g, n => 1000)")
        })?,
        seed: whole(call, "seed")?.or(own_seed).unwrap_or_default(),
        schema: generator.schema()?,
        constraints: constraints(&model, context)?,
        device: settings.device,
        precision: settings.precision,
        wanted,
        model,
    };
    let source = provider_as_source(Arc::new(table));
    Ok(LogicalPlanBuilder::scan("generate", source, None)?.build()?)
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

/// The constraints of the statement that made the model.
fn constraints(
    model: &FittedModel,
    context: &mut dyn RelationPlannerContext,
) -> Result<Vec<(String, Expr)>> {
    let Some(stored) = model.manifest().options.get("constraints") else {
        return Ok(Vec::new());
    };
    let texts: Vec<String> = serde_json::from_value(stored.clone())
        .map_err(|_| Error::execution("the constraints of the model are no texts"))?;
    let schema = DFSchema::try_from(model.generator()?.schema()?)?;
    let planned = constraint::plan(&texts, &schema, context)?;
    Ok(texts.into_iter().zip(planned).collect())
}

/// The rows of one call, as a table.
#[derive(Debug)]
struct Generated {
    model: FittedModel,
    schema: SchemaRef,
    rows: u64,
    seed: u64,
    wanted: Wanted,
    constraints: Vec<(String, Expr)>,
    device: String,
    precision: String,
}

#[async_trait]
impl TableProvider for Generated {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let schema = DFSchema::try_from(self.schema.clone())?;
        let constraints = self.constraints.iter().map(|(text, condition)| {
            let condition = session.create_physical_expr(condition.clone(), &schema)?;
            let text = text.clone();
            Ok(Constraint { text, condition })
        });
        let generation = Generation {
            model: self.model.clone(),
            rows: limit.map_or(self.rows, |limit| self.rows.min(limit as u64)),
            seed: self.seed,
            wanted: self.wanted.clone(),
            constraints: constraints.collect::<Result<_, DataFusionError>>()?,
            device: self.device.clone(),
            precision: self.precision.clone(),
            projection: projection.cloned(),
        };
        let projected = match projection {
            None => self.schema.clone(),
            Some(columns) => Arc::new(self.schema.project(columns)?),
        };
        Ok(Arc::new(GenerateExec::new(generation, projected)))
    }
}
