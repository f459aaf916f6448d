//! `ml_drop`, `ml_alter` and `ml_export`: what DROP, ALTER and EXPORT MODEL become.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use super::call::Call;
use super::environment::Environment;
use super::statement::{Action, StatementNode};
use crate::error::{Error, Result};
use crate::store::{ModelName, Store};

/// A change of the store that returns no rows.
#[derive(Clone, Debug)]
struct Change {
    store: Arc<Store>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Drop { model: ModelName, if_exists: bool },
    Rename { from: String, to: String },
    SetDefault { model: String, version: u64 },
    Export { model: ModelName, location: PathBuf },
}

/// Plans a call of ml_drop.
///
/// # Errors
/// `Plan` for a name that can't be a model's.
pub fn plan_drop(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(1, &["if_exists"])?;
    let kind = Kind::Drop {
        model: ModelName::parse(&call.model()?)?,
        if_exists: call.flag("if_exists")?,
    };
    plan(kind, environment, context)
}

/// Plans a call of ml_alter.
///
/// # Errors
/// `Plan` when it asks for nothing, or for two things.
pub fn plan_alter(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(1, &["rename_to", "default_version"])?;
    let model = ModelName::parse_unversioned(&call.model()?)?.name;
    let kind = match (call.text("rename_to")?, call.value("default_version")?) {
        (Some(to), None) => Kind::Rename {
            from: model,
            to: ModelName::parse_unversioned(&to)?.name,
        },
        (None, Some(version)) => Kind::SetDefault {
            version: version.as_u64().filter(|&v| v > 0).ok_or_else(|| {
                Error::plan(format!(
                    "default_version: expected a whole number from 1, got {version}"
                ))
            })?,
            model,
        },
        _ => {
            return Err(Error::plan(
                "ml_alter needs one of rename_to and default_version",
            ));
        }
    };
    plan(kind, environment, context)
}

/// Plans a call of ml_export.
///
/// # Errors
/// `Plan` when there is no location.
pub fn plan_export(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    const OPTIONS: [&str; 1] = ["location"];
    call.allow(1, &OPTIONS)?;
    let location = call
        .text("location")?
        .ok_or_else(|| Error::plan("EXPORT MODEL needs a folder: OPTIONS (location = 'folder')"))?;
    let kind = Kind::Export {
        model: ModelName::parse(&call.model()?)?,
        location: location.into(),
    };
    plan(kind, environment, context)
}

fn plan(
    kind: Kind,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let store = environment.store(context.context_provider().options());
    Ok(StatementNode::plan(
        Arc::new(Change { store, kind }),
        vec![],
    )?)
}

impl Action for Change {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Drop { .. } => "DropModel",
            Kind::Rename { .. } | Kind::SetDefault { .. } => "AlterModel",
            Kind::Export { .. } => "ExportModel",
        }
    }

    fn describe(&self) -> String {
        match &self.kind {
            Kind::Drop { model, if_exists } => format!("model={model}, if_exists={if_exists}"),
            Kind::Rename { from, to } => format!("model={from}, rename_to={to}"),
            Kind::SetDefault { model, version } => {
                format!("model={model}, default_version={version}")
            }
            Kind::Export { model, location } => {
                format!("model={model}, location={}", location.display())
            }
        }
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn run(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = self.schema();
        let work = async move {
            SpawnedTask::spawn_blocking(move || self.apply())
                .await
                .map_err(|e| DataFusionError::External(Box::new(e)))??;
            Ok::<_, DataFusionError>(stream::empty())
        };
        let stream = futures::TryStreamExt::try_flatten(stream::once(work));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

impl Change {
    fn apply(&self) -> Result<()> {
        match &self.kind {
            Kind::Drop { model, if_exists } => match self.store.remove(model) {
                Err(Error::Plan(_)) if *if_exists => Ok(()),
                result => result,
            },
            Kind::Rename { from, to } => self.store.rename(from, to),
            Kind::SetDefault { model, version } => self.store.set_default(model, *version),
            Kind::Export { model, location } => export(&self.store, model, location),
        }
    }
}

/// Copies a version's files into a new folder; refuses one that is there.
fn export(store: &Store, model: &ModelName, location: &Path) -> Result<()> {
    let fail = |path: &Path, e| Error::io(format!("can't write {}", path.display()), e);
    let model = store.open(model)?;
    model.verify()?;
    if location.exists() {
        return Err(Error::plan(format!(
            "{} exists; EXPORT MODEL does not overwrite",
            location.display()
        )));
    }
    let parent = match location.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(|e| fail(parent, e))?;
    let unfinished = tempfile::Builder::new()
        .prefix(".export-")
        .tempdir_in(parent)
        .map_err(|e| fail(parent, e))?;
    let folder = unfinished.path().join("model");
    std::fs::create_dir(&folder).map_err(|e| fail(&folder, e))?;
    let files = std::fs::read_dir(model.folder()).map_err(|e| fail(model.folder(), e))?;
    for file in files.flatten() {
        let to = folder.join(file.file_name());
        std::fs::copy(file.path(), &to).map_err(|e| fail(&to, e))?;
    }
    std::fs::rename(&folder, location).map_err(|e| fail(location, e))
}
