//! Traces for people to read.

use std::io;

use hopline_analysis::{TreeOptions, traces};
use hopline_core::export::SpanData;
use hopline_otlp::FileSink;

/// A sink that prints each finished local trace as a tree on standard output, by a thread of its own.
///
/// What `OTEL_TRACES_EXPORTER=console` adds. A standard output that is full or closed costs lines, which
/// are counted, and holds nobody up.
///
/// # Errors
///
/// If no thread can be started.
///
/// # Examples
///
/// ```
/// let telemetry = hopline::builder("orders").without_otlp().sink(hopline::console()?).build()?;
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
