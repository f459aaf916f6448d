//! The scalar `predict('m', named_struct('user_id', u, ...))`: a rule lifts every such call into a
//! prediction node below, so that the model runs once per row wherever the value is used.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::How;
use super::node::{PredictNode, bind_features};
use crate::environment::Environment;
use crate::environment::settings::Settings;
use crate::plan::transform::{self, Session};
use crate::store::FittedModel;

/// The name of the function.
pub const SCALAR: &str = "predict";

/// The analyzer rule.
#[derive(Debug)]
pub struct LiftPredict {
    environment: Arc<Environment>,
}

impl LiftPredict {
    /// A rule that finds models in `environment`.
    pub fn new(environment: Arc<Environment>) -> Self {
        Self { environment }
    }
}

impl AnalyzerRule for LiftPredict {
    fn name(&self) -> &str {
        "lift_predict"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| self.lift(plan, config))
            .data()
    }
}

impl LiftPredict {
    fn lift(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<Transformed<LogicalPlan>> {
        let calls = calls(&plan)?;
        if calls.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let inputs = plan.inputs();
        let [input] = inputs.as_slice() else {
            return Err(DataFusionError::Plan(format!(
                "predict(...) can't stand in {}: compute it in a subquery first",
                plan.display()
            )));
        };
        let mut input = LogicalPlan::clone(input);
        let wanted = plan.schema().clone();
        let mut values = HashMap::new();
        for call in calls {
            let (below, value) = self.predict(&call, input, config)?;
            input = below;
            values.insert(call, value);
        }
        // Output columns keep the names that the calls gave them.
        let names = NamePreserver::new(&plan);
        let expressions = plan
            .expressions()
            .into_iter()
            .map(|expr| {
                let name = names.save(&expr);
                Ok(name.restore(replace(expr, &values)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let lifted = plan.with_new_exprs(expressions, vec![input])?;
        if lifted.schema().fields().len() == wanted.fields().len() {
            return Ok(Transformed::yes(lifted));
        }
        // A filter or sort passes the added columns on: leave them behind.
        let columns = wanted
            .iter()
            .map(|(q, f)| Expr::Column(Column::new(q.cloned(), f.name())));
        let lifted = LogicalPlanBuilder::from(lifted).project(columns)?.build()?;
        Ok(Transformed::yes(lifted))
    }

    /// Puts the prediction of `call` over `input`; returns the expression that stands for its value.
    fn predict(
        &self,
        call: &ScalarFunction,
        input: LogicalPlan,
        config: &ConfigOptions,
    ) -> Result<(LogicalPlan, Expr)> {
        let model = match call.args.first() {
            Some(Expr::Literal(ScalarValue::Utf8(Some(name)), _)) => {
                self.environment.predictor(config, name)?
            }
            _ => {
                return Err(DataFusionError::Plan(
                    "predict needs a model's name, a string, as its first argument".into(),
                ));
            }
        };
        let row = call.args.get(1).ok_or_else(|| {
            DataFusionError::Plan(
                "predict needs a struct of features as its second argument: \
                 named_struct('column', value, ...)"
                    .into(),
            )
        })?;
        let mut derived = fields(row, input.schema())?;
        if let Some(list) = &model.manifest().transform {
            derived = self.transformed(list, &model, derived)?;
        }
        let features = bind_features(&model, &DFSchema::empty(), derived)?;
        // Names that no other call of this plan has.
        let prefix = format!("__{}_{}_", model.name(), input.schema().fields().len());
        let outputs: Vec<_> = model
            .outputs()?
            .into_iter()
            .map(|mut output| {
                output.name = format!("{prefix}{}", output.name);
                output
            })
            .collect();
        let value = structure(&model, &prefix)?;
        let how = How::of(&Settings::of(config));
        // The name has just been looked up, and its columns have names of their own.
        let node =
            PredictNode::new(input, model.name().clone(), features, outputs, how)?.pinned(true);
        let node = Arc::new(node);
        Ok((LogicalPlan::Extension(Extension { node }), value))
    }

    /// The fields of the row, and what the model's TRANSFORM makes of them.
    fn transformed(&self, list: &str, model: &FittedModel, row: Vec<Value>) -> Result<Vec<Value>> {
        let fields: Vec<Field> = row
            .iter()
            .map(|(name, _, field)| field.clone().with_name(name))
            .collect();
        let schema = DFSchema::from_unqualified_fields(fields.into(), HashMap::new())?;
        let mut planner = Session(self.environment.session()?);
        let mut values = transform::features(list, model, &schema, &mut planner)?;
        for (_, expr, _) in &mut values {
            *expr = expr
                .clone()
                .transform_up(|e| match &e {
                    Expr::Column(column) => {
                        let found = row.iter().find(|(name, ..)| *name == column.name);
                        Ok(found.map_or(Transformed::no(e.clone()), |(_, value, _)| {
                            Transformed::yes(value.clone())
                        }))
                    }
                    _ => Ok(Transformed::no(e)),
                })
                .data()?;
        }
        let own = values.len();
        for value in row {
            if !values[..own].iter().any(|(name, ..)| *name == value.0) {
                values.push(value);
            }
        }
        Ok(values)
    }
}

/// A value of the row: its name, expression and field.
type Value = (String, Expr, Field);

/// The distinct calls of predict in a plan's own expressions.
fn calls(plan: &LogicalPlan) -> Result<Vec<ScalarFunction>> {
    let mut calls: Vec<ScalarFunction> = Vec::new();
    for expr in plan.expressions() {
        expr.apply(|e| {
            if let Expr::ScalarFunction(call) = e
                && call.func.name() == SCALAR
                && !calls.contains(call)
            {
                calls.push(call.clone());
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })?;
    }
    Ok(calls)
}

fn replace(expr: Expr, values: &HashMap<ScalarFunction, Expr>) -> Result<Expr> {
    expr.transform_down(|e| match &e {
        Expr::ScalarFunction(call) => match values.get(call) {
            Some(value) => Ok(Transformed::yes(value.clone())),
            None => Ok(Transformed::no(e)),
        },
        _ => Ok(Transformed::no(e)),
    })
    .data()
}

/// The fields of a struct expression: name, expression and field.
fn fields(row: &Expr, schema: &DFSchema) -> Result<Vec<Value>> {
    let pairs: Vec<(String, Expr)> = match row {
        Expr::ScalarFunction(f) if f.func.name() == "named_struct" => f
            .args
            .chunks_exact(2)
            .filter_map(|pair| match &pair[0] {
                Expr::Literal(value, _) => {
                    let name = value.try_as_str().flatten()?.to_string();
                    Some((name, pair[1].clone()))
                }
                _ => None,
            })
            .collect(),
        row => match row.get_type(schema)? {
            DataType::Struct(fields) => fields
                .iter()
                .map(|f| (f.name().clone(), get_field(row.clone(), f.name().as_str())))
                .collect(),
            other => {
                return Err(DataFusionError::Plan(format!(
                    "predict needs a struct of features as its second argument, got {other}"
                )));
            }
        },
    };
    pairs
        .into_iter()
        .map(|(name, expr)| {
            let (_, field) = expr.to_field(schema)?;
            Ok((name, expr, field.as_ref().clone()))
        })
        .collect()
}

/// The struct of all predictions, from the columns that the node adds.
fn structure(model: &FittedModel, prefix: &str) -> Result<Expr> {
    let fields = model.outputs()?.into_iter().flat_map(|output| {
        let column = Column::from_name(format!("{prefix}{}", output.name));
        [lit(output.name), Expr::Column(column)]
    });
    Ok(named_struct(fields.collect()))
}
