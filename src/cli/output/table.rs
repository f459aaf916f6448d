//! Tables for people. Widths are found from the first rows; later rows are printed as they come, and one
//! that is wider stands out of line rather than being cut.

use std::io::{self, Write};

use console::{Alignment, pad_str};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::ResultWriter;
use super::cell::{rows, visible};
use super::layout::{Column, Layout};

/// Rows, and bytes of text, that are looked at before the first line is printed.
const SAMPLE_ROWS: usize = 10_000;
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// A result of at most so many rows with texts of several lines (a plan, a definition) is printed as
/// plain text, which can be read at any width and copied.
const TEXT_ROWS: usize = 20;

/// A table with borders.
pub struct Table {
    headers: Vec<String>,
    numeric: Vec<bool>,
    max_rows: Option<usize>,
    limit: Option<usize>,
    /// Rows that wait for the layout.
    waiting: Vec<Vec<String>>,
    waiting_bytes: usize,
    layout: Option<Layout>,
    /// Whether the last line of the table stands.
    closed: bool,
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
            max_rows,
            limit,
            waiting: Vec::new(),
            waiting_bytes: 0,
            layout: None,
            closed: false,
            total: 0,
        }
    }

    /// Prints the head and all rows that waited for it.
    fn start(&mut self, out: &mut dyn Write) -> io::Result<Layout> {
        let layout = Layout::new(&self.headers, &self.numeric, &self.waiting, self.limit);
        rule(&layout, ["┌", "┬", "┐"], out)?;
        self.print(&layout, &self.headers, out)?;
        rule(&layout, ["├", "┼", "┤"], out)?;
        for row in std::mem::take(&mut self.waiting) {
            self.print(&layout, &row, out)?;
        }
        Ok(layout)
    }

    /// Prints one row; a text of several lines takes several lines.
    fn print(&self, layout: &Layout, row: &[String], out: &mut dyn Write) -> io::Result<()> {
        let height = row.iter().map(|cell| cell.lines().count()).max();
        for line in 0..height.unwrap_or(1).max(1) {
            for column in &layout.columns {
                let text = match column.index {
                    Some(index) => row[index].lines().nth(line).unwrap_or_default(),
                    None => "…",
                };
                write!(out, "│ {} ", self.fitted(text, column))?;
            }
            writeln!(out, "│")?;
        }
        Ok(())
    }

    fn fitted<'a>(&self, text: &'a str, column: &Column) -> std::borrow::Cow<'a, str> {
        let side = match column.right {
            true => Alignment::Right,
            false => Alignment::Left,
        };
        // Where lines may be of any length nothing is lost.
        let cut = self.limit.map(|_| "…");
        match cut {
            Some(_) if console::measure_text_width(text) > column.width => {
                console::truncate_str(text, column.width, "…")
            }
            _ => pad_str(text, column.width, side, None),
        }
    }

    /// Prints what waits and the last line.
    fn close(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => self.start(out)?,
        };
        rule(&layout, ["└", "┴", "┘"], out)?;
        self.layout = Some(layout);
        self.closed = true;
        Ok(())
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
                    for row in &texts {
                        self.print(&layout, row, out)?;
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
                self.layout = Some(self.start(out)?);
            }
        }
        // All rows that will be shown are here: the rest is only counted.
        if self.is_cut() && !self.closed && !self.is_text() {
            self.close(out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_text() {
            self.print_text(out)?;
        } else if !self.closed {
            self.close(out)?;
        }
        self.remark(out)
    }
}

fn rule(layout: &Layout, [left, middle, right]: [&str; 3], out: &mut dyn Write) -> io::Result<()> {
    for (number, column) in layout.columns.iter().enumerate() {
        let corner = if number == 0 { left } else { middle };
        write!(out, "{corner}{}", "─".repeat(column.width + 2))?;
    }
    writeln!(out, "{right}")
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
┌─────────┬───────┐
│ product │     p │
├─────────┼───────┤
│ tea     │   0.5 │
│ NULL    │ 10.25 │
└─────────┴───────┘
";
        assert_eq!(print(columns, None, Some(80)), expected);
    }

    #[test]
    fn a_long_result_is_cut_and_counted() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let text = print(vec![("n", numbers)], Some(3), None);
        assert_eq!(text.lines().count(), 3 + 4 + 1);
        assert!(text.ends_with("┘\n... 3 of 100 rows\n"), "{text}");
    }

    #[test]
    fn rows_beyond_the_sample_are_all_printed() {
        let count = 2 * SAMPLE_ROWS + 5;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
        let text = print(vec![("n", numbers)], None, Some(80));
        assert_eq!(text.lines().count(), count + 4);
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
        assert_eq!(text, "┌───┐\n│ n │\n├───┤\n└───┘\n");
    }
}
