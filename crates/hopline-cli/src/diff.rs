//! `hopline diff`: two traces side by side.
//! `main` calls it. `hopline_analysis::diff` pairs the spans; this file chooses the two traces and prints the rows.

use std::path::Path;

use hopline_analysis::describe::label;
use hopline_analysis::diff::{Change, DiffRow, diff};
use hopline_analysis::{Trace, traces};
use hopline_core::text::shown;

use crate::args::DiffOptions;
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Compares two traces and prints a row for each span that differs, then the counts. `--all` prints equal spans too.
///
/// Without an id, the first trace of file A is compared with the trace of file B that has the same root. Returns false if
/// there is a difference, so that the exit status is 1, as that of `diff`.
///
/// # Errors
///
/// Returns an error if a file cannot be read, or has no trace with the given id.
pub(crate) fn run(options: &DiffOptions) -> Result<bool> {
    let (a, b) = (
        input::decoded(&options.a)?.spans,
        input::decoded(&options.b)?.spans,
    );
    let (a, b) = (traces(&a), traces(&b));
    let first = by_id(&a, options.trace_a.as_deref())
        .ok_or_else(|| absent(&options.a, options.trace_a.as_deref()))?;
    // two runs of one program have other ids, so traces are paired by service and label of the root
    let same_root = || {
        b.iter()
            .find(|trace| root(trace) == root(first))
            .or_else(|| b.first())
    };
    let second = match &options.trace_b {
        Some(id) => by_id(&b, Some(id)),
        // of one file, the next one
        None if options.a == options.b => b
            .iter()
            .find(|trace| root(trace) == root(first) && trace.trace_id() != first.trace_id()),
        None => same_root(),
    };
    let second = second.ok_or_else(|| match &options.trace_b {
        None if options.a == options.b => {
            "the file has no second trace with the same root; name one with --trace-b".to_owned()
        }
        id => absent(&options.b, id.as_deref()),
    })?;
    let changes = diff(first, second);
    for (sign, trace) in [("-", first), ("+", second)] {
        let id = trace
            .trace_id()
            .map(|id| id.to_string())
            .unwrap_or_default();
        draw::line(Mark::Note, &format!("{sign} trace {id}"))?;
    }
    for row in &changes.rows {
        if options.all || row.change != Change::Same {
            show(row)?;
        }
    }
    let count = |change| changes.count(change);
    let summary = format!(
        "{} same, {} slower, {} faster, {} added, {} missing",
        count(Change::Same),
        count(Change::Slower),
        count(Change::Faster),
        count(Change::Added),
        count(Change::Missing)
    );
    draw::line(Mark::Plain, &summary)?;
    Ok(count(Change::Same) == changes.rows.len())
}

/// The problem of a file without the trace.
fn absent(file: &Path, id: Option<&str>) -> String {
    let file = file.display();
    match id {
        Some(id) => format!("{file}: no trace whose id starts with `{id}`"),
        None => format!("{file}: no trace"),
    }
}

/// Finds the first trace whose id begins with `start`; without one, the first trace.
fn by_id<'t, 'a>(traces: &'t [Trace<'a>], start: Option<&str>) -> Option<&'t Trace<'a>> {
    let has = |trace: &&Trace<'_>| {
        let id = trace.trace_id().map(|id| id.to_string());
        start.is_none_or(|start| id.is_some_and(|id| id.starts_with(start)))
    };
    traces.iter().find(has)
}

/// Service and label of a trace's first root, by which traces of two runs correspond.
fn root(trace: &Trace<'_>) -> Option<(String, String)> {
    trace
        .roots()
        .next()
        .map(|root| (root.service().to_owned(), label(root)))
}

/// Prints one row: a sign, the span with its service, and its durations in milliseconds.
///
/// `+` is in B only, `-` in A only, `>` is slower and `<` faster in B. Names are escaped and cut at 200 characters, as a
/// file may have any text in them.
fn show(row: &DiffRow<'_>) -> Result<()> {
    let Some(span) = row.b.or(row.a) else {
        return Ok(());
    };
    let millis = |nanos: u64| format!("{:.1} ms", nanos as f64 / 1e6);
    let (mark, sign, times) = match (row.change, row.a, row.b) {
        (Change::Added, _, Some(b)) => (Mark::Bad, "+", millis(b.duration_nanos())),
        (Change::Missing, Some(a), _) => (Mark::Bad, "-", millis(a.duration_nanos())),
        (change, Some(a), Some(b)) => {
            let times = format!(
                "{} -> {} ({:+.1} ms)",
                millis(a.duration_nanos()),
                millis(b.duration_nanos()),
                row.delta_nanos() as f64 / 1e6
            );
            match change {
                Change::Slower => (Mark::Bad, ">", times),
                Change::Faster => (Mark::Good, "<", times),
                _ => (Mark::Plain, " ", times),
            }
        }
        _ => (Mark::Plain, " ", String::new()),
    };
    // beyond it, a line is of blanks only
    let indent = "  ".repeat(row.depth.min(40));
    let text = format!(
        "{sign} {indent}{} ▸ {}  {times}",
        shown(label(span), 200),
        shown(span.service(), 200)
    );
    draw::line(mark, &text)?;
    Ok(())
}
