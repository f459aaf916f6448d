//! Which columns of a table are shown, and how wide.

use console::measure_text_width;

/// Blanks between two columns.
pub const GAP: usize = 2;

/// A text column is never made narrower than this in favour of its neighbours.
const NARROW: usize = 12;

/// The header of a narrow column of numbers is not cut below this.
const NARROW_HEADER: usize = 12;

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Position in the result; `None` stands for the columns that are left out here.
    pub index: Option<usize>,
    /// Characters, without the gap.
    pub width: usize,
    /// Numbers stand on the right.
    pub right: bool,
}

/// The columns of a table, from left to right, with [`GAP`] between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub columns: Vec<Column>,
    /// Whether the line is too short for everything as it is.
    pub tight: bool,
    /// How many columns of the result are not shown.
    pub hidden: usize,
}

impl Layout {
    /// Finds widths for these headers and rows so that a line has at most `limit` characters.
    /// Numbers are never cut, since a cut number reads as another number: where they don't fit,
    /// columns in the middle are left out.
    pub fn new(
        headers: &[String],
        numeric: &[bool],
        rows: &[Vec<String>],
        limit: Option<usize>,
    ) -> Self {
        let mut natural = Vec::with_capacity(headers.len());
        let mut floor = Vec::with_capacity(headers.len());
        for (index, header) in headers.iter().enumerate() {
            let header = text_width(header);
            let value = rows.iter().map(|row| text_width(&row[index])).max();
            let value = value.unwrap_or_default();
            natural.push(header.max(value).max(1));
            floor.push(match numeric[index] {
                true => value.max(header.min(NARROW_HEADER)).max(1),
                false => header.max(value).clamp(1, NARROW),
            });
        }
        let limit = limit.unwrap_or(usize::MAX);
        let tight = line(natural.iter().copied()) > limit;
        let shown = choose(&floor, limit);
        let hidden = headers.len() - shown.len();
        let widths = share(&shown, &natural, &floor, limit);
        let mut columns: Vec<_> = shown
            .iter()
            .zip(widths)
            .map(|(index, width)| Column {
                index: Some(*index),
                width,
                right: numeric[*index],
            })
            .collect();
        if hidden > 0 {
            let gap = Column {
                index: None,
                width: 1,
                right: false,
            };
            columns.insert(left_half(columns.len()), gap);
        }
        Self {
            columns,
            tight,
            hidden,
        }
    }
}

/// The columns that fit, those in the middle dropped first; always at least one.
fn choose(floor: &[usize], limit: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..floor.len()).collect();
    while shown.len() > 1 {
        let left_out = (shown.len() < floor.len()).then_some(1);
        if line(shown.iter().map(|index| floor[*index]).chain(left_out)) <= limit {
            break;
        }
        let middle = left_half(shown.len() - 1);
        shown.remove(middle);
    }
    shown
}

/// Characters of a line with columns of these widths.
fn line(widths: impl Iterator<Item = usize>) -> usize {
    widths
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

/// Columns on the left of those that are left out: one more than on the right.
fn left_half(count: usize) -> usize {
    count.div_ceil(2)
}

/// Gives each column its floor, and what is left of the line to those that want more.
fn share(shown: &[usize], natural: &[usize], floor: &[usize], limit: usize) -> Vec<usize> {
    let left_out = if shown.len() < natural.len() {
        1 + GAP
    } else {
        0
    };
    let room = limit.saturating_sub(GAP * (shown.len() - 1) + left_out);
    if let [only] = shown {
        return vec![natural[*only].min(room.max(1))];
    }
    let mut widths: Vec<_> = shown.iter().map(|index| floor[*index]).collect();
    let mut left = room.saturating_sub(widths.iter().sum());
    while left > 0 {
        let mut grown = false;
        for (width, index) in widths.iter_mut().zip(shown) {
            if left > 0 && *width < natural[*index] {
                *width += 1;
                left -= 1;
                grown = true;
            }
        }
        if !grown {
            break;
        }
    }
    widths
}

/// Width of the longest line.
fn text_width(text: &str) -> usize {
    text.lines().map(measure_text_width).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    fn length(layout: &Layout) -> usize {
        line(layout.columns.iter().map(|column| column.width))
    }

    #[test]
    fn without_a_limit_everything_has_its_width() {
        let long = "x".repeat(500);
        let layout = Layout::new(
            &texts(&["a", "b"]),
            &[true, false],
            &[texts(&["12", &long])],
            None,
        );
        let widths: Vec<_> = layout.columns.iter().map(|c| c.width).collect();
        assert_eq!(widths, [2, 500]);
        assert_eq!(layout.hidden, 0);
    }

    #[test]
    fn texts_shrink_and_numbers_do_not() {
        let rows = [texts(&[
            "0.123456789012345",
            &"x".repeat(100),
            &"y".repeat(100),
        ])];
        let layout = Layout::new(
            &texts(&["p", "s", "t"]),
            &[true, false, false],
            &rows,
            Some(80),
        );
        let widths: Vec<_> = layout.columns.iter().map(|c| c.width).collect();
        assert_eq!(widths, [17, 30, 29]);
        assert_eq!(length(&layout), 80);
    }

    #[test]
    fn columns_in_the_middle_are_left_out() {
        let headers: Vec<_> = (0..36).map(|n| format!("column_{n}")).collect();
        let rows = [vec!["1234567".to_string(); 36]];
        let layout = Layout::new(&headers, &[true; 36], &rows, Some(80));
        assert!(length(&layout) <= 80, "{layout:?}");
        let shown: Vec<_> = layout.columns.iter().map(|c| c.index).collect();
        assert_eq!(
            shown,
            [
                Some(0),
                Some(1),
                Some(2),
                Some(3),
                None,
                Some(33),
                Some(34),
                Some(35)
            ]
        );
        assert_eq!(layout.hidden, 29);
    }

    #[test]
    fn a_single_column_is_cut_to_the_line() {
        let layout = Layout::new(
            &texts(&["t"]),
            &[false],
            &[texts(&[&"x".repeat(200)])],
            Some(80),
        );
        assert_eq!(length(&layout), 80);
    }

    #[test]
    fn a_tiny_terminal_still_gets_a_column() {
        let layout = Layout::new(&texts(&["a", "b"]), &[false, false], &[], Some(3));
        assert_eq!(
            layout.columns.iter().filter(|c| c.index.is_some()).count(),
            1
        );
    }
}
