//! The `sqltorch` program: a shell, a script runner and a few commands over the library.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
