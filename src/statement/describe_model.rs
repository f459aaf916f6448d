//! `ml_describe('m')`: what DESCRIBE MODEL becomes.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use crate::environment::Environment;
use crate::error::Result;
use crate::gan;
use crate::model;
use crate::plan::options;
use crate::plan::rows::Rows;
use crate::relation::call::Call;
use crate::relation::only_model;

/// Plans a call of ml_describe.
///
/// # Errors
/// As [`only_model`].
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = only_model(call, environment, context)?;
    let manifest = model.manifest();
    let features: Vec<_> = match &manifest.generator {
        None => {
            let inputs = manifest.encoder.inputs();
            inputs.iter().map(|c| c.name.clone()).collect()
        }
        Some(generator) => {
            let schema = generator.schema()?;
            schema.fields().iter().map(|f| f.name().clone()).collect()
        }
    };
    let (summary, paper) = match gan::find(&manifest.model_type) {
        Some(design) => (design.summary, design.paper),
        None => {
            let architecture = model::find(&manifest.model_type)?;
            (architecture.summary, architecture.paper)
        }
    };
    let layout = manifest.encoder.layout();
    let columns = match manifest.generator {
        None => "features",
        Some(_) => "columns",
    };
    let mut rows: Vec<(String, String)> = vec![
        ("name".into(), model.name().name.clone()),
        ("version".into(), model.name().version.to_string()),
        ("model_type".into(), manifest.model_type.clone()),
        ("summary".into(), summary.into()),
        ("paper".into(), paper.into()),
        ("tasks".into(), manifest.tasks.join(", ")),
        (columns.into(), features.join(", ")),
        ("rows".into(), manifest.rows.to_string()),
        ("best_epoch".into(), manifest.best_epoch.to_string()),
        ("precision".into(), manifest.precision.clone()),
        ("created".into(), manifest.created.clone()),
        ("folder".into(), model.location()),
    ];
    if manifest.generator.is_none() {
        let width = model::find(&manifest.model_type)?.row_width(&manifest.spec());
        let size = format!("{} x {width}", layout.table_rows);
        rows.push(("embedding".into(), size));
    }
    for (name, value) in &manifest.options {
        rows.push((format!("option {name}"), options::to_sql(value)));
    }
    for (name, value) in &manifest.libraries {
        rows.push((format!("library {name}"), value.clone()));
    }
    let weights: Vec<(String, Vec<i64>)> = model.weight_shapes()?;
    let total: i64 = weights.iter().map(|(_, s)| s.iter().product::<i64>()).sum();
    rows.push(("parameters".into(), total.to_string()));
    for (name, shape) in weights {
        rows.push((format!("weight {name}"), format!("{shape:?}")));
    }
    Rows::new()
        .text("property", rows.iter().map(|(p, _)| Some(p)))
        .text("value", rows.iter().map(|(_, v)| Some(v)))
        .plan("describe")
}
