//! `ml_export('m', location => 'folder')`: what EXPORT MODEL becomes.

use std::path::{Path, PathBuf};

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::change;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::relation::call::Call;
use crate::store::{ModelName, Store};

/// Plans a call of ml_export.
///
/// # Errors
/// `Plan` when there is no location.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(1, &["location"])?;
    let location = call
        .text("location")?
        .ok_or_else(|| Error::plan("EXPORT MODEL needs a folder: OPTIONS (location = 'folder')"))?;
    let location = PathBuf::from(location);
    let model = ModelName::parse(&call.model()?)?;
    let store = environment.store(context.context_provider().options());
    let about = format!("model={model}, location={}", location.display());
    change::plan("ExportModel", about, move || {
        export(&store, &model, &location)
    })
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
    for file in model.files() {
        let to = folder.join(file);
        std::fs::copy(model.local(file)?, &to).map_err(|e| fail(&to, e))?;
    }
    std::fs::rename(&folder, location).map_err(|e| fail(location, e))
}
