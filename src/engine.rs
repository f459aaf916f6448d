//! The one place that wires things: a session of DataFusion, the store of models, our dialect,
//! relations and functions. Program, tests and embedders all go through it.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::dialect::dialect_from_str;

use crate::device::Choice;
use crate::environment::{Environment, Runtime, Settings};
use crate::error::{Error, Result};
use crate::locations::Locations;
use crate::plan::{
    IntervalPlanner, LiftPredict, PruneTasks, RefreshModels, WithExtensions, sample, upstream,
};
use crate::relation::Relations;
use crate::store::Stores;
use crate::train::Progress;
use crate::{dialect, function, plan, statement};

/// A session: DataFusion with models. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Engine {
    context: SessionContext,
    environment: Arc<Environment>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("session", &self.context.session_id())
            .finish_non_exhaustive()
    }
}

/// What an engine is made with.
#[derive(Default)]
pub struct EngineBuilder {
    model_dir: Option<PathBuf>,
    memory_limit: Option<usize>,
    device: Option<String>,
    threads: Option<usize>,
    progress: Option<Arc<dyn Progress>>,
}

impl EngineBuilder {
    /// The folder of trained models; `models` when not given.
    pub fn model_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.model_dir = Some(folder.into());
        self
    }

    /// Bytes that queries and trainings may take together; no limit when not given.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Where networks are trained and applied: `auto`, `cpu`, `cuda` or `cuda:N`.
    pub fn device(mut self, device: &str) -> Self {
        self.device = Some(device.to_string());
        self
    }

    /// Threads of queries and trainings; all cores when not given.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Who hears of running trainings.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Makes the engine.
    ///
    /// # Errors
    /// `Plan` for a device that there can't be.
    pub fn build(self) -> Result<Engine> {
        let mut settings = Settings::default();
        if let Some(folder) = self.model_dir {
            settings.model_dir = folder
                .into_os_string()
                .into_string()
                .map_err(|f| Error::plan(format!("the model folder {f:?} is not UTF-8")))?;
        }
        if let Some(device) = self.device {
            device.parse::<Choice>()?;
            settings.device = device;
        }
        let mut config = SessionConfig::new().with_information_schema(true);
        if let Some(threads) = self.threads {
            settings.threads = threads;
            config = config.with_target_partitions(threads.max(1));
        }
        config.options_mut().extensions.insert(settings);
        let mut runtime =
            RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(Locations::default()));
        if let Some(bytes) = self.memory_limit {
            let top = NonZeroUsize::MIN.saturating_add(4);
            let pool = TrackConsumersPool::new(GreedyMemoryPool::new(bytes), top);
            runtime = runtime.with_memory_pool(Arc::new(pool));
        }
        let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
        let context = context.enable_url_table();
        let environment = register(&context, self.progress)?;
        Ok(Engine {
            context,
            environment,
        })
    }
}

impl Engine {
    /// What an engine is made with.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// DataFusion's session.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Plans one statement of the full dialect. What it does is done when the result is run; only
    /// DataFusion's own DDL (CREATE EXTERNAL TABLE, SET ...) is done at once.
    ///
    /// # Errors
    /// As the statement is parsed and planned.
    pub async fn sql(&self, sql: &str) -> datafusion::error::Result<DataFrame> {
        let state = self.context.state();
        let statement = parse_one(sql, &state)?;
        let plan = state.statement_to_plan(statement).await?;
        self.context.execute_logical_plan(plan).await
    }

    /// The names of all models, sorted.
    pub fn model_names(&self) -> Vec<String> {
        let state = self.context.state();
        self.environment.store(state.config_options()).names()
    }

    /// The names of what FROM can call.
    pub fn relation_names(&self) -> impl Iterator<Item = &'static str> {
        statement::calls().map(|relation| relation.name)
    }
}

/// Parses `sql`, which must be one statement.
fn parse_one(sql: &str, state: &SessionState) -> datafusion::error::Result<Statement> {
    let parser = &state.config_options().sql_parser;
    let dialect = dialect_from_str(parser.dialect).ok_or_else(|| {
        DataFusionError::Plan(format!("unknown SQL dialect {:?}", parser.dialect))
    })?;
    let mut statements = dialect::parse(sql, dialect.as_ref(), parser.recursion_limit.get())?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        _ => Err(DataFusionError::Plan(
            "expected exactly one statement; split_statements tells them apart".into(),
        )),
    }
}

