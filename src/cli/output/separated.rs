//! csv and tsv, as RFC 4180 quotes them. Unlike Arrow's own writer this one takes nested columns, and
//! keeps NULL (nothing) apart from an empty text (`""`).

use std::fmt::Write as _;
use std::io::{self, Write};

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::FormatOptions;

use super::cell::formatters;
use super::{ResultWriter, unprintable};

/// Values between separators, a line per row after a header line.
pub struct Separated {
    schema: SchemaRef,
    separator: u8,
    headed: bool,
    line: Vec<u8>,
    value: String,
}

impl Separated {
    /// A writer of values that stand between `separator`s.
    pub fn new(schema: SchemaRef, separator: u8) -> Self {
        Self {
            schema,
            separator,
            headed: false,
            line: Vec::new(),
            value: String::new(),
        }
    }

    fn header(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.headed, true) {
            return Ok(());
        }
        self.line.clear();
        for (index, field) in self.schema.fields().iter().enumerate() {
            if index > 0 {
                self.line.push(self.separator);
            }
            push_quoted(&mut self.line, field.name(), self.separator);
        }
        self.line.push(b'\n');
        out.write_all(&self.line)
    }
}

impl ResultWriter for Separated {
    fn write(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> io::Result<()> {
        self.header(out)?;
        let options = FormatOptions::new();
        let columns = formatters(batch, &options)?;
        // Dictionaries and the like keep their NULLs among the values.
        let nulls: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| column.logical_nulls())
            .collect();
        for row in 0..batch.num_rows() {
            self.line.clear();
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    self.line.push(self.separator);
                }
                if nulls[index].as_ref().is_some_and(|n| n.is_null(row)) {
                    continue;
                }
                self.value.clear();
                write!(self.value, "{}", column.value(row))
                    .map_err(|_| unprintable_value(column, row))?;
                push_quoted(&mut self.line, &self.value, self.separator);
            }
            self.line.push(b'\n');
            out.write_all(&self.line)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.header(out)
    }
}

/// Formatting through `Display` loses the reason: asks again for it.
fn unprintable_value(
    column: &datafusion::arrow::util::display::ArrayFormatter<'_>,
    row: usize,
) -> io::Error {
    match column.value(row).try_to_string() {
        Err(error) => unprintable(error),
        Ok(_) => io::Error::other("a value has no text"),
    }
}

fn push_quoted(line: &mut Vec<u8>, value: &str, separator: u8) {
    let special = |b: &u8| *b == separator || matches!(b, b'"' | b'\n' | b'\r');
    if !value.is_empty() && !value.as_bytes().iter().any(special) {
        line.extend_from_slice(value.as_bytes());
        return;
    }
    line.push(b'"');
    for byte in value.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array, ListArray, StringArray};
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    fn print(separator: u8, columns: Vec<(&str, ArrayRef)>) -> String {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = Separated::new(batch.schema(), separator);
        let mut out = Vec::new();
        writer.write(&batch, &mut out).unwrap();
        writer.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn null_and_empty_text_differ() {
        let texts = StringArray::from(vec![Some("a,b"), Some(""), None, Some("say \"x\"\n")]);
        assert_eq!(
            print(b',', vec![("t", Arc::new(texts))]),
            "t\n\"a,b\"\n\"\"\n\n\"say \"\"x\"\"\n\"\n"
        );
    }

    #[test]
    fn lists_are_texts() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        assert_eq!(
            print(
                b'\t',
                vec![
                    ("n", Arc::new(Int32Array::from(vec![7]))),
                    ("l", Arc::new(lists))
                ]
            ),
            "n\tl\n7\t[1, ]\n"
        );
    }

    #[test]
    fn an_empty_result_has_its_header() {
        let none = Int32Array::from(Vec::<i32>::new());
        assert_eq!(print(b',', vec![("n", Arc::new(none))]), "n\n");
    }
}
