//! The text of single values.

use std::io;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::unprintable;

/// One formatter per column; a value that can't be shown is an error.
pub fn formatters<'a>(
    batch: &'a RecordBatch,
    options: &FormatOptions<'a>,
) -> io::Result<Vec<ArrayFormatter<'a>>> {
    batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), options))
        .collect::<Result<_, _>>()
        .map_err(unprintable)
}

/// The texts of a batch, row by row, safe to be shown on a terminal: control characters other than
/// line feeds are escaped, so that no value can move the cursor or change colours.
pub fn rows(batch: &RecordBatch) -> io::Result<Vec<Vec<String>>> {
    let options = FormatOptions::new().with_null("NULL");
    let formatters = formatters(batch, &options)?;
    (0..batch.num_rows())
        .map(|row| {
            formatters
                .iter()
                .map(|column| {
                    let text = column.value(row).try_to_string().map_err(unprintable)?;
                    Ok(multiline(text))
                })
                .collect()
        })
        .collect()
}

/// Escapes all control characters.
pub fn visible(text: &str) -> String {
    escape(text, char::is_control)
}

/// Escapes control characters other than line feeds.
fn multiline(text: String) -> String {
    let hidden = |c: char| c.is_control() && c != '\n';
    match text.contains(hidden) {
        true => escape(&text, hidden),
        false => text,
    }
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match hidden(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(multiline("a\x1b[31m\tb\nc".into()), "a\\u{1b}[31m\\tb\nc");
        assert_eq!(visible("a\nb"), "a\\nb");
    }
}