/// Teaches a session of your own everything that an [`Engine`] knows, but for the statements' own
/// syntax: `CREATE MODEL` is `SELECT * FROM ml_train(...)` there. The session keeps its id, tables,
/// functions and planners. A second call changes nothing.
///
/// # Errors
/// As DataFusion refuses a registration.
pub fn register_all(context: &SessionContext) -> Result<()> {
    register(context, None).map(drop)
}

fn register(
    context: &SessionContext,
    progress: Option<Arc<dyn Progress>>,
) -> Result<Arc<Environment>> {
    let state = context.state_ref();
    let session = context.state_weak_ref();
    let session = move || {
        let state = session.upgrade()?;
        let state = state.read().clone();
        Some(state)
    };
    let runtime = Arc::new(Runtime {
        stores: Stores::default(),
        progress,
    });
    let environment = Arc::new(Environment::new(runtime.clone(), session));
    let known = state
        .read()
        .scalar_functions()
        .contains_key(plan::predict::SCALAR);
    if known {
        return Ok(environment);
    }
    for function in function::scalars(&environment) {
        context.register_udf(function.as_ref().clone());
    }
    for function in function::aggregates() {
        context.register_udaf(function);
    }
    context.register_relation_planner(Arc::new(Relations::new(
        statement::find,
        environment.clone(),
    )))?;
    context.register_relation_planner(Arc::new(sample::SamplePlanner))?;
    context.register_relation_planner(Arc::new(upstream::ForgetInFrom))?;
    context.add_analyzer_rule(Arc::new(upstream::RefreshOuterReferences));
    context.add_analyzer_rule(Arc::new(upstream::RunningExtremes));
    context.add_analyzer_rule(Arc::new(LiftPredict::new(environment.clone())));
    context.add_analyzer_rule(Arc::new(RefreshModels::new(environment.clone())));
    context.add_optimizer_rule(Arc::new(PruneTasks));
    let mut state = state.write();
    state.config_mut().set_extension(runtime);
    if state
        .config_options()
        .extensions
        .get::<Settings>()
        .is_none()
    {
        let options = state.config_mut().options_mut();
        options.extensions.insert(Settings::default());
    }
    upstream::set_defaults(state.config_mut().options_mut())?;
    // A session has no setter for its query planner: the state is rebuilt around a new one.
    let planner = WithExtensions::new(state.query_planner().clone());
    let rules = upstream::with_corrections(state.optimizers());
    let physical_rules = upstream::with_physical_corrections(state.physical_optimizers());
    let mut expr_planners: Vec<Arc<dyn ExprPlanner>> = vec![
        Arc::new(IntervalPlanner),
        Arc::new(upstream::DistinctFrom),
        Arc::new(upstream::DistinctLists),
    ];
    expr_planners.extend(state.expr_planners().iter().cloned());
    let id = state.session_id().to_string();
    *state = SessionStateBuilder::new_from_existing(state.clone())
        .with_session_id(id)
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(physical_rules)
        .with_expr_planners(expr_planners)
        .with_query_planner(Arc::new(planner))
        .build();
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dialect rewrites arguments only inside of calls that it knows by name.
    #[test]
    fn the_dialect_knows_every_relation() {
        for relation in statement::calls() {
            let name = relation.name;
            let known = name.starts_with("ml_") || dialect::RELATIONS.contains(&name);
            assert!(known, "{name}");
        }
    }

    /// What SHOW FUNCTIONS shows as an example is planned; at most its model is missing.
    #[tokio::test]
    async fn the_examples_of_relations_parse() {
        let models = tempfile::tempdir().unwrap();
        let engine = Engine::builder().model_dir(models.path()).build().unwrap();
        let logs = "CREATE TABLE logs AS SELECT 1 AS user_id, 0 AS click, 0 AS buy";
        engine.sql(logs).await.unwrap().collect().await.unwrap();
        for relation in statement::calls() {
            let result = engine.sql(relation.example).await;
            if let Err(e) = result {
                let text = e.to_string();
                assert!(text.contains("unknown model"), "{}: {text}", relation.name);
            }
        }
    }
}
