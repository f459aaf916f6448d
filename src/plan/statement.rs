//! Statements as plan nodes: what they do is done when their result is run, so that EXPLAIN only
//! plans them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties,
};

/// What a statement does.
pub trait Action: Send + Sync + fmt::Debug {
    /// The statement's name in a plan.
    fn name(&self) -> &'static str;

    /// The rest of its line in a plan.
    fn describe(&self) -> String;

    /// The columns of its result; none for a statement that returns nothing.
    fn schema(&self) -> SchemaRef;

    /// The order in which it reads its queries, as columns, for one that reads them row by row; none where
    /// any order of any number of partitions will do.
    fn input_order(&self) -> Vec<(usize, SortOptions)> {
        Vec::new()
    }

    /// Does it. `inputs` are the statement's queries; dropping the stream cancels.
    ///
    /// # Errors
    /// What goes wrong before the first row.
    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream>;
}

/// The logical node of a statement.
#[derive(Clone, Debug)]
pub struct StatementNode {
    action: Arc<dyn Action>,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
}

impl StatementNode {
    /// A plan that does `action` over `inputs`.
    ///
    /// # Errors
    /// `Plan` when two columns of the result share a name.
    pub fn plan(action: Arc<dyn Action>, inputs: Vec<LogicalPlan>) -> Result<LogicalPlan> {
        let schema = Arc::new(DFSchema::try_from(action.schema())?);
        Ok(LogicalPlan::Extension(Extension {
            node: Arc::new(Self {
                action,
                inputs,
                schema,
            }),
        }))
    }

    /// The physical node over the physical `inputs`.
    pub fn exec(&self, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Arc<dyn ExecutionPlan> {
        Arc::new(StatementExec::new(self.action.clone(), inputs))
    }

    /// What tells one statement from another.
    fn identity(&self) -> (&'static str, String) {
        (self.action.name(), self.action.describe())
    }
}

impl PartialEq for StatementNode {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity() && self.inputs == other.inputs
    }
}

impl Eq for StatementNode {}

impl Hash for StatementNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
        self.inputs.hash(state);
    }
}

impl PartialOrd for StatementNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.identity().partial_cmp(&other.identity())
    }
}

impl UserDefinedLogicalNodeCore for StatementNode {
    fn name(&self) -> &str {
        self.action.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.action.name(), self.action.describe())
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self {
            inputs,
            ..self.clone()
        })
    }
}

/// The physical node of a statement: one partition, run once.
#[derive(Debug)]
struct StatementExec {
    action: Arc<dyn Action>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

impl StatementExec {
    fn new(action: Arc<dyn Action>, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(action.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            action,
            inputs,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for StatementExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match t {
            DisplayFormatType::TreeRender => f.write_str(&self.action.describe()),
            _ => write!(f, "{}Exec: {}", self.action.name(), self.action.describe()),
        }
    }
}

impl ExecutionPlan for StatementExec {
    fn name(&self) -> &str {
        self.action.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let one = match self.action.input_order().is_empty() {
            true => Distribution::UnspecifiedDistribution,
            false => Distribution::SinglePartition,
        };
        vec![one; self.inputs.len()]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = self.action.input_order();
        let inputs = self.inputs.iter().map(|input| {
            let schema = input.schema();
            let order = order.iter().map(|&(column, options)| {
                let column = Column::new(schema.field(column).name(), column);
                PhysicalSortExpr::new(Arc::new(column), options)
            });
            LexOrdering::new(order).map(OrderingRequirements::from)
        });
        inputs.collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(self.action.clone(), inputs)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return Err(DataFusionError::Internal(format!(
                "{} has one partition, asked for {partition}",
                self.action.name()
            )));
        }
        self.action.clone().run(self.inputs.clone(), context)
    }
}

/// The one input of the node of `statement`.
///
/// # Errors
/// `Internal` when it is not there.
pub fn only(
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    statement: &str,
) -> Result<Arc<dyn ExecutionPlan>> {
    inputs.into_iter().next().ok_or_else(|| {
        DataFusionError::Internal(format!("{statement} lost the query that it reads"))
    })
}
