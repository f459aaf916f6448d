//! Runs statements from `-c`, `-f` and standard input, in order, up to the first error.

use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use sqltorch::split_statements;
use tokio::sync::mpsc;

use super::args::Script;
use super::failure::{Failure, Outcome, shift_line};
use super::session::Session;

/// Runs scripts one after the other.
pub async fn run(session: &Session, scripts: Vec<Script>) -> Outcome {
    let mut commands = 0;
    let total: usize = scripts.iter().map(commands_in).sum();
    for script in scripts {
        match script {
            Script::Command(text) => {
                for statement in Pending::whole(text).take(true) {
                    commands += 1;
                    let outcome = session.show(&statement.sql).await;
                    match total {
                        1 => outcome?,
                        _ => outcome.map_err(|e| e.at(format!("statement {commands}")))?,
                    };
                }
            }
            Script::File(path) => {
                for statement in statements_of(&path)? {
                    let outcome = session.show(&statement.sql).await;
                    outcome.map_err(|e| in_file(e, &path, statement.line))?;
                }
            }
            Script::Stdin => from_stdin(session).await?,
        }
    }
    Ok(())
}

/// The statements of a file.
pub fn statements_of(path: &Path) -> Outcome<Vec<Statement>> {
    let bytes =
        fs::read(path).map_err(|e| Failure::io(format!("can't read {}", path.display()), &e))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Error(format!("can't read {}: not UTF-8 text", path.display())))?;
    Ok(Pending::whole(text).take(true))
}

/// Says where in a file a statement stands.
pub fn in_file(failure: Failure, path: &Path, line: usize) -> Failure {
    place(failure, &format!("{}:{line}", path.display()), line)
}

fn place(failure: Failure, place: &str, line: usize) -> Failure {
    match failure {
        Failure::Error(message) => Failure::Error(shift_line(&message, line - 1)).at(place),
        other => other,
    }
}

fn commands_in(script: &Script) -> usize {
    match script {
        Script::Command(text) => Pending::whole(text.clone()).take(true).len(),
        Script::File(_) | Script::Stdin => 0,
    }
}

/// Runs each statement as soon as its `;` was read, so that a program can talk to this one.
async fn from_stdin(session: &Session) -> Outcome {
    let (sender, mut lines) = mpsc::channel(64);
    // A plain thread: nobody waits for a reader that waits for input when the program ends.
    std::thread::spawn(move || read_lines(&sender));
    let mut pending = Pending::default();
    loop {
        let line = lines.recv().await;
        let end = line.is_none();
        if let Some(line) = line {
            let line = line.map_err(|e| Failure::io("can't read standard input", &e))?;
            let ends_statement = line.contains(';');
            pending.text.push_str(&line);
            if !ends_statement {
                continue;
            }
        }
        for statement in pending.take(end) {
            let outcome = session.show(&statement.sql).await;
            let line = statement.line;
            outcome.map_err(|e| place(e, &format!("standard input, line {line}"), line))?;
        }
        if end {
            return Ok(());
        }
    }
}

fn read_lines(sender: &mpsc::Sender<io::Result<String>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = String::new();
        let sent = match input.read_line(&mut line) {
            Ok(0) => return,
            Ok(_) => sender.blocking_send(Ok(line)),
            Err(error) => {
                // The end follows, whether or not anybody still listens.
                let _ = sender.blocking_send(Err(error));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// One statement of a script.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    /// Line of the script on which the statement's first word stands, from 1.
    pub line: usize,
}

/// Text that was read and not run yet.
#[derive(Default)]
pub struct Pending {
    text: String,
    /// Line feeds before `text`.
    lines: usize,
}

impl Pending {
    /// The whole of a script.
    pub fn whole(text: String) -> Self {
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_string(),
            None => text,
        };
        Self { text, lines: 0 }
    }

    /// Takes out the statements that end with `;`, and at the `end` of the script the rest too.
    pub fn take(&mut self, end: bool) -> Vec<Statement> {
        let mut statements = Vec::new();
        let mut consumed = 0;
        for piece in split_statements(&self.text) {
            if !piece.complete && !end {
                break;
            }
            // A piece is a part of the text: the distance of the two is its position.
            let start = (piece.text.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
            let first_word = start + blank(piece.text);
            statements.push(Statement {
                sql: piece.text.to_string(),
                line: self.lines + line_feeds(&self.text[..first_word]) + 1,
            });
            consumed = start + piece.text.len();
            let rest = &self.text[consumed..];
            if piece.complete && !piece.text.ends_with(';') {
                consumed += rest.find(';').map_or(0, |at| at + 1);
            }
        }
        self.lines += line_feeds(&self.text[..consumed]);
        self.text.drain(..consumed);
        statements
    }
}

/// Bytes of white space and comments at the beginning.
fn blank(sql: &str) -> usize {
    let mut rest = sql.trim_start();
    loop {
        let after = if rest.starts_with("--") {
            rest.find('\n').map(|at| &rest[at..])
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| &rest[at + 2..])
        } else {
            None
        };
        match after {
            Some(after) => rest = after.trim_start(),
            None => return sql.len() - rest.len(),
        }
    }
}

fn line_feeds(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pending: &mut Pending, end: bool) -> Vec<(usize, String)> {
        let words = |sql: String| {
            sql.split_whitespace()
                .last()
                .unwrap_or_default()
                .to_string()
        };
        let statements = pending.take(end).into_iter();
        statements.map(|s| (s.line, words(s.sql))).collect()
    }

    fn pair(line: usize, text: &str) -> (usize, String) {
        (line, text.trim_end_matches(';').to_string())
    }

    #[test]
    fn statements_know_their_lines() {
        let text = "\u{feff}-- about\n\nSELECT 1;\n/* a\n b */ SELECT\n 2; SELECT 3";
        let statements = taken(&mut Pending::whole(text.into()), true);
        assert_eq!(statements, [pair(3, "1"), pair(5, "2"), pair(6, "3")]);
    }

    #[test]
    fn an_open_statement_waits_for_its_end() {
        let mut pending = Pending::whole("SELECT 1;\nSELECT\n".into());
        assert_eq!(taken(&mut pending, false), [pair(1, "1")]);
        assert_eq!(taken(&mut pending, false), []);
        pending.text.push_str("2;\n\nSELECT 3");
        assert_eq!(taken(&mut pending, false), [pair(2, "2")]);
        assert_eq!(taken(&mut pending, true), [pair(5, "3")]);
    }

    #[test]
    fn an_open_comment_hides_what_follows() {
        let mut pending = Pending::whole("SELECT 1; /* one;\n".into());
        assert_eq!(taken(&mut pending, false), [pair(1, "1")]);
        pending.text.push_str("two; */ SELECT 3;\n");
        assert_eq!(taken(&mut pending, false), [pair(2, "3")]);
    }
}
