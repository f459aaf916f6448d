//! Tables for people. Widths are found from the first rows; later rows are printed as they come, and one
//! that is wider stands out of line rather than being cut.

use std::borrow::Cow;
use std::io::{self, Write};

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::ResultWriter;
use super::cell::{rows, visible};
use super::layout::{Column, GAP, Layout};

/// Rows, and bytes of text, that are looked at before the first line is printed.
const SAMPLE_ROWS: usize = 10_000;
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// A result of at most so many rows with texts of several lines (a plan, a definition) is printed as
/// plain text, which can be read at any width and copied.
const TEXT_ROWS: usize = 20;

/// Digits to which floating-point numbers are rounded where the line is too short for all of them.
const DIGITS: i32 = 6;

/// A table: columns side by side, a line under the header.
pub struct Table {
    headers: Vec<String>,
    numeric: Vec<bool>,
    floating: Vec<bool>,
    max_rows: Option<usize>,
    limit: Option<usize>,
    /// Rows that wait for the layout.
    waiting: Vec<Vec<String>>,
    waiting_bytes: usize,
    layout: Option<Layout>,
    /// Whether floating-point numbers are rounded.
    rounded: bool,
    /// Rows seen, shown or not.
    total: usize,
}

impl Table {
    /// A table of at most `max_rows` rows and `limit` characters per line.
    pub fn new(schema: SchemaRef, max_rows: Option<usize>, limit: Option<usize>) -> Self {
        let fields = schema.fields();
        Self {
            headers: fields.iter().map(|f| visible(f.name())).collect(),
            numeric: fields.iter().map(|f| f.data_type().is_numeric()).collect(),
            floating: fields.iter().map(|f| f.data_type().is_floating()).collect(),
            max_rows,
            limit,
            waiting: Vec::new(),
            waiting_bytes: 0,
            layout: None,
            rounded: false,
            total: 0,
        }
    }

    /// Prints the head and all rows that waited for it.
    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut layout = Layout::new(&self.headers, &self.numeric, &waiting, self.limit);
        if layout.tight {
            self.rounded = true;
            waiting.iter_mut().for_each(|row| self.round(row));
            layout = Layout::new(&self.headers, &self.numeric, &waiting, self.limit);
        }
        self.print(&layout, &self.headers, out)?;
        let rules: Vec<_> = layout.columns.iter().map(|c| "─".repeat(c.width)).collect();
        writeln!(out, "{}", rules.join(&" ".repeat(GAP)))?;
        for row in waiting {
            self.print(&layout, &row, out)?;
        }
        self.layout = Some(layout);
        Ok(())
    }

    fn round(&self, row: &mut [String]) {
        for (cell, _) in row
            .iter_mut()
            .zip(&self.floating)
            .filter(|(_, floating)| **floating)
        {
            if let Some(rounded) = rounded(cell) {
                *cell = rounded;
            }
        }
    }

    /// Prints one row; a text of several lines takes several lines.
    fn print(&self, layout: &Layout, row: &[String], out: &mut dyn Write) -> io::Result<()> {
        let height = row.iter().map(|cell| cell.lines().count()).max();
        let mut text = String::new();
        for line in 0..height.unwrap_or(1).max(1) {
            text.clear();
            for (number, column) in layout.columns.iter().enumerate() {
                if number > 0 {
                    text.extend(std::iter::repeat_n(' ', GAP));
                }
                let cell = match column.index {
                    Some(index) => row[index].lines().nth(line).unwrap_or_default(),
                    None => "…",
                };
                text.push_str(&self.fitted(cell, column));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }

    fn fitted<'a>(&self, text: &'a str, column: &Column) -> Cow<'a, str> {
        let side = match column.right {
            true => Alignment::Right,
            false => Alignment::Left,
        };
        // Where lines may be of any length nothing is cut.
        if self.limit.is_some() && measure_text_width(text) > column.width {
            return truncate_str(text, column.width, "…");
        }
        pad_str(text, column.width, side, None)
    }

    /// Says what is not shown.
    fn remark(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(shown) = self.max_rows.filter(|_| self.is_cut()) {
            writeln!(out, "... {shown} of {} rows", self.total)?;
        }
        let hidden = self.layout.as_ref().map_or(0, |layout| layout.hidden);
        if hidden > 0 {
            let columns = self.headers.len();
            writeln!(out, "... {} of {columns} columns", columns - hidden)?;
        }
        Ok(())
    }

    fn is_cut(&self) -> bool {
        self.max_rows.is_some_and(|max| self.total > max)
    }

    fn is_text(&self) -> bool {
        let long = |cell: &String| cell.contains('\n');
        self.layout.is_none() && self.total <= TEXT_ROWS && self.waiting.iter().flatten().any(long)
    }

    /// Prints rows one below the other: `name: value`, and texts of several lines as they are.
    fn print_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (number, row) in self.waiting.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            let (long, short): (Vec<_>, Vec<_>) =
                (self.headers.iter().zip(row)).partition(|(_, cell)| cell.contains('\n'));
            for (header, cell) in short {
                writeln!(out, "{header}: {cell}")?;
            }
            for (header, cell) in &long {
                if long.len() > 1 {
                    writeln!(out, "{header}:")?;
                }
                writeln!(out, "{}", cell.trim_end())?;
            }
        }
        Ok(())
    }
}

