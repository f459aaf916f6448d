//! Queries that DataFusion 55.2 answers wrongly or not at all, and how we go round it. Each file names
//! the fault, so that it can go when a later version has mended it; `tests/it/differential` tells.
//!
//! - [`constraints`]: sorts are left out where a column is taken for a key.
//! - [`dependencies`]: group and sort keys are dropped through functional dependencies.
//! - [`distinct_lists`]: an element of a list of distinct values is one of all values.
//! - [`filter_pushdown`]: filters find the wrong one of two columns of a name.
//! - [`distinct_from`]: IS DISTINCT FROM takes in the rest of a condition.
//! - [`in_lists`]: lists of IN become TRUE or FALSE where NULL is right.
//! - [`running_extremes`]: sorts are left out above a running maximum.
//! - [`distinct`]: the same, where DISTINCT is taken for superfluous.
//! - [`outer_references`]: a correlated subquery keeps the type that a column of UNION had before its
//!   branches were given one type.
//! - [`volatile`]: random() as a key or a condition is drawn again elsewhere, and conditions without a column are
//!   moved to where they mean something else.
//! - [`set_defaults`]: filters made at run time that prune the wrong table, a check that refuses right
//!   plans, and fields of a volatile struct that are drawn again.

mod as_is;
mod constraints;
mod dependencies;
mod distinct;
mod distinct_from;
mod distinct_lists;
mod filter_pushdown;
mod in_lists;
mod outer_references;
mod running_extremes;
mod volatile;

pub use dependencies::ForgetInFrom;
pub use distinct_from::{DistinctFrom, expression_parser, join_distinct_from};
pub use distinct_lists::DistinctLists;
pub use outer_references::RefreshOuterReferences;
pub use running_extremes::RunningExtremes;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::optimizer::OptimizerRule;
use datafusion::physical_optimizer::PhysicalOptimizerRule;

use constraints::ForgetConstraints;
use dependencies::ForgetDependencies;
use distinct::DistinctToAggregate;
use in_lists::KeepListsApart;
use volatile::VolatileInPlace;

/// Settings whose defaults lead to wrong answers or internal errors, and what they are set to. A SET of
/// the user's own wins.
const SETTINGS: &[(&str, &str)] = &[
    // The filters that joins, ORDER BY ... LIMIT and aggregates send to scans while they run are resolved
    // by a column's name alone, so that they prune any table that has a column of that name.
    (
        "datafusion.optimizer.enable_dynamic_filter_pushdown",
        "false",
    ),
    // A plan whose physical columns may be NULL where the logical ones may not is refused below an
    // aggregate, though both are right: coalesce knows more before it becomes CASE than after.
    (
        "datafusion.execution.skip_physical_aggregate_schema_check",
        "true",
    ),
    // Fields of a struct are computed below, and so drawn again where the struct is volatile.
    (
        "datafusion.optimizer.enable_leaf_expression_pushdown",
        "false",
    ),
];

/// Sets [`SETTINGS`].
///
/// # Errors
/// As DataFusion refuses a setting that it does not know.
pub fn set_defaults(options: &mut ConfigOptions) -> Result<()> {
    for (name, value) in SETTINGS {
        options.set(name, value)?;
    }
    Ok(())
}

/// Rules of DataFusion that read functional dependencies, by name.
const READERS: &[&str] = &[
    "eliminate_join",
    "eliminate_duplicated_expr",
    "single_distinct_aggregation_to_group_by",
    "optimize_projections",
];

/// The rule of DataFusion that drops a DISTINCT, by name.
const DISTINCT: &str = "replace_distinct_aggregate";

/// The rule of DataFusion that merges lists, by name.
const LISTS: &str = "simplify_expressions";

/// The rule of DataFusion that moves filters, by name.
const FILTERS: &str = "push_down_filter";

type Rule = Arc<dyn OptimizerRule + Send + Sync>;
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules of a session, with ours before those that need them.
pub fn with_corrections(rules: &[Rule]) -> Vec<Rule> {
    let mut all = Vec::with_capacity(2 * rules.len());
    for rule in rules {
        let before: Option<Rule> = match rule.name() {
            DISTINCT => Some(Arc::new(DistinctToAggregate)),
            LISTS => Some(Arc::new(KeepListsApart)),
            FILTERS => Some(Arc::new(VolatileInPlace)),
            name if READERS.contains(&name) => Some(Arc::new(ForgetDependencies)),
            _ => None,
        };
        all.extend(before);
        all.push(rule.clone());
    }
    all
}

/// The physical rules of a session, with ours before them and in place of some.
pub fn with_physical_corrections(rules: &[PhysicalRule]) -> Vec<PhysicalRule> {
    let mut all = vec![Arc::new(ForgetConstraints) as PhysicalRule];
    all.extend(filter_pushdown::with_unique_names(rules));
    all
}

#[cfg(test)]
mod tests {
    use datafusion::optimizer::Optimizer;

    use super::*;

    /// A later version that calls them otherwise would go uncorrected.
    #[test]
    fn every_rule_that_is_corrected_is_there() {
        let rules = Optimizer::new().rules;
        let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
        let corrected = READERS.iter().chain([&DISTINCT, &LISTS, &FILTERS]);
        for name in corrected.clone() {
            assert!(names.contains(name), "{name} is not among {names:?}");
        }
        let all = with_corrections(&rules);
        assert_eq!(all.len(), rules.len() + corrected.count());
    }

    #[test]
    fn every_setting_is_known() {
        let mut options = ConfigOptions::new();
        set_defaults(&mut options).unwrap();
        let optimizer = &options.optimizer;
        assert!(!optimizer.enable_dynamic_filter_pushdown);
        assert!(!optimizer.enable_join_dynamic_filter_pushdown);
        assert!(!optimizer.enable_topk_dynamic_filter_pushdown);
        assert!(!optimizer.enable_aggregate_dynamic_filter_pushdown);
        assert!(options.execution.skip_physical_aggregate_schema_check);
        assert!(!optimizer.enable_leaf_expression_pushdown);
    }
}
