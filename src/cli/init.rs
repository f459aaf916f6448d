//! The init file.

use std::env;
use std::path::{Path, PathBuf};

use super::args::Args;
use super::failure::Outcome;
use super::script::{in_file, statements_of};
use super::session::Session;

/// The file that `--init` names, or in the shell the user's own, if there is one.
pub fn find(args: &Args, interactive: bool) -> Option<PathBuf> {
    if args.init.is_some() || args.no_init || !interactive {
        return args.init.clone();
    }
    let home = env::home_dir();
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let candidates = [
        config.map(|config| config.join("sqltorch/init.sql")),
        home.map(|home| home.join(".sqltorchrc")),
    ];
    candidates.into_iter().flatten().find(|file| file.is_file())
}

/// Runs the statements of an init file; their results are not printed.
pub async fn run(session: &Session, file: &Path) -> Outcome {
    for statement in statements_of(file)? {
        let outcome = session.run(&statement.sql).await;
        outcome.map_err(|failure| in_file(failure, file, statement.line))?;
    }
    Ok(())
}

/// A folder from an environment variable; the XDG rules say that a relative one counts as unset.
pub fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
}
