//! Traces as text, and a comparison with expected text.

use hopline_analysis::{TreeOptions, traces};
use hopline_core::export::SpanData;

/// All traces as trees without times and ids.
pub(crate) fn tree(spans: &[SpanData]) -> String {
    let options = TreeOptions::snapshot();
    traces(spans)
        .iter()
        .map(|trace| trace.tree(&options))
        .collect()
}

/// Asserts that the traces of these spans, as trees without times and ids, equal `expected`.
///
/// White space at the start and end of the text is ignored, so the text can begin on a new line.
///
/// # Panics
///
/// Panics if they differ; the message shows the differing lines.
///
/// # Examples
///
/// ```
/// # use hopline_core::{Incoming, SpanBuilder};
/// let (tracer, spans) = hopline_testing::tracer("jobs");
/// SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start().end();
/// hopline_testing::assert_tree(&spans.all(), "
/// job ▸ jobs
/// ");
/// ```
#[track_caller]
pub fn assert_tree(spans: &[SpanData], expected: &str) {
    let actual = tree(spans);
    if actual.trim() == expected.trim() {
        return;
    }
    let lines = |text: &str| text.trim().lines().map(str::to_owned).collect::<Vec<_>>();
    let (actual, expected) = (lines(&actual), lines(expected));
    let mut difference = String::new();
    for at in 0..actual.len().max(expected.len()) {
        match (expected.get(at), actual.get(at)) {
            (Some(expected), Some(actual)) if expected == actual => {
                difference.push_str(&format!("  {actual}\n"))
            }
            (expected, actual) => {
                difference.extend(expected.map(|line| format!("- {line}\n")));
                difference.extend(actual.map(|line| format!("+ {line}\n")));
            }
        }
    }
    panic!("the trace is not as expected (- expected, + recorded):\n{difference}");
}
