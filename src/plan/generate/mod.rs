//! GENERATE as a plan: rows that a generator makes, a table that is made when it is scanned.

pub mod constraint;
mod exec;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use serde_json::Value;

use super::transform::Planner;
use crate::error::{Error, Result};
use crate::store::{FittedModel, ModelRef, Wanted};
use constraint::Constraint;
use exec::{GenerateExec, Generation};

/// What is asked of a generator.
#[derive(Clone, Debug)]
pub struct Request {
    /// How many rows.
    pub rows: u64,
    /// Of all random numbers; that of the training when not given.
    pub seed: Option<u64>,
    /// The values that columns are to have.
    pub wanted: Wanted,
    /// Where the generator runs.
    pub device: String,
    /// What its products are computed in; auto leaves it to the model.
    pub precision: String,
}

/// The rows of `request` that `model` makes; `planner` plans the model's constraints.
///
/// # Errors
/// `Plan` for a predictor, and for a value that no row can have.
pub fn rows(
    model: &FittedModel,
    request: Request,
    planner: &mut dyn Planner,
) -> Result<LogicalPlan> {
    let generator = model.generator()?;
    generator.check(&request.wanted)?;
    let own_seed = model.manifest().options.get("seed").and_then(Value::as_u64);
    let table = Generated {
        model: model.name().clone(),
        rows: request.rows,
        seed: request.seed.or(own_seed).unwrap_or_default(),
        schema: generator.schema()?,
        constraints: constraints(model, planner)?,
        device: request.device,
        precision: request.precision,
        wanted: request.wanted,
    };
    let source = provider_as_source(Arc::new(table));
    Ok(LogicalPlanBuilder::scan("generate", source, None)?.build()?)
}

/// The constraints of the statement that made the model.
fn constraints(model: &FittedModel, planner: &mut dyn Planner) -> Result<Vec<(String, Expr)>> {
    let Some(stored) = model.manifest().options.get("constraints") else {
        return Ok(Vec::new());
    };
    let texts: Vec<String> = serde_json::from_value(stored.clone())
        .map_err(|_| Error::execution("the constraints of the model are no texts"))?;
    let schema = DFSchema::try_from(model.generator()?.schema()?)?;
    let planned = constraint::plan(&texts, &schema, planner)?;
    Ok(texts.into_iter().zip(planned).collect())
}

/// The rows of one call, as a table.
#[derive(Debug)]
struct Generated {
    model: ModelRef,
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
