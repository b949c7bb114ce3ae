//! A span and a log record as the store holds them: interned text, boxed lists.
//! `Store` makes them from decoded spans with `Storing`, which masks, cuts and interns, and reads them back as `SpanData`.

use std::sync::Arc;

use hopline_core::export::{EventData, LinkData, OwnedValue, ScopeData, SpanData, StatusData};
use hopline_core::propagation::TraceState;
use hopline_core::{Resource, SpanContext, SpanId, SpanKind, TraceFlags, TraceId};

use super::counts::Loss;
use super::mask::{cut, masked};
use super::text::{Interner, Text};
use crate::LogData;

/// A finished or open span of a trace.
///
/// Texts are interned, because names, keys and most values repeat; each is released when the span is evicted.
#[derive(Debug)]
pub(crate) struct StoredSpan {
    /// Unique within the trace.
    pub(crate) id: SpanId,
    /// `None` for a root.
    pub(crate) parent: Option<SpanId>,
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: u64,
    /// Nanoseconds since the Unix epoch; not before the start.
    pub(crate) end: u64,
    /// Two spans of one id and different kinds are distinct, as in Zipkin's model.
    pub(crate) kind: SpanKind,
    /// Flags of the span's context.
    pub(crate) flags: TraceFlags,
    /// The parent is in another process.
    pub(crate) is_remote: bool,
    /// The status is an error.
    pub(crate) is_error: bool,
    /// Cut to the limit for values, as all texts are.
    pub(crate) name: Text,
    /// Description of the error status.
    pub(crate) message: Option<Text>,
    pub(crate) attributes: Attributes,
    pub(crate) events: Box<[StoredEvent]>,
    /// Contexts only: attributes of links are not stored.
    links: Box<[SpanContext]>,
    /// Of the span's context.
    tracestate: TraceState,
    /// Attributes, events and links that the source dropped.
    dropped: [u32; 3],
    /// Name and version.
    scope: [Text; 2],
    /// Shared by all spans of one service in a request; see [`Origins`](super::origin::Origins).
    pub(crate) resource: Arc<StoredResource>,
}

/// Keys and values in the order of the source.
pub(crate) type Attributes = Box<[(Text, StoredValue)]>;

/// An attribute value with interned text.
#[derive(Debug)]
pub(crate) enum StoredValue {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Text),
    Array(Box<[Self]>),
}

/// An event of a span.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) name: Text,
    /// Nanoseconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) attributes: Attributes,
}

/// A resource with the name of its service at hand.
#[derive(Debug)]
pub(crate) struct StoredResource {
    /// `service.name`, empty without one.
    pub(crate) service: Text,
    /// Masked and cut.
    pub(crate) resource: Arc<Resource>,
}

/// A log record of a trace.
#[derive(Debug)]
pub(crate) struct StoredLog {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time: u64,
    /// 1 to 24, 0 if unknown.
    pub(crate) severity: u8,
    pub(crate) severity_text: Text,
    /// As text, masked by its form: a body has no key.
    pub(crate) body: Text,
    /// `None` for a record of the trace as a whole.
    pub(crate) span: Option<SpanId>,
    pub(crate) attributes: Attributes,
    pub(crate) resource: Arc<StoredResource>,
}

/// Elements of one list that are kept: attributes, events, links, elements of an array.
///
/// Further ones are left out and counted.
const MAX_ITEMS: usize = 1024;
/// Bytes of a key.
///
/// A longer one is cut, so two long keys may become equal.
const MAX_KEY: usize = 1024;

/// Makes stored values, and counts what it masks and cuts.
#[derive(Debug)]
pub(crate) struct Storing<'a> {
    /// Interns each text.
    pub(crate) texts: &'a mut Interner,
    /// Bytes of a value, by the limits.
    pub(crate) value_bytes: usize,
    /// Counts masked and cut values.
    pub(crate) loss: &'a mut Loss,
}

