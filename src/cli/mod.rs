//! The program: reads its arguments, opens an engine and hands over to one of four ways of working.

use std::process::ExitCode;

mod args;
mod complete;
mod datagen;
mod describe;
mod failure;
mod idx;
mod images;
mod init;
mod interrupt;
mod new_file;
mod output;
mod progress;
mod score;
mod script;
mod session;
mod shell;

use args::{Action, Args};
use failure::Outcome;
use interrupt::Workers;
use session::Session;

/// Runs the program and returns its exit status: 0, 1 after an error, 2 for wrong usage, 128 + n after signal n.
pub fn main() -> ExitCode {
    let args = match Args::from_command_line() {
        Ok(args) => args,
        Err(error) => {
            // Nothing is left to be done when even this can't be written.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    failure::silence_panics();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: Args) -> Outcome {
    if args.version {
        return output::print_lines(
            sqltorch::versions()
                .iter()
                .map(|(library, version)| format!("{library} {version}")),
        );
    }
    let workers = Workers::start(args.engine.threads)?;
    let result = match args.action {
        Some(Action::Datagen(datagen)) => datagen::run(&workers, datagen, args.engine.quiet),
        Some(Action::Images(images)) => images::run(&workers, images, &args.engine),
        Some(Action::Idx(idx)) => idx::run(&idx, args.engine.quiet),
        Some(Action::Score(score)) => score::run(&workers, score, &args.engine),
        None => talk(&workers, args),
    };
    workers.stop();
    result
}

/// Runs what `-c`, `-f` or standard input says, or else the shell.
fn talk(workers: &Workers, args: Args) -> Outcome {
    let scripts = args.scripts();
    let session = Session::open(&args, scripts.is_none())?;
    let init = init::find(&args, scripts.is_none());
    match scripts {
        Some(scripts) => {
            let working = session.clone();
            let outcome = workers.run(async move {
                if let Some(file) = init {
                    init::run(&working, &file).await?;
                }
                script::run(&working, scripts).await
            });
            session.end_progress(&outcome);
            outcome
        }
        None => shell::run(workers, &session, init, args.engine.quiet),
    }
}
