//! Counts of the spans that a sink wrote and lost.
//!
//! The queue counts; the exporter and the file sink show a copy.

/// The spans that an [`Exporter`](crate::Exporter) or a [`FileSink`](crate::FileSink) received since it was made, by their
/// result.
///
/// No span is missing: `given` is the sum of all other fields.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_core::{Incoming, SpanBuilder, Tracer};
/// use hopline_otlp::FileSink;
///
/// let sink = FileSink::to_writer(std::io::sink())?;
/// let tracer = Tracer::builder().sink(sink.clone()).build();
/// SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start().end();
/// tracer.shutdown(Duration::from_secs(5))?;
///
/// let stats = sink.stats();
/// assert_eq!((stats.given, stats.sent, stats.lost(), stats.waiting), (1, 1, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportStats {
    /// Spans received, including those found in the spool of an earlier process.
    pub given: u64,
    /// Spans that the collector accepted, or that are in the file.
    pub sent: u64,
    /// Spans that the collector refused for good, whole requests or parts of them.
    pub rejected: u64,
    /// Spans accepted by something that does not respond like a collector, such as a login page or another service on
    /// that port. They have probably not arrived.
    pub unconfirmed: u64,
    /// Spans given up: retried for too long, left at the end of a shutdown, or lost by a failed file.
    pub abandoned: u64,
    /// Spans lost because the queue was full or the sink was shut down.
    pub dropped: u64,
    /// Spans that wait in the queue at the moment.
    pub waiting: u64,
    /// Spans that wait in the spool on disk at the moment.
    pub spooled: u64,
}

impl ExportStats {
    /// Spans that will not arrive: rejected, unconfirmed, abandoned and dropped.
    pub fn lost(&self) -> u64 {
        self.lost_on_the_way() + self.dropped
    }

    /// The lost spans among those that were added to the queue.
    pub(crate) fn lost_on_the_way(&self) -> u64 {
        self.rejected + self.unconfirmed + self.abandoned
    }
}
