//! A trace as one row of a list.
//! `summarise` makes it; `lists` and `live` send it.

use serde::Serialize;

/// A trace as lists and the live stream show it; see the front page of the crate for the fields.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    /// Change of the store that this row shows.
    pub(crate) seq: u64,
    /// Label of the root, up to 200 characters.
    pub(crate) name: String,
    /// Service of the root, up to 200 characters.
    pub(crate) service: String,
    /// Kind of the root.
    pub(super) kind: &'static str,
    /// HTTP or gRPC status code of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_status: Option<i64>,
    /// Start, in milliseconds since 1970; exact to a microsecond or so.
    pub(crate) start_ms: f64,
    /// Start in nanoseconds, as text: JavaScript cannot hold it exactly.
    pub(super) start_ns: String,
    /// From the first start to the last end, in nanoseconds.
    pub(crate) duration: u64,
    /// Finished spans held.
    pub(crate) spans: usize,
    /// Failed ones of them.
    pub(crate) errors: u32,
    /// Up to 16 services.
    pub(super) services: Vec<ServiceCount>,
    /// True if a parent of a span is missing.
    pub(super) incomplete: bool,
    /// Spans that have not ended.
    pub(super) open: usize,
    /// The user pinned it.
    pub(super) pinned: bool,
    /// Spans that did not fit the limit of a trace.
    pub(super) cut: u64,
    /// Log records held.
    pub(super) logs: usize,
    /// Up to 24 spans, for the small picture of a row.
    pub(super) bars: Vec<Bar>,
}

/// A service, and the number of its spans in the trace.
///
/// In the order of their first span, so that the caller is mostly before the called service.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ServiceCount {
    pub(super) name: String,
    pub(super) spans: u32,
}

/// Start, duration, index of the service, depth, flags.
///
/// An array in JSON: a list of 1,000 traces has up to 24,000.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Bar(
    pub(super) u64,
    pub(super) u64,
    pub(super) usize,
    pub(super) usize,
    pub(super) u8,
);