impl ResultWriter for Table {
    fn write(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> io::Result<()> {
        let room = self.max_rows.map(|max| max.saturating_sub(self.total));
        self.total += batch.num_rows();
        let mut start = 0;
        let end = batch.num_rows().min(room.unwrap_or(usize::MAX));
        // Batches may be of any size: what is held as text has a bound.
        while start < end {
            let count = (end - start).min(SAMPLE_ROWS);
            let texts = rows(&batch.slice(start, count))?;
            start += count;
            match self.layout.take() {
                Some(layout) => {
                    for mut row in texts {
                        if self.rounded {
                            self.round(&mut row);
                        }
                        self.print(&layout, &row, out)?;
                    }
                    self.layout = Some(layout);
                }
                None => {
                    self.waiting_bytes += texts.iter().flatten().map(String::len).sum::<usize>();
                    self.waiting.extend(texts);
                }
            }
            let full = self.waiting.len() >= SAMPLE_ROWS || self.waiting_bytes >= SAMPLE_BYTES;
            if self.layout.is_none() && full {
                self.start(out)?;
            }
        }
        // All rows that will be shown are here: the rest is only counted.
        if self.is_cut() && self.layout.is_none() && !self.is_text() {
            self.start(out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_text() {
            self.print_text(out)?;
        } else if self.layout.is_none() {
            self.start(out)?;
        }
        self.remark(out)
    }
}

/// The number with [`DIGITS`] digits, if that is shorter.
fn rounded(text: &str) -> Option<String> {
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())?;
    let magnitude = match number {
        0.0 => 0,
        _ => number.abs().log10().floor() as i32,
    };
    let decimals = (DIGITS - 1 - magnitude).max(0) as usize;
    let short = match magnitude {
        15.. => return None,
        -5.. => {
            let fixed = format!("{number:.decimals$}");
            match fixed.contains('.') {
                true => fixed
                    .trim_end_matches('0')
                    .trim_end_matches('.')
                    .to_string(),
                false => fixed,
            }
        }
        _ => format!("{number:.*e}", DIGITS as usize - 1),
    };
    (short.len() < text.len()).then_some(short)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};

    use super::*;

    fn print(columns: Vec<(&str, ArrayRef)>, max: Option<usize>, limit: Option<usize>) -> String {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut table = Table::new(batch.schema(), max, limit);
        let mut out = Vec::new();
        // In two batches, as results come.
        let half = batch.num_rows() / 2;
        table.write(&batch.slice(0, half), &mut out).unwrap();
        let rest = batch.slice(half, batch.num_rows() - half);
        table.write(&rest, &mut out).unwrap();
        table.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_right_and_null_is_seen() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "product",
                Arc::new(StringArray::from(vec![Some("tea"), None])),
            ),
            (
                "p",
                Arc::new(Float64Array::from(vec![Some(0.5), Some(10.25)])),
            ),
        ];
        let expected = "\
product      p
───────  ─────
tea        0.5
NULL     10.25
";
        assert_eq!(print(columns, None, Some(80)), expected);
    }

    #[test]
    fn a_long_result_is_cut_and_counted() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let text = print(vec![("n", numbers)], Some(3), None);
        assert_eq!(text.lines().count(), 2 + 3 + 1);
        assert!(text.ends_with("\n2\n... 3 of 100 rows\n"), "{text}");
    }

    #[test]
    fn rows_beyond_the_sample_are_all_printed() {
        let count = 2 * SAMPLE_ROWS + 5;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
        let text = print(vec![("n", numbers)], None, Some(80));
        assert_eq!(text.lines().count(), count + 2);
    }

    #[test]
    fn a_line_fits_the_terminal_whatever_the_characters() {
        let wide: ArrayRef = Arc::new(StringArray::from(vec!["漢字".repeat(60), "é".repeat(90)]));
        let text = print(vec![("a", wide.clone()), ("b", wide)], None, Some(80));
        for line in text.lines() {
            assert!(console::measure_text_width(line) <= 80, "{line}");
        }
        assert!(text.contains('…'));
    }

    #[test]
    fn floats_are_rounded_only_where_the_line_is_short() {
        let third: ArrayRef = Arc::new(Float64Array::from(vec![1.0 / 3.0, 1e-9 / 3.0, 2e6 / 3.0]));
        let columns = vec![("a", third.clone()), ("b", third)];
        let wide = print(columns.clone(), None, Some(80));
        assert!(wide.contains("0.3333333333333333"), "{wide}");
        let text = print(columns, None, Some(30));
        let first: Vec<_> = text
            .lines()
            .skip(2)
            .map(|l| l.split_whitespace().next())
            .collect();
        assert_eq!(
            first,
            [Some("0.333333"), Some("3.33333e-10"), Some("666667")]
        );
    }

    #[test]
    fn rounding_keeps_the_value() {
        assert_eq!(rounded("188895.123456"), Some("188895".into()));
        assert_eq!(rounded("-0.00012345678"), Some("-0.000123457".into()));
        assert_eq!(rounded("0.99999999"), Some("1".into()));
        assert_eq!(rounded("12345678901.25"), Some("12345678901".into()));
        for kept in ["1.0", "NaN", "inf", "NULL", "0.0", "0.5", "1e300"] {
            assert!(
                rounded(kept).is_none_or(|text| text.len() < kept.len()),
                "{kept}"
            );
        }
    }

    #[test]
    fn a_plan_is_printed_as_text() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "plan_type",
                Arc::new(StringArray::from(vec!["logical", "physical"])),
            ),
            (
                "plan",
                Arc::new(StringArray::from(vec!["Limit\n  Scan", "Exec"])),
            ),
        ];
        assert_eq!(
            print(columns, Some(40), Some(20)),
            "plan_type: logical\nLimit\n  Scan\n\nplan_type: physical\nplan: Exec\n"
        );
    }

    #[test]
    fn no_rows_leave_the_header() {
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let text = print(vec![("n", none)], Some(40), Some(80));
        assert_eq!(text, "n\n─\n");
    }
}
