//! One text of SQL in two spellings: where SQLite says it differently, both stand side by side.

use std::fmt::Display;

const OURS: char = '\u{1}';
const SQLITE: char = '\u{2}';
const END: char = '\u{3}';

/// A part of a query that is spelled in two ways. Parts may hold such parts themselves.
pub fn either(ours: impl Display, sqlite: impl Display) -> String {
    format!("{OURS}{ours}{SQLITE}{sqlite}{END}")
}

/// The engine's spelling of `text`.
pub fn ours(text: &str) -> String {
    spelled(text, OURS)
}

/// SQLite's spelling of `text`.
pub fn sqlite(text: &str) -> String {
    spelled(text, SQLITE)
}

fn spelled(text: &str, wanted: char) -> String {
    let mut open = Vec::new();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            OURS => open.push(OURS),
            SQLITE => {
                open.pop();
                open.push(SQLITE);
            }
            END => {
                open.pop();
            }
            c if open.iter().all(|&part| part == wanted) => out.push(c),
            _ => {}
        }
    }
    out
}

#[test]
fn parts_in_parts_are_spelled() {
    let inner = either("least(a, b)", "min(a, b)");
    let text = format!("SELECT {}", either(format!("greatest({inner}, 1)"), &inner));
    assert_eq!(ours(&text), "SELECT greatest(least(a, b), 1)");
    assert_eq!(sqlite(&text), "SELECT min(a, b)");
}
