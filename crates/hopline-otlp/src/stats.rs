//! Counts of what a sink wrote and lost.

/// What an [`Exporter`](crate::Exporter) or a [`FileSink`](crate::FileSink) did with the spans it was
/// given, since it was made.
///
/// No span is missing: `accepted` is the sum of `sent`, `rejected`, `abandoned` and `waiting`, and what
/// was never accepted is in `dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportStats {
    /// Spans taken into the queue.
    pub accepted: u64,
    /// Spans the collector took, or that are in the file.
    pub sent: u64,
    /// Spans the collector refused for good, all of a request or a part of it.
    pub rejected: u64,
    /// Spans given up: retried for too long, still there when shutdown ran out of time, or not written
    /// because the file failed.
    pub abandoned: u64,
    /// Spans not taken because the queue was full, or because the sink was shut down.
    pub dropped: u64,
    /// Spans in the queue now.
    pub waiting: u64,
}

impl ExportStats {
    /// Spans that will not arrive.
    pub fn lost(&self) -> u64 {
        self.rejected + self.abandoned + self.dropped
    }
}
