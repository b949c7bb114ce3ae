//! Tables of text with aligned columns.
//!
//! Latency, the service map and `why` print with it. Widths are columns of a terminal, so wide characters align too.

use std::fmt;

use hopline_core::text::shown;
use unicode_width::UnicodeWidthStr;

use crate::NAME;

/// Writes the head and rows with aligned columns. A column is left-aligned if its head ends with a space, otherwise
/// right-aligned, as numbers are. Cells are escaped and cut.
///
/// # Errors
///
/// Returns the formatter's error.
pub(crate) fn write(
    f: &mut fmt::Formatter<'_>,
    head: &[&str],
    rows: &[Vec<String>],
) -> fmt::Result {
    let shown = |row: &Vec<String>| {
        row.iter()
            .map(|cell| shown(cell, NAME).to_string())
            .collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
    let cell_width =
        |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.width());
    let width = |column: usize| {
        rows.iter()
            .map(|row| cell_width(row, column))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(at, title)| title.trim_end().width().max(width(at)))
        .collect();
    let titles = head
        .iter()
        .map(|title| title.trim_end().to_owned())
        .collect();
    for row in std::iter::once(&titles).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), title) in row.iter().zip(&widths).zip(head) {
            let space = " ".repeat(width - cell.width());
            let (before, after) = if title.ends_with(' ') {
                ("", space.as_str())
            } else {
                (space.as_str(), "")
            };
            line.extend([before, cell, after, "  "]);
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
