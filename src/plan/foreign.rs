//! Nodes of others in a query that has nodes of ours: the planner that the session had before plans each
//! of them, over inputs that it finds planned already.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, TableScan, UserDefinedLogicalNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

/// Plans what ours can't.
#[derive(Debug)]
pub struct ForeignNodes {
    /// The session's planner before ours.
    pub before: Arc<dyn QueryPlanner + Send + Sync>,
}

#[async_trait]
impl ExtensionPlanner for ForeignNodes {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let inputs = logical_inputs.iter().zip(physical_inputs);
        let inputs = inputs.map(|(logical, physical)| scan(logical, physical));
        let node = node.with_exprs_and_inputs(node.expressions(), inputs.collect())?;
        let plan = LogicalPlan::Extension(Extension { node });
        let planned = self.before.create_physical_plan(&plan, session).await?;
        // The rules of the whole query will see the inputs, and those of this piece need not.
        let whole = planned.transform_down(|plan| match plan.downcast_ref::<Planned>() {
            Some(input) => Ok(Transformed::new(
                Arc::clone(&input.plan),
                true,
                TreeNodeRecursion::Jump,
            )),
            None => Ok(Transformed::no(plan)),
        });
        whole.data().map(Some)
    }

    async fn plan_table_scan(
        &self,
        _: &dyn PhysicalPlanner,
        scan: &TableScan,
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let plan = LogicalPlan::TableScan(scan.clone());
        let planned = self.before.create_physical_plan(&plan, session);
        planned.await.map(Some)
    }
}

/// A logical plan with the columns of `logical` that is planned as `physical`.
fn scan(logical: &LogicalPlan, physical: &Arc<dyn ExecutionPlan>) -> LogicalPlan {
    let planned = Planned {
        plan: Arc::clone(physical),
    };
    LogicalPlan::TableScan(TableScan {
        table_name: "planned".into(),
        source: provider_as_source(Arc::new(planned)),
        projection: None,
        projected_schema: Arc::clone(logical.schema()),
        filters: Vec::new(),
        fetch: None,
        statistics_requests: BTreeSet::new(),
    })
}

/// A plan as a table, and as a leaf of a physical plan that stands for it.
#[derive(Clone, Debug)]
struct Planned {
    plan: Arc<dyn ExecutionPlan>,
}

#[async_trait]
impl TableProvider for Planned {
    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = Arc::new(self.clone());
        let Some(columns) = projection else {
            return Ok(all);
        };
        let schema = self.plan.schema();
        let columns = columns.iter().map(|&at| {
            let name = schema.field(at).name();
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, at));
            (column, name.clone())
        });
        let columns: Vec<_> = columns.collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, all)?))
    }
}

impl DisplayAs for Planned {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Planned")
    }
}

impl ExecutionPlan for Planned {
    fn name(&self) -> &str {
        "Planned"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    /// Rules of the whole query have not seen what it stands for, so it must not run.
    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Err(DataFusionError::NotImplemented(
            "the session's query planner hides the inputs of its nodes, which have nodes of sqltorch below \
             them: write the result of these to a table first"
                .into(),
        ))
    }
}
