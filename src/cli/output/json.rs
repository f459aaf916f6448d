//! json (one array per result) and ndjson (an object per line). NULL is written out, as `null`.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::LineDelimited;

use super::{ResultWriter, unprintable};

/// Rows as objects, one per line.
pub struct Json {
    brackets: bool,
    begun: bool,
    text: Vec<u8>,
}

impl Json {
    /// One array around all rows.
    pub fn array() -> Self {
        Self {
            brackets: true,
            begun: false,
            text: Vec::new(),
        }
    }

    /// Nothing around the rows.
    pub fn lines() -> Self {
        Self {
            brackets: false,
            ..Self::array()
        }
    }
}

impl ResultWriter for Json {
    fn write(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> io::Result<()> {
        self.text.clear();
        let mut writer = WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, LineDelimited>(&mut self.text);
        writer.write(batch).map_err(unprintable)?;
        writer.finish().map_err(unprintable)?;
        if !self.brackets {
            return out.write_all(&self.text);
        }
        // Line feeds inside of texts are escaped: every line is one object.
        for object in self.text.split(|b| *b == b'\n').filter(|o| !o.is_empty()) {
            let before: &[u8] = match std::mem::replace(&mut self.begun, true) {
                false => b"[",
                true => b",\n ",
            };
            out.write_all(before)?;
            out.write_all(object)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match (self.brackets, self.begun) {
            (false, _) => Ok(()),
            (true, true) => out.write_all(b"]\n"),
            (true, false) => out.write_all(b"[]\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};

    use super::*;

    fn print(mut writer: Json, batches: usize) -> String {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int32Array::from(vec![Some(1), None]))),
            ("t", Arc::new(StringArray::from(vec!["a\nb", "c"]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut out = Vec::new();
        for _ in 0..batches {
            writer.write(&batch, &mut out).unwrap();
        }
        writer.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_array_spans_batches() {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&print(Json::array(), 2)).unwrap();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0]["t"], "a\nb");
        assert!(rows[3]["n"].is_null());
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(print(Json::array(), 0), "[]\n");
        assert_eq!(print(Json::lines(), 0), "");
    }

    #[test]
    fn every_line_is_an_object() {
        assert_eq!(
            print(Json::lines(), 1),
            "{\"n\":1,\"t\":\"a\\nb\"}\n{\"n\":null,\"t\":\"c\"}\n"
        );
    }
}
