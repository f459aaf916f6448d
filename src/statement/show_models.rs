//! `ml_models(like => 'ran%')`: what SHOW MODELS becomes. A damaged model has NULL where its manifest
//! would say more.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use crate::environment::Environment;
use crate::error::Result;
use crate::plan::rows::Rows;
use crate::relation::call::Call;

/// Plans a call of ml_models.
///
/// # Errors
/// `Plan` for an argument that it does not take.
pub fn plan(
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
