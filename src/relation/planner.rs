//! Where DataFusion's planner of FROM meets our calls.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::sql::sqlparser::ast::TableFactor;

use super::Relation;
use super::call::{Call, Parsed};
use crate::environment::Environment;

/// Plans calls of our relations in FROM.
#[derive(Debug)]
pub struct Relations {
    find: fn(&str) -> Option<&'static Relation>,
    environment: Arc<Environment>,
}

impl Relations {
    /// A planner of the calls whose lower-case names `find` knows; models are found in `environment`.
    pub fn new(find: fn(&str) -> Option<&'static Relation>, environment: Arc<Environment>) -> Self {
        Self { find, environment }
    }
}

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let known = |name: &str| (self.find)(name).map(|r| r.name);
        let (call, alias) = match Call::parse(relation, known)? {
            Parsed::Ours(found) => *found,
            Parsed::Other(original) => return Ok(RelationPlanning::Original(original)),
        };
        let relation = (self.find)(&call.name)
            .ok_or_else(|| crate::Error::internal(format!("relation {} vanished", call.name)))?;
        let plan = (relation.plan)(&call, &self.environment, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}