impl Storing<'_> {
    /// Stores a span. An end before the start, from clocks that differ, becomes the start.
    pub(crate) fn span(&mut self, span: &SpanData, resource: &Arc<StoredResource>) -> StoredSpan {
        let (is_error, message) = match &span.status {
            StatusData::Error { message } => (true, message.as_str()),
            StatusData::Unset => (false, ""),
        };
        let events = self.items(&span.events, |storing, event| StoredEvent {
            name: storing.text("", &event.name),
            time: event.time_unix_nanos,
            attributes: storing.attributes(&event.attributes),
        });
        StoredSpan {
            id: span.span_id,
            parent: span.parent,
            start: span.start_unix_nanos,
            end: span.end_unix_nanos.max(span.start_unix_nanos),
            kind: span.kind,
            flags: span.flags,
            is_remote: span.parent_is_remote,
            is_error,
            name: self.text("", &span.name),
            message: (!message.is_empty()).then(|| self.text("", message)),
            attributes: self.attributes(&span.attributes),
            events,
            links: self.items(&span.links, |_, link| link.span_context.clone()),
            tracestate: span.tracestate.clone(),
            dropped: [
                span.dropped_attributes,
                span.dropped_events,
                span.dropped_links,
            ],
            scope: [
                self.text("", &span.scope.name),
                self.text("", &span.scope.version),
            ],
            resource: Arc::clone(resource),
        }
    }

    /// Stores a log record of a trace. Its texts are masked, cut and interned as those of a span.
    pub(crate) fn log(&mut self, log: &LogData, resource: &Arc<StoredResource>) -> StoredLog {
        StoredLog {
            time: log.time_unix_nanos,
            severity: log.severity,
            severity_text: self.text("", &log.severity_text),
            body: self.text("", &log.body),
            span: log.span_id,
            attributes: self.attributes(&log.attributes),
            resource: Arc::clone(resource),
        }
    }

    /// Stores the first `MAX_ITEMS` attributes.
    fn attributes(&mut self, attributes: &[(String, OwnedValue)]) -> Attributes {
        self.items(attributes, |storing, (key, value)| {
            let stored = storing.value(key, value);
            let key = cut(key, MAX_KEY);
            (storing.texts.intern(key), stored)
        })
    }

    /// Stores a value. An element of an array is masked by the key of the array.
    fn value(&mut self, key: &str, value: &OwnedValue) -> StoredValue {
        match value {
            OwnedValue::Bool(truth) => StoredValue::Bool(*truth),
            OwnedValue::I64(number) => StoredValue::I64(*number),
            OwnedValue::F64(number) => StoredValue::F64(*number),
            OwnedValue::Text(text) => StoredValue::Text(self.text(key, text)),
            // an element that is an array itself is text: nothing nests, so nothing recurses
            OwnedValue::Array(values) => {
                StoredValue::Array(self.items(values, |storing, value| match value {
                    OwnedValue::Array(_) => {
                        StoredValue::Text(storing.text(key, &value.to_string()))
                    }
                    flat => storing.value(key, flat),
                }))
            }
        }
    }

    /// Cuts first, then masks: the cost of masking is bounded by the limit, and a secret that is cut is still found
    /// by its key or by the form of its start.
    fn text(&mut self, key: &str, text: &str) -> Text {
        let part = cut(text, self.value_bytes);
        self.loss.cut_values += u64::from(part.len() < text.len());
        let shown = masked(key, part);
        self.loss.masked +=
            u64::from(matches!(shown, std::borrow::Cow::Owned(_)) || !std::ptr::eq(&*shown, part));
        self.texts.intern(&shown)
    }

    /// Stores up to `MAX_ITEMS` elements in a boxed list, which has no spare capacity.
    fn items<T, S>(&mut self, items: &[T], mut store: impl FnMut(&mut Self, &T) -> S) -> Box<[S]> {
        self.loss.cut_values += items.len().saturating_sub(MAX_ITEMS) as u64;
        items
            .iter()
            .take(MAX_ITEMS)
            .map(|item| store(self, item))
            .collect()
    }
}

impl StoredSpan {
    /// Bytes that it holds elsewhere, beside interned text and the resource.
    ///
    /// The limit of the store is compared with the sum of these, so a field that is added has to be added here too.
    pub(crate) fn bytes(&self) -> usize {
        // the index of the trace has an entry for each span
        const INDEX: usize = 32;
        let events = self
            .events
            .iter()
            .map(|event| size_of::<StoredEvent>() + attribute_bytes(&event.attributes));
        let links = self
            .links
            .iter()
            .map(|link| size_of::<SpanContext>() + link.tracestate().as_str().len());
        INDEX
            + attribute_bytes(&self.attributes)
            + events.sum::<usize>()
            + links.sum::<usize>()
            + self.tracestate.as_str().len()
    }

    /// The value of this key. A scan, since most spans have fewer than 20 attributes.
    pub(crate) fn attribute(&self, key: &str) -> Option<&StoredValue> {
        self.attributes
            .iter()
            .find(|(known, _)| **known == *key)
            .map(|(_, value)| value)
    }

    /// Copies the span with its texts, for readers outside the lock.
    pub(crate) fn to_data(&self, trace_id: TraceId) -> SpanData {
        let mut span = self.outline(trace_id);
        span.name = self.name.as_ref().to_owned();
        span.tracestate = self.tracestate.clone();
        span.attributes = owned(&self.attributes);
        let events = self.events.iter().map(|event| EventData {
            name: event.name.as_ref().to_owned(),
            time_unix_nanos: event.time,
            attributes: owned(&event.attributes),
        });
        span.events = events.collect();
        let links = self.links.iter().map(|link| LinkData {
            span_context: link.clone(),
        });
        span.links = links.collect();
        [
            span.dropped_attributes,
            span.dropped_events,
            span.dropped_links,
        ] = self.dropped;
        let [name, version] = &self.scope;
        span.scope = ScopeData {
            name: name.as_ref().to_owned().into(),
            version: version.as_ref().to_owned().into(),
        };
        if self.is_error {
            span.status = StatusData::Error {
                message: self.message.as_deref().unwrap_or_default().to_owned(),
            };
        }
        span
    }

