//! What is known of models, as relations: TRAINING_INFO, FEATURE_INFO, ml_models, ml_model_types,
//! ml_describe, ml_show_create.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::call::Call;
use super::environment::Environment;
use super::options;
use super::rows::{Rows, training_rows};
use crate::error::Result;
use crate::gan;
use crate::model;
use crate::store::FittedModel;

/// The model that is the one argument of `call`.
fn model(
    call: &Call,
    environment: &Environment,
    context: &dyn RelationPlannerContext,
) -> Result<FittedModel> {
    call.allow(1, &[])?;
    environment.model(context.context_provider().options(), &call.model()?)
}

/// `TRAINING_INFO(MODEL m)`: a row per epoch, split and task.
///
/// # Errors
/// As [`Environment::model`].
pub fn training_info(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = model(call, environment, context)?;
    let version = model.name().version.unwrap_or_default();
    training_rows(version, &model.manifest().history).plan("training_info")
}

/// `FEATURE_INFO(MODEL m)`: what each column of the query became, and why.
///
/// # Errors
/// As [`Environment::model`].
pub fn feature_info(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = model(call, environment, context)?;
    let manifest = model.manifest();
    let rows = match &manifest.generator {
        None => manifest.encoder.feature_info(),
        Some(generator) => generator.feature_info(),
    };
    let count = |n: Option<u64>| n.map(|n| n as i64);
    Rows::new()
        .text("column", rows.iter().map(|r| Some(&r.column)))
        .text("data_type", rows.iter().map(|r| Some(&r.data_type)))
        .text("role", rows.iter().map(|r| Some(&r.role)))
        .text("encoding", rows.iter().map(|r| Some(&r.encoding)))
        .int("distinct", rows.iter().map(|r| count(r.distinct)))
        .int("nulls", rows.iter().map(|r| count(r.nulls)))
        .text("reason", rows.iter().map(|r| Some(&r.reason)))
        .plan("feature_info")
}

/// `ml_models(like => 'ran%')`: what SHOW MODELS becomes. A damaged model has NULL where its manifest
/// would say more.
///
/// # Errors
/// `Plan` for an argument that it does not take.
pub fn models(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(0, &["like"])?;
    let pattern = call.text("like")?;
    let mut list = environment
        .store(context.context_provider().options())
        .list();
    list.retain(|entry| pattern.as_ref().is_none_or(|p| like(p, &entry.name)));
    let known = || list.iter().map(|e| e.manifest.as_ref().ok());
    Rows::new()
        .text("name", list.iter().map(|e| Some(&e.name)))
        .int("version", list.iter().map(|e| Some(e.version as i64)))
        .boolean("is_default", list.iter().map(|e| Some(e.is_default)))
        .text("model_type", known().map(|m| m.map(|m| &m.model_type)))
        .text("tasks", known().map(|m| m.map(|m| m.tasks.join(", "))))
        .int("rows", known().map(|m| m.map(|m| m.rows as i64)))
        .text("created", known().map(|m| m.map(|m| &m.created)))
        .plan("models")
}

/// `ml_model_types()`: what SHOW MODEL TYPES becomes.
///
/// # Errors
/// `Plan` for an argument: it takes none.
pub fn model_types(
    call: &Call,
    _: &Environment,
    _: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(0, &[])?;
    let predictors = model::ALL.iter();
    let mut all: Vec<_> = predictors
        .map(|a| {
            let kind = match a.needs.contains(&model::Need::Images) {
                true => "image predictor",
                false => "predictor",
            };
            (a.name, kind, a.summary, a.paper)
        })
        .collect();
    all.extend(
        gan::ALL
            .iter()
            .map(|d| (d.name, "generator", d.summary, d.paper)),
    );
    Rows::new()
        .text("model_type", all.iter().map(|t| Some(t.0)))
        .text("kind", all.iter().map(|t| Some(t.1)))
        .text("summary", all.iter().map(|t| Some(t.2)))
        .text("paper", all.iter().map(|t| Some(t.3)))
        .plan("model_types")
}

/// `ml_options()`: what CREATE MODEL can be told, with the defaults.
///
/// # Errors
/// `Plan` for an argument: it takes none.
pub fn options(
    call: &Call,
    _: &Environment,
    _: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(0, &[])?;
    let all = options::ALL;
    Rows::new()
        .text("option", all.iter().map(|o| Some(o.name)))
        .text(
            "default",
            all.iter()
                .map(|o| o.default().as_ref().map(options::to_sql)),
        )
        .text("summary", all.iter().map(|o| Some(o.summary)))
        .plan("options")
}

/// `ml_describe('m')`: what DESCRIBE MODEL becomes.
///
/// # Errors
/// As [`Environment::model`].
pub fn describe(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = model(call, environment, context)?;
    let manifest = model.manifest();
    let version = model.name().version.unwrap_or_default();
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
        ("version".into(), version.to_string()),
        ("model_type".into(), manifest.model_type.clone()),
        ("summary".into(), summary.into()),
        ("paper".into(), paper.into()),
        ("tasks".into(), manifest.tasks.join(", ")),
        (columns.into(), features.join(", ")),
        ("rows".into(), manifest.rows.to_string()),
        ("best_epoch".into(), manifest.best_epoch.to_string()),
        ("precision".into(), manifest.precision.clone()),
        ("created".into(), manifest.created.clone()),
        ("folder".into(), model.folder().display().to_string()),
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

/// `ml_show_create('m')`: what SHOW CREATE MODEL becomes; a statement that makes the model again.
///
/// # Errors
/// As [`Environment::model`].
pub fn show_create(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = model(call, environment, context)?;
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

/// SQL's LIKE, without an escape character.
pub fn like(pattern: &str, text: &str) -> bool {
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|n| matches(rest, &text[n..])),
            Some((&one, rest)) => text
                .split_first()
                .is_some_and(|(&c, tail)| (one == '_' || one == c) && matches(rest, tail)),
        }
    }
    let chars = |s: &str| s.chars().collect::<Vec<_>>();
    matches(&chars(pattern), &chars(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_percent_and_underscore() {
        for (pattern, text, expected) in [
            ("ran%", "ranker", true),
            ("ran%", "other", false),
            ("%k_r", "ranker", true),
            ("ranker", "ranker", true),
            ("rank", "ranker", false),
            ("%", "", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
