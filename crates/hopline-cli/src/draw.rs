//! Writes to the terminal: trees with colours, where the terminal has them.
//! All commands print through it, so that colours, pipes and `NO_COLOR` are treated in one place. A closed pipe is an error
//! here, and `main` ends quietly at it.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use hopline_analysis::{TreeOptions, traces};
use hopline_core::export::SpanData;
use hopline_view::export::json_line;

use crate::args::Drawing;

/// Colours of the eight that each terminal has, so that its own theme applies.
const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// The meaning of a line, shown by its colour.
///
/// The text has the same meaning in words or signs, as colours are absent in a pipe.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// Green: an assertion holds, a span is faster.
    Good,
    /// Red: an assertion fails, a span is slower or absent.
    Bad,
    /// Dimmed: a heading or a remark.
    Note,
    /// Without colour.
    Plain,
}

/// Writes a line to standard output. Colours are left out for a pipe, and where `NO_COLOR` asks.
///
/// # Errors
///
/// Returns an error if standard output cannot be written, such as a closed pipe.
pub(crate) fn line(mark: Mark, text: &str) -> io::Result<()> {
    let style = match mark {
        Mark::Good => GREEN,
        Mark::Bad => RED,
        Mark::Note => DIM,
        Mark::Plain => Style::new(),
    };
    writeln!(anstream::stdout(), "{style}{text}{style:#}")
}

/// Writes a line to standard error, in red.
///
/// # Errors
///
/// Returns an error if standard error cannot be written.
pub(crate) fn error_line(text: &str) -> io::Result<()> {
    writeln!(anstream::stderr(), "{RED}{text}{RED:#}")
}

/// Writes a remark to standard error, so that standard output has results only.
///
/// # Errors
///
/// Returns an error if standard error cannot be written.
pub(crate) fn note_line(text: &str) -> io::Result<()> {
    writeln!(anstream::stderr(), "{DIM}{text}{DIM:#}")
}

/// Writes each trace of these spans, in one call, so that other output does not come between.
///
/// With `--json` it writes one JSON object and line for each trace. `page` is the URL of the viewer that has the traces: a
/// tree has a link in place of the trace id.
///
/// # Errors
///
/// Returns an error if standard output cannot be written, such as a closed pipe.
pub(crate) fn trees(spans: &[SpanData], drawing: &Drawing, page: Option<&str>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    for trace in traces(spans) {
        if drawing.json {
            writeln!(out, "{}", json_line(&trace))?;
        } else {
            let tree = trace.tree(&options(drawing));
            let link = page.zip(trace.trace_id());
            let (heading, rows) = match (link, tree.split_once('\n')) {
                (Some((page, id)), Some((_, rows))) => {
                    (format!("{DIM}{page}t/{id}{DIM:#}\n"), rows)
                }
                _ => (String::new(), tree.as_str()),
            };
            let rows: String = rows.lines().map(coloured).collect();
            writeln!(out, "{heading}{rows}")?;
        }
    }
    out.flush()
}

/// Options for a tree: `--width`, else the width of the terminal, else 110 columns.
///
/// A pipe has no width, and a fixed one makes its output the same on each machine.
fn options(drawing: &Drawing) -> TreeOptions {
    /// Columns where there is no terminal.
    const COLUMNS: usize = 110;
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let width = drawing.width.or_else(terminal).unwrap_or(COLUMNS);
    let options = TreeOptions::default().width(width).max_lines(drawing.lines);
    drawing
        .attributes
        .iter()
        .fold(options, |options, key| options.attribute(key))
}

/// Colours for the marks of a tree. The text is escaped already, so a span has no marks of its own but in its name.
fn coloured(line: &str) -> String {
    if line.starts_with("trace ") || line.starts_with('…') {
        return format!("{DIM}{line}{DIM:#}\n");
    }
    let mut out = String::with_capacity(line.len() + 32);
    let mut in_bar = false;
    for c in line.chars() {
        if (c == '█') != in_bar {
            in_bar = c == '█';
            let end = format!("{CYAN:#}");
            out.push_str(&if in_bar { CYAN.to_string() } else { end });
        }
        match c {
            '✗' => out.push_str(&format!("{RED}✗{RED:#}")),
            '◀' => out.push_str(&format!("{YELLOW}◀{YELLOW:#}")),
            c => out.push(c),
        }
    }
    if in_bar {
        out.push_str(&format!("{CYAN:#}"));
    }
    out.push('\n');
    out
}
