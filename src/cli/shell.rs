//! The shell: reads statements from a terminal, runs them and says what they took.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::complete::Assistant;
use super::failure::{Failure, Outcome};
use super::init;
use super::interrupt::Workers;
use super::script::Pending;
use super::session::Session;

const PROMPT: &str = "sqltorch> ";

/// Statements of the past that are kept.
const HISTORY: usize = 10_000;

const HELP: &str = "\
A statement ends with `;` and may take several lines.
  \\d            tables, views and models
  \\d NAME       columns of a table, a 'file' or a model
  \\timing       show or hide how long statements take
  \\q            leave (also Ctrl-D)
  \\?            this help
Ctrl-C stops what runs, or clears the line. Tab completes names. Up and Ctrl-R find what was typed before.
Examples:
  SELECT * FROM 'logs/*.parquet' LIMIT 5;
  CREATE MODEL m OPTIONS (model_type = 'mmoe', input_label_cols = ['click']) AS SELECT ...;
  SELECT * FROM PREDICT(MODEL m, TABLE candidates);
  SHOW MODELS;  SHOW MODEL TYPES;  SHOW FUNCTIONS;";

/// Reads and runs until the user leaves. Errors are told and the shell goes on.
pub fn run(workers: &Workers, session: &Session, init: Option<PathBuf>, quiet: bool) -> Outcome {
    let failed = |error: ReadlineError| Failure::Error(format!("can't use the terminal: {error}"));
    if let Some(file) = init {
        let session = session.clone();
        let outcome = workers.run_in_shell(async move { init::run(&session, &file).await });
        tell(outcome)?;
    }
    if !quiet {
        let version = env!("CARGO_PKG_VERSION");
        eprintln!("sqltorch {version}. Statements end with `;`, \\? shows help, \\q leaves.");
    }
    let config = Config::builder()
        .max_history_size(HISTORY)
        .map_err(failed)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::<Assistant, FileHistory>::with_config(config).map_err(failed)?;
    let engine = session.engine().clone();
    editor.set_helper(Some(Assistant::new(engine, workers.handle().clone())));
    let history = history_file();
    if let Some(file) = &history {
        // There is none yet when the shell is used for the first time.
        let _ = editor.load_history(file);
    }
    let mut shell = Shell {
        workers,
        session,
        timing: true,
    };
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                if line.trim().is_empty() {
                    continue;
                }
                let new = editor.add_history_entry(line.trim_end()).map_err(failed)?;
                if let (true, Some(file)) = (new, &history) {
                    // Written at once, so that nothing is lost however the shell ends. A history
                    // that can't be kept is no reason to stop working.
                    let _ = editor.append_history(file);
                }
                if shell.obey(line.trim())? == Next::Leave {
                    return Ok(());
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Whether a line is one of the words that people try when they want out, or in.
pub fn is_word_command(line: &str) -> bool {
    matches!(line, "exit" | "quit" | "help")
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

struct Shell<'a> {
    workers: &'a Workers,
    session: &'a Session,
    timing: bool,
}

impl Shell<'_> {
    /// Does what a line says.
    fn obey(&mut self, line: &str) -> Outcome<Next> {
        if !line.starts_with('\\') && !is_word_command(line) {
            tell(self.run(line))?;
            return Ok(Next::Stay);
        }
        let line = line.trim_end_matches(';');
        let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match (command, argument.trim()) {
            ("\\q" | "exit" | "quit", _) => return Ok(Next::Leave),
            ("\\?" | "help", _) => eprintln!("{HELP}"),
            ("\\timing", "") => self.set_timing(!self.timing),
            ("\\timing", "on") => self.set_timing(true),
            ("\\timing", "off") => self.set_timing(false),
            ("\\d", name) => tell(self.describe(name))?,
            _ => eprintln!("error: unknown command {line}; \\? shows help"),
        }
        Ok(Next::Stay)
    }

    fn set_timing(&mut self, on: bool) {
        self.timing = on;
        eprintln!("timing is {}", if on { "on" } else { "off" });
    }

    /// Runs the statements of a line up to the first error.
    fn run(&self, line: &str) -> Outcome {
        for statement in Pending::whole(line.to_string()).take(true) {
            let session = self.session.clone();
            let started = Instant::now();
            let rows = self
                .workers
                .run_in_shell(async move { session.show(&statement.sql).await });
            self.session.end_progress(&rows);
            let rows = rows?;
            let seconds = started.elapsed().as_secs_f64();
            match (rows, self.timing) {
                (Some(rows), true) => eprintln!("{} in {seconds:.3} s", plural(rows)),
                (Some(rows), false) => eprintln!("{}", plural(rows)),
                (None, true) => eprintln!("done in {seconds:.3} s"),
                (None, false) => {}
            }
        }
        Ok(())
    }

    fn describe(&self, name: &str) -> Outcome {
        let session = self.session.clone();
        let name = name.to_string();
        self.workers
            .run_in_shell(async move { session.describe(&name).await })
    }
}

/// Tells of an error and goes on; only without a reader there is nothing left to do.
fn tell(outcome: Outcome) -> Outcome {
    match outcome {
        Ok(()) => Ok(()),
        Err(Failure::ClosedPipe) => Err(Failure::ClosedPipe),
        Err(failure) => {
            failure.report();
            Ok(())
        }
    }
}

fn plural(rows: u64) -> String {
    match rows {
        1 => "1 row".into(),
        _ => format!("{rows} rows"),
    }
}

/// Where the history is kept; its folder is made, readable for its owner alone.
fn history_file() -> Option<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;

    let state = init::folder("XDG_STATE_HOME")
        .or_else(|| Some(env::home_dir()?.join(".local/state")))?
        .join("sqltorch");
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&state);
    made.ok()?;
    Some(state.join("history"))
}
