//! Counts of what a sink wrote and lost.

/// What an [`Exporter`](crate::Exporter) or a [`FileSink`](crate::FileSink) did with the spans it was
/// given, since it was made.
///
/// No span is missing: `given` is the sum of all the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportStats {
    /// Spans it was given; those found in the spool of an earlier run, too.
    pub given: u64,
    /// Spans the collector took, or that are in the file.
    pub sent: u64,
    /// Spans the collector refused for good, all of a request or a part of it.
    pub rejected: u64,
    /// Spans that something took which does not answer as a collector, such as a login page or another service on that
    /// port. It answered with success, but they have most probably not arrived.
    pub unconfirmed: u64,
    /// Spans given up: retried for too long, still there when shutdown ran out of time, or not written
    /// because the file failed.
    pub abandoned: u64,
    /// Spans lost because the queue was full, or because the sink was shut down.
    pub dropped: u64,
    /// Spans in the queue now.
    pub waiting: u64,
    /// Spans in the spool on disk now.
    pub spooled: u64,
}

impl ExportStats {
    /// Spans that will not arrive, the unconfirmed ones among them.
    pub fn lost(&self) -> u64 {
        self.lost_on_the_way() + self.dropped
    }

    /// Of these, the spans that were taken into the queue.
    pub(crate) fn lost_on_the_way(&self) -> u64 {
        self.rejected + self.unconfirmed + self.abandoned
    }
}
