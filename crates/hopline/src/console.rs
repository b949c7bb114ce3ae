//! The console: traces as trees on standard output.
//!
//! The builder adds it for `OTEL_TRACES_EXPORTER=console`; applications add it as a sink.

use std::io;

use hopline_analysis::{TreeOptions, traces};
use hopline_core::export::SpanData;
use hopline_otlp::FileSink;

/// A sink that prints each finished local trace as a tree on standard output, on a thread of its own.
///
/// `OTEL_TRACES_EXPORTER=console` adds it. If standard output is full or closed, lines are lost and counted, and no request
/// waits.
///
/// # Errors
///
/// Returns an error if no thread can be started.
///
/// # Examples
///
/// ```
/// let console = hopline::console()?;
/// let telemetry = hopline::builder("orders").without_exporter().sink(console.clone()).build()?;
/// assert_eq!(console.stats().lost(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn console() -> io::Result<FileSink> {
    FileSink::text_to(io::stdout(), trees)
}

fn trees(spans: &[SpanData]) -> String {
    let options = TreeOptions::default();
    let trees = traces(spans);
    trees
        .iter()
        .map(|trace| format!("{}\n", trace.tree(&options)))
        .collect()
}
