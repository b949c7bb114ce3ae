//! `hopline print` and `hopline check`: files as trees, and their self-check.
//! `main` calls both. Trees are drawn by `draw`, and the checks are `hopline_analysis::self_check`'s.

use hopline_analysis::{Expectations, self_check};

use crate::args::{CheckOptions, PrintOptions};
use crate::draw::{self, Mark};
use crate::{Result, input};

/// Prints the traces that match the query, the oldest first.
///
/// # Errors
///
/// Returns an error if a file cannot be read or standard output cannot be written.
pub(crate) fn run(options: &PrintOptions) -> Result<bool> {
    let found = input::matching(&options.files, &options.query)?;
    if found.is_empty() {
        draw::note_line("no trace matches")?;
    }
    for spans in found {
        draw::trees(&spans, &options.drawing, None)?;
    }
    Ok(true)
}

/// Prints the findings of the self-check over all files together. Returns false if there is one, or if there is no span: a
/// pipeline whose services exported nothing must not pass.
///
/// Files are read as one set, because a trace may be spread over the files of several services.
///
/// # Errors
///
/// Returns an error if a file cannot be read or standard output cannot be written.
pub(crate) fn check(options: &CheckOptions) -> Result<bool> {
    let mut expected = Expectations::new()
        .max_spans(options.max_spans)
        .max_repeats(options.max_repeats);
    if let Some(count) = options.traces {
        expected = expected.requests(count);
    }
    for key in &options.attributes {
        expected = expected.attribute(key);
    }
    let spans = input::spans(&options.files)?;
    if spans.is_empty() && options.traces != Some(0) {
        let text = "no span in these files: nothing was exported, or it was exported elsewhere";
        draw::line(Mark::Bad, text)?;
        return Ok(false);
    }
    let report = self_check(&spans, &expected);
    for line in report.to_string().lines() {
        draw::line(Mark::Plain, line)?;
    }
    Ok(report.is_ok())
}
