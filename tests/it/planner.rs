//! A session that knows nodes of its own keeps them beside ours.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::DFSchemaRef;
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, col, lit};

/// A filter that only the session's own planner can plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd)]
struct Only {
    input: LogicalPlan,
    condition: Expr,
}

impl Only {
    fn over(input: LogicalPlan, condition: Expr) -> LogicalPlan {
        let node = Arc::new(Self { input, condition });
        LogicalPlan::Extension(Extension { node })
    }
}

impl UserDefinedLogicalNodeCore for Only {
    fn name(&self) -> &str {
        "Only"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.condition.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Only: {}", self.condition)
    }

    fn with_exprs_and_inputs(
        &self,
        mut exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        Ok(Self {
            input: inputs.remove(0),
            condition: exprs.remove(0),
        })
    }
}

/// The planner of a session that knows [`Only`].
#[derive(Debug)]
struct OwnPlanner;

#[async_trait]
impl QueryPlanner for OwnPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(OwnNodes)])
            .create_physical_plan(plan, session)
            .await
    }
}

struct OwnNodes;

#[async_trait]
impl ExtensionPlanner for OwnNodes {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical: &[&LogicalPlan],
        physical: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        planning: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(only) = node.as_any().downcast_ref::<Only>() else {
            return Ok(None);
        };
        let schema = logical[0].schema();
        let condition = planner.create_physical_expr(&only.condition, schema, session, planning)?;
        let filter = FilterExec::try_new(condition, physical[0].clone())?;
        Ok(Some(Arc::new(filter)))
    }
}

async fn run(context: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    let frame = context.sql(sql).await.unwrap();
    frame.collect().await.unwrap()
}

/// A session of its own planner with a model and a view of [`Only`] over the table of logs.
async fn session(models: &std::path::Path) -> SessionContext {
    let state = SessionStateBuilder::new()
        .with_config(SessionConfig::new().with_target_partitions(4))
        .with_default_features()
        .with_query_planner(Arc::new(OwnPlanner))
        .build();
    let context = SessionContext::new_with_state(state);
    sqltorch::register_all(&context).unwrap();
    let set = format!("SET sqltorch.model_dir = '{}'", models.display());
    for sql in [
        &set[..],
        "SET sqltorch.device = 'cpu'",
        "CREATE TABLE logs AS SELECT i AS row, i % 40 AS user_id, CASE WHEN i % 40 < 15 THEN 1 ELSE 0 END AS click \
         FROM generate_series(1, 1000) AS t(i)",
        "SELECT * FROM ml_train('m', (SELECT * FROM logs), input_label_cols => ['click'], exclude_cols => ['row'], \
         epochs => 1, batch_size => 256)",
    ] {
        run(&context, sql).await;
    }
    let logs = plan(&context, "SELECT * FROM logs").await;
    let few = Only::over(logs, col("logs.row").lt_eq(lit(100_i64)));
    let view = ViewTable::new(few, None);
    context.register_table("few", Arc::new(view)).unwrap();
    context
}

async fn plan(context: &SessionContext, sql: &str) -> LogicalPlan {
    let frame = context.sql(sql).await.unwrap();
    frame.logical_plan().clone()
}

async fn users(context: &SessionContext, plan: LogicalPlan) -> Vec<i64> {
    let frame = DataFrame::new(context.state(), plan);
    let batches = frame.collect().await.unwrap();
    let users = batches.iter().map(|b| b.column(0));
    let mut users: Vec<_> = users
        .flat_map(|column| column.as_primitive::<Int64Type>().values().to_vec())
        .collect();
    users.sort_unstable();
    users
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_own_nodes_stand_above_and_below_predictions() {
    let models = tempfile::tempdir().unwrap();
    let context = session(models.path()).await;
    // Below one.
    let sql = "SELECT row FROM PREDICT('m', (SELECT * FROM few)) WHERE p_click > 0";
    let below = plan(&context, sql).await;
    assert_eq!(
        users(&context, below).await,
        (1..=100).collect::<Vec<i64>>()
    );
    // Above one, over columns of several tables and an aggregate that needs its rows brought together.
    let sql = "SELECT a.user_id, count(*) AS n, avg(a.p_click) AS p FROM PREDICT('m', (SELECT * FROM logs)) a \
               JOIN logs b ON a.row = b.row GROUP BY a.user_id";
    let grouped = plan(&context, sql).await;
    let condition = col("a.user_id").lt(lit(3_i64)).and(col("p").gt(lit(0.0)));
    let above = Only::over(grouped.clone(), condition.clone());
    assert_eq!(users(&context, above).await, [0, 1, 2]);
    // On both sides of one.
    let sql = "SELECT a.user_id, avg(a.p_click) AS p FROM PREDICT('m', (SELECT * FROM few WHERE user_id > 0)) a \
               GROUP BY a.user_id";
    let both = Only::over(plan(&context, sql).await, condition);
    assert_eq!(users(&context, both).await, [1, 2]);
    // Without one.
    let alone = Only::over(plan(&context, "SELECT row FROM few").await, lit(true));
    assert_eq!(users(&context, alone).await.len(), 100);
}
