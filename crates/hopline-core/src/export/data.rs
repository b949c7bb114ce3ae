//! Finished spans as owned values, for analysis, tests and decoders.

use std::borrow::Cow;
use std::sync::Arc;

use crate::attribute::owned::OwnedValue;
use crate::attribute::resource::Resource;
use crate::kind::SpanKind;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id::{SpanId, TraceId};
use crate::propagation::span_context::SpanContext;
use crate::propagation::trace_state::TraceState;
use crate::sampling::ot_member;
use crate::sampling::threshold::Threshold;
use crate::scope::InstrumentationScope;

/// A finished span that owns its data.
///
/// Exporters read [`SpanView`](crate::export::SpanView)s of a [`Batch`](crate::Batch) instead, which copy nothing.
///
/// # Examples
///
/// ```
/// use hopline_core::{SpanId, SpanKind, TraceId, export::SpanData};
///
/// let trace = TraceId::from_u128(1).unwrap();
/// let mut span = SpanData::new("GET /orders/{id}", trace, SpanId::from_u64(2).unwrap());
/// span.kind = SpanKind::Server;
/// span.attributes.push(("http.response.status_code".into(), 200.into()));
/// assert_eq!(span.attribute("http.response.status_code").and_then(|v| v.as_i64()), Some(200));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "decoders make it, and have to supply each fact"
)]
pub struct SpanData {
    /// The name.
    pub name: String,
    /// The kind: its role between processes.
    pub kind: SpanKind,
    /// The id of its trace.
    pub trace_id: TraceId,
    /// The id of the span.
    pub span_id: SpanId,
    /// The id of its parent, in this process or another; `None` for the root of a trace.
    pub parent: Option<SpanId>,
    /// True if the parent ran in another process.
    pub parent_is_remote: bool,
    /// The trace flags.
    pub flags: TraceFlags,
    /// The tracestate.
    pub tracestate: TraceState,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End, in nanoseconds since the Unix epoch.
    pub end_unix_nanos: u64,
    /// The attributes, each key once.
    pub attributes: Vec<(String, OwnedValue)>,
    /// The events.
    pub events: Vec<EventData>,
    /// The links to spans that are not its parent.
    pub links: Vec<LinkData>,
    /// The status.
    pub status: StatusData,
    /// Attributes lost to a limit.
    pub dropped_attributes: u32,
    /// Events lost to a limit.
    pub dropped_events: u32,
    /// Links lost to a limit.
    pub dropped_links: u32,
    /// The library that recorded it.
    pub scope: ScopeData,
    /// The service that made it.
    pub resource: Arc<Resource>,
}

impl SpanData {
    /// Creates an internal span without attributes, of no duration, by an unknown library of an unknown service.
    pub fn new(name: impl Into<String>, trace_id: TraceId, span_id: SpanId) -> Self {
        Self {
            name: name.into(),
            kind: SpanKind::Internal,
            trace_id,
            span_id,
            parent: None,
            parent_is_remote: false,
            flags: TraceFlags::SAMPLED,
            tracestate: TraceState::default(),
            start_unix_nanos: 0,
            end_unix_nanos: 0,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            status: StatusData::Unset,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            scope: ScopeData::default(),
            resource: Arc::default(),
        }
    }

    /// The value of an attribute; `None` if it is not recorded.
    pub fn attribute(&self, key: &str) -> Option<&OwnedValue> {
        self.attributes
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value)
    }

    /// The value of a text attribute; `None` if it is not recorded, or no text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attribute(key)?.as_str()
    }

    /// The number of spans that it represents, itself included: the sum over sampled spans estimates the number of all.
    ///
    /// Zero for a span that was kept although it was not sampled: it represents no other. `None` if the probability is
    /// unknown, or [not accepted](crate::sampling::Threshold#trust).
    pub fn adjusted_count(&self) -> Option<f64> {
        adjusted_count(self.flags, &self.tracestate)
    }

    /// The duration in nanoseconds; zero if a decoded span ends before its start.
    pub fn duration_nanos(&self) -> u64 {
        self.end_unix_nanos.saturating_sub(self.start_unix_nanos)
    }

    /// True if the status is ERROR.
    pub fn is_error(&self) -> bool {
        matches!(self.status, StatusData::Error { .. })
    }

    /// The `service.name` of the service that recorded it.
    pub fn service(&self) -> &str {
        self.resource.service_name()
    }
}

pub(crate) fn adjusted_count(flags: TraceFlags, tracestate: &TraceState) -> Option<f64> {
    if flags.is_sampled() {
        ot_member::read(tracestate)
            .threshold
            .filter(|threshold| threshold.is_plausible())
            .map(Threshold::adjusted_count)
    } else {
        Some(0.0)
    }
}

/// An event: a named moment of a span, with attributes.
///
/// # Examples
///
/// ```
/// use hopline_core::export::EventData;
///
/// let event = EventData { name: "retry".to_owned(), time_unix_nanos: 5, attributes: Vec::new() };
/// assert_eq!(event.name, "retry");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "decoders make it, and have to supply each fact"
)]
pub struct EventData {
    /// The name.
    pub name: String,
    /// The time, in nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// The attributes.
    pub attributes: Vec<(String, OwnedValue)>,
}

/// A link: a relation to a span that is not the parent.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "decoders make it, and have to supply each fact"
)]
pub struct LinkData {
    /// The identity of the linked span.
    pub span_context: SpanContext,
}

/// The library that recorded a span. Empty if it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "decoders make it, and have to supply each fact"
)]
pub struct ScopeData {
    /// The name.
    pub name: Cow<'static, str>,
    /// The version.
    pub version: Cow<'static, str>,
}

impl From<&InstrumentationScope> for ScopeData {
    fn from(scope: &InstrumentationScope) -> Self {
        Self {
            name: scope.name().into(),
            version: scope.version().into(),
        }
    }
}

/// The status of a span. There is no "ok": OpenTelemetry reserves it for operators, and no error means success.
///
/// # Examples
///
/// ```
/// use hopline_core::export::StatusData;
///
/// let failed = StatusData::Error { message: "card declined".to_owned() };
/// assert_ne!(failed, StatusData::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "readers handle each status")]
pub enum StatusData {
    /// No error is known.
    #[default]
    Unset,
    /// The operation failed.
    Error {
        /// The message that the application recorded; empty if there is none.
        message: String,
    },
}
