//! The physical rule that moves filters finds columns by name alone. Where a node has two columns of one
//! name, as above `a RIGHT JOIN b` with an `id` on both sides, `WHERE b.id IS NULL` arrives at the other
//! table, and rows are lost. So that rule sees only parts of a plan in which names are unique.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::{PhysicalOptimizerContext, PhysicalOptimizerRule};
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

type Plan = Arc<dyn ExecutionPlan>;
type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules of DataFusion that are meant, by name.
const RULES: &[&str] = &["FilterPushdown", "FilterPushdown(Post)"];

/// The rules of a session, with those that find columns by name kept to unique names.
pub fn with_unique_names(rules: &[Rule]) -> Vec<Rule> {
    let corrected = |rule: &Rule| match RULES.contains(&rule.name()) {
        true => Arc::new(WhereNamesAreUnique(rule.clone())) as Rule,
        false => rule.clone(),
    };
    rules.iter().map(corrected).collect()
}

/// A rule that is applied to the largest parts of a plan whose nodes have columns of unique names.
#[derive(Debug)]
struct WhereNamesAreUnique(Rule);

impl PhysicalOptimizerRule for WhereNamesAreUnique {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        apply(plan, &|part| self.0.optimize(part, config))
    }

    fn optimize_with_context(
        &self,
        plan: Plan,
        context: &dyn PhysicalOptimizerContext,
    ) -> Result<Plan> {
        apply(plan, &|part| self.0.optimize_with_context(part, context))
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn apply(plan: Plan, rule: &dyn Fn(Plan) -> Result<Plan>) -> Result<Plan> {
    match below(plan, rule)? {
        (plan, true) => rule(plan),
        (plan, false) => Ok(plan),
    }
}

/// Whether the names are unique in all of `plan`; if not, the rule has been applied where they are.
fn below(plan: Plan, rule: &dyn Fn(Plan) -> Result<Plan>) -> Result<(Plan, bool)> {
    let mut unique = has_unique_names(&plan);
    let mut children = Vec::new();
    for child in plan.children() {
        let (child, child_unique) = below(child.clone(), rule)?;
        unique &= child_unique;
        children.push((child, child_unique));
    }
    if unique {
        return Ok((plan, true));
    }
    let children = children
        .into_iter()
        .map(|(child, unique)| if unique { rule(child) } else { Ok(child) })
        .collect::<Result<_>>()?;
    Ok((replace_children_if_necessary(plan, children)?, false))
}

fn has_unique_names(plan: &Plan) -> bool {
    let schema = plan.schema();
    let mut seen = HashSet::new();
    schema
        .fields()
        .iter()
        .all(|field| seen.insert(field.name()))
}

#[cfg(test)]
mod tests {
    use datafusion::execution::SessionStateBuilder;

    use super::*;

    /// A later version that calls them otherwise would go uncorrected.
    #[test]
    fn the_rules_are_there() {
        let state = SessionStateBuilder::new_with_default_features().build();
        let rules = state.physical_optimizers();
        for name in RULES {
            assert!(rules.iter().any(|rule| rule.name() == *name), "{name}");
        }
    }
}
