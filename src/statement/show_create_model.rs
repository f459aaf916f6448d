//! `ml_show_create('m')`: what SHOW CREATE MODEL becomes; a statement that makes the model again.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use crate::environment::Environment;
use crate::error::Result;
use crate::plan::options;
use crate::plan::rows::Rows;
use crate::relation::call::Call;
use crate::relation::only_model;

/// Plans a call of ml_show_create.
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
    let options: Vec<_> = manifest
        .options
        .iter()
        .map(|(name, value)| format!("  {name} = {}", options::to_sql(value)))
        .collect();
    let transform = match &manifest.transform {
        Some(list) => format!("TRANSFORM ({list})\n"),
        None => String::new(),
    };
    let name = quoted(&model.name().name);
    let statement = format!(
        "CREATE MODEL {name}\n{transform}OPTIONS (\n{}\n)\nAS {}",
        options.join(",\n"),
        manifest.query
    );
    Rows::new()
        .text("name", [Some(model.name().name.clone())])
        .text("statement", [Some(statement)])
        .plan("show_create")
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match plain {
        true => name.to_string(),
        false => format!("\"{name}\""),
    }
}
