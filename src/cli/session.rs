//! One engine and how its results are shown: what scripts and the shell have in common.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::utils::quote_identifier;
use futures::StreamExt;
use sqltorch::Engine;

use super::args::{Args, EngineArgs};
use super::describe;
use super::failure::{Failure, Outcome};
use super::output::{Format, Style, stdout};
use super::progress::TrainingBar;

/// Rows that a table shows in the shell.
const SHELL_ROWS: usize = 40;

/// An open engine; a clone shares everything.
#[derive(Clone)]
pub struct Session {
    engine: Engine,
    bar: Arc<TrainingBar>,
    format: Format,
    max_rows: Option<usize>,
    /// Whether a table needs a blank line to stand apart from the one before.
    apart: Arc<AtomicBool>,
}

impl Session {
    /// Opens an engine as the command line says.
    pub fn open(args: &Args, interactive: bool) -> Outcome<Self> {
        let bar = Arc::new(TrainingBar::new(args.engine.quiet));
        let max_rows = match args.max_rows {
            Some(0) => None,
            Some(rows) => Some(rows),
            None => interactive.then_some(SHELL_ROWS),
        };
        Ok(Self {
            engine: engine(&args.engine, Some(bar.clone()))?,
            bar,
            format: args.format,
            max_rows,
            apart: Arc::default(),
        })
    }

    /// The engine itself.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes the progress of a job off the screen that may not have heard yet that it was cancelled, and
    /// says what is left of it.
    pub fn end_progress<T>(&self, outcome: &Outcome<T>) {
        self.bar.close();
        if let (Err(Failure::Signal(_)), Some(epoch)) = (outcome, self.bar.saved()) {
            eprintln!("kept epoch {epoch}: resume = true in its OPTIONS goes on from there");
        }
    }

    /// Runs one statement, prints its result and returns the number of rows, or `None` when the
    /// statement has no columns and so nothing was printed.
    pub async fn show(&self, sql: &str) -> Outcome<Option<u64>> {
        let _bar = self.bar.show();
        let mut rows = self.engine.sql(sql).await?.execute_stream().await?;
        let schema = rows.schema();
        if schema.fields().is_empty() {
            while let Some(batch) = rows.next().await {
                batch?;
            }
            return Ok(None);
        }
        let mut out = stdout();
        // In a shell the prompt stands between them.
        let tables = self.format == Format::Table && self.max_rows.is_none();
        if tables && self.apart.swap(true, Ordering::Relaxed) {
            writeln!(out).map_err(|e| Failure::output(&e))?;
        }
        let mut writer = Style::detect(self.format, self.max_rows).writer(schema);
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            count += batch.num_rows() as u64;
            // Here a job ends that was cancelled in the middle of a long computation.
            tokio::task::yield_now().await;
            self.bar
                .suspend(|| writer.write(&batch, &mut out).and_then(|()| out.flush()))
                .map_err(|e| Failure::output(&e))?;
        }
        tokio::task::yield_now().await;
        self.bar.hide();
        writer
            .finish(&mut out)
            .and_then(|()| out.flush())
            .map_err(|e| Failure::output(&e))?;
        Ok(Some(count))
    }

    /// Prints what there is, or what is known about `name`.
    pub async fn describe(&self, name: &str) -> Outcome {
        if let Some(model) = self.model(name) {
            self.show(&format!("DESCRIBE MODEL {model}")).await?;
            return Ok(());
        }
        let batch = match name {
            "" => describe::relations(&self.engine).await?,
            name => describe::columns(&self.engine, name).await?,
        };
        let mut out = stdout();
        // In a shell the prompt stands between them.
        let tables = self.format == Format::Table && self.max_rows.is_none();
        if tables && self.apart.swap(true, Ordering::Relaxed) {
            writeln!(out).map_err(|e| Failure::output(&e))?;
        }
        let mut writer = Style::detect(self.format, None).writer(batch.schema());
        writer
            .write(&batch, &mut out)
            .and_then(|()| writer.finish(&mut out))
            .and_then(|()| out.flush())
            .map_err(|e| Failure::output(&e))
    }

    /// `name` or `name.N` as SQL writes it, if there is such a model.
    fn model(&self, name: &str) -> Option<String> {
        let known = self.engine.model_names();
        let quoted = |name: &str| {
            let name = name.trim_matches('"').to_string();
            known
                .contains(&name)
                .then(|| quote_identifier(&name).into_owned())
        };
        quoted(name).or_else(|| {
            let (name, version) = name.rsplit_once('.')?;
            version.parse::<u64>().ok()?;
            Some(format!("{}.{version}", quoted(name)?))
        })
    }

    /// Runs one statement for what it does, without printing its result.
    pub async fn run(&self, sql: &str) -> Outcome {
        let _bar = self.bar.show();
        let mut rows = self.engine.sql(sql).await?.execute_stream().await?;
        while let Some(batch) = rows.next().await {
            batch?;
        }
        Ok(())
    }
}

/// An engine as the command line says; `bar` shows its training.
pub fn engine(args: &EngineArgs, bar: Option<Arc<TrainingBar>>) -> Outcome<Engine> {
    let mut builder = Engine::builder()
        .model_dir(args.model_dir.clone())
        .device(&args.device);
    if let Some(limit) = args.memory_limit {
        builder = builder.memory_limit(limit);
    }
    if let Some(threads) = args.threads {
        builder = builder.threads(threads);
    }
    if let Some(bar) = bar {
        builder = builder.progress(bar);
    }
    Ok(builder.build()?)
}