    /// The span without its texts: enough to join a tree.
    pub(crate) fn outline(&self, trace_id: TraceId) -> SpanData {
        let mut span = SpanData::new(String::new(), trace_id, self.id);
        span.parent = self.parent;
        span.parent_is_remote = self.is_remote;
        span.kind = self.kind;
        span.flags = self.flags;
        (span.start_unix_nanos, span.end_unix_nanos) = (self.start, self.end);
        if self.is_error {
            span.status = StatusData::Error {
                message: String::new(),
            };
        }
        span.resource = Arc::clone(&self.resource.resource);
        span
    }

    /// Takes over what a second record of the same span has.
    ///
    /// The longer list wins: the first record may be of a span that had not ended, and an exporter that sends a batch
    /// twice changes nothing.
    pub(crate) fn merge(&mut self, mut newer: Self, texts: &mut Interner) {
        self.start = self.start.min(newer.start);
        self.end = self.end.max(newer.end);
        self.is_error |= newer.is_error;
        std::mem::swap(&mut self.name, &mut newer.name);
        if newer.message.is_some() {
            std::mem::swap(&mut self.message, &mut newer.message);
        }
        if newer.attributes.len() >= self.attributes.len() {
            std::mem::swap(&mut self.attributes, &mut newer.attributes);
        }
        if newer.events.len() >= self.events.len() {
            std::mem::swap(&mut self.events, &mut newer.events);
        }
        if newer.links.len() >= self.links.len() {
            std::mem::swap(&mut self.links, &mut newer.links);
        }
        newer.release(texts);
    }

    /// Gives its texts back.
    pub(crate) fn release(self, texts: &mut Interner) {
        release(self.attributes, texts);
        for event in self.events {
            texts.release(event.name);
            release(event.attributes, texts);
        }
        for text in [Some(self.name), self.message]
            .into_iter()
            .flatten()
            .chain(self.scope)
        {
            texts.release(text);
        }
    }
}

impl StoredLog {
    /// Bytes that the record takes, beside interned text and the resource.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + attribute_bytes(&self.attributes)
    }

    /// Copies the record with its texts.
    pub(crate) fn to_data(&self, trace_id: TraceId) -> LogData {
        LogData {
            time_unix_nanos: self.time,
            severity: self.severity,
            severity_text: self.severity_text.as_ref().to_owned(),
            body: self.body.as_ref().to_owned(),
            trace_id: Some(trace_id),
            span_id: self.span,
            attributes: owned(&self.attributes),
            resource: Arc::clone(&self.resource.resource),
        }
    }

    /// Gives its texts back; the caller releases the resource.
    pub(crate) fn release(self, texts: &mut Interner) {
        release(self.attributes, texts);
        texts.release(self.severity_text);
        texts.release(self.body);
    }
}

impl StoredValue {
    /// Copies the value with its texts.
    pub(crate) fn to_owned_value(&self) -> OwnedValue {
        match self {
            Self::Bool(truth) => OwnedValue::Bool(*truth),
            Self::I64(number) => OwnedValue::I64(*number),
            Self::F64(number) => OwnedValue::F64(*number),
            Self::Text(text) => OwnedValue::Text(text.as_ref().to_owned()),
            Self::Array(values) => {
                OwnedValue::Array(values.iter().map(Self::to_owned_value).collect())
            }
        }
    }

    fn release(self, texts: &mut Interner) {
        match self {
            Self::Text(text) => texts.release(text),
            // arrays do not nest
            Self::Array(values) => values.into_iter().for_each(|value| value.release(texts)),
            Self::Bool(_) | Self::I64(_) | Self::F64(_) => {}
        }
    }
}

fn release(attributes: Attributes, texts: &mut Interner) {
    for (key, value) in attributes {
        texts.release(key);
        value.release(texts);
    }
}

fn attribute_bytes(attributes: &[(Text, StoredValue)]) -> usize {
    let more = |value: &StoredValue| match value {
        StoredValue::Array(values) => size_of_val(&**values),
        _ => 0,
    };
    attributes
        .iter()
        .map(|(_, value)| size_of::<(Text, StoredValue)>() + more(value))
        .sum()
}

fn owned(attributes: &[(Text, StoredValue)]) -> Vec<(String, OwnedValue)> {
    let owned =
        |(key, value): &(Text, StoredValue)| (key.as_ref().to_owned(), value.to_owned_value());
    attributes.iter().map(owned).collect()
}
