//! Counters of the store: what is held, what was received, what was lost and why.

use serde::Serialize;

/// Counters of a viewer, as [`View::counts`](crate::View::counts) reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Counts {
    /// Bytes held, by the store's own count.
    pub bytes: usize,
    /// Traces held.
    pub traces: usize,
    /// Finished spans held.
    pub spans: usize,
    /// Log records held.
    pub logs: usize,
    /// Spans of this process that have not ended.
    pub open_spans: usize,
    /// Received so far.
    pub received: Received,
    /// Second records of a span that was held already.
    pub merged: u64,
    /// Let go of so far, by reason.
    pub evicted: Vec<Evicted>,
    /// Values and lists that were cut to their limit.
    pub cut_values: u64,
    /// Values that were masked as secrets.
    pub masked: u64,
    /// Spans of this process that were dropped because the viewer did not keep up.
    pub queue_dropped: u64,
}

/// Received so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Received {
    /// Spans, those that were let go of included.
    pub spans: u64,
    /// Log records.
    pub logs: u64,
    /// Metrics, which are counted and not stored.
    pub metrics: u64,
    /// Requests that were accepted.
    pub requests: u64,
    /// Requests that were refused: malformed, too large, of a wrong type.
    pub rejected: u64,
}

/// Let go of for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Evicted {
    /// `bytes`, `traces`, `spans_per_trace`, `logs` or `cleared`.
    pub reason: &'static str,
    /// Traces.
    pub traces: u64,
    /// Spans, or log records for the reason `logs`.
    pub spans: u64,
}

/// Why something is let go of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    /// The bytes of all traces exceed their limit.
    Bytes,
    /// The number of traces exceeds its limit.
    Traces,
    /// The trace is at its limit: the new span is not stored.
    SpansPerTrace,
    /// A log record belongs to no trace, its trace is at the limit for records, or its trace was evicted.
    Logs,
    /// The user removed the traces.
    Cleared,
}

/// The reasons as the API names them, in the order of `Reason`, which indexes them.
pub(crate) const REASONS: [&str; 5] = ["bytes", "traces", "spans_per_trace", "logs", "cleared"];

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    pub(crate) cut_values: u64,
    pub(crate) masked: u64,
    pub(crate) merged: u64,
    /// Traces, and spans or log records, by reason.
    evicted: [(u64, u64); 5],
}

impl Loss {
    /// Counts an eviction. For `Reason::Logs`, `spans` is a number of log records.
    pub(crate) fn evict(&mut self, reason: Reason, traces: u64, spans: u64) {
        let counter = &mut self.evicted[reason as usize];
        counter.0 += traces;
        counter.1 += spans;
    }

    /// Returns one entry for each reason, those without an eviction included, so that a reader finds each by its
    /// place.
    pub(crate) fn evicted(&self) -> Vec<Evicted> {
        let counters = REASONS.iter().zip(self.evicted);
        let evicted = counters.map(|(reason, (traces, spans))| Evicted {
            reason,
            traces,
            spans,
        });
        evicted.collect()
    }
}
