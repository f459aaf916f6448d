//! `ml_functions(like => ..)`: what SHOW FUNCTIONS becomes. DataFusion's functions and ours, relations
//! too.

use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Documentation, LogicalPlan};

use super::calls;
use super::show_models::like;
use crate::environment::Environment;
use crate::error::Result;
use crate::plan::rows::Rows;
use crate::relation::call::Call;

/// One line of SHOW FUNCTIONS.
struct Function {
    name: String,
    kind: &'static str,
    syntax: Option<String>,
    description: Option<String>,
    example: Option<String>,
}

impl Function {
    fn documented(name: String, kind: &'static str, documentation: Option<&Documentation>) -> Self {
        Self {
            name,
            kind,
            syntax: documentation.map(|d| d.syntax_example.clone()),
            description: documentation.map(|d| d.description.trim().to_string()),
            example: documentation.and_then(|d| d.sql_example.clone()),
        }
    }
}

/// Plans a call of ml_functions.
///
/// # Errors
/// `Plan` for an argument that it does not take.
pub fn plan(
    call: &Call,
    _: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(0, &["like"])?;
    let pattern = call.text("like")?;
    let provider = context.context_provider();
    let mut rows: Vec<Function> = Vec::new();
    for name in provider.udf_names() {
        if let Some(f) = provider.get_function_meta(&name) {
            rows.push(Function::documented(name, "scalar", f.documentation()));
        }
    }
    for name in provider.udaf_names() {
        if let Some(f) = provider.get_aggregate_meta(&name) {
            rows.push(Function::documented(name, "aggregate", f.documentation()));
        }
    }
    for name in provider.udwf_names() {
        if let Some(f) = provider.get_window_meta(&name) {
            rows.push(Function::documented(name, "window", f.documentation()));
        }
    }
    rows.extend(calls().map(|relation| Function {
        name: relation.name.to_string(),
        kind: "relation",
        syntax: Some(relation.syntax.to_string()),
        description: Some(relation.description.to_string()),
        example: Some(relation.example.to_string()),
    }));
    rows.retain(|f| pattern.as_ref().is_none_or(|p| like(p, &f.name)));
    rows.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
    Rows::new()
        .text("name", rows.iter().map(|f| Some(&f.name)))
        .text("kind", rows.iter().map(|f| Some(f.kind)))
        .text("syntax", rows.iter().map(|f| f.syntax.as_ref()))
        .text("description", rows.iter().map(|f| f.description.as_ref()))
        .text("example", rows.iter().map(|f| f.example.as_ref()))
        .plan("functions")
}
