//! Batches: finished spans as sinks receive them, and the views that read them without a copy.

use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::attribute::read::AttrIter;
use crate::attribute::resource::Resource;
use crate::attribute::table::{NONE, RecordedValue, STATUS_MESSAGE};
use crate::attribute::value_ref::ValueRef;
use crate::export::data::{EventData, LinkData, SpanData, StatusData, adjusted_count};
use crate::export::home::Home;
use crate::kind::SpanKind;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id::{SpanId, TraceId};
use crate::propagation::span_context::SpanContext;
use crate::propagation::trace_state::TraceState;
use crate::record::chunk::{Chunk, Part};
use crate::record::records::{Dropped, Ends, EventRecord, LinkRecord, SpanFlags, SpanRecord};
use crate::scope::InstrumentationScope;

/// Finished spans, immutable and shared: several sinks may hold one as long as they need it.
///
/// Its memory returns to the tracer when the last holder drops it.
///
/// # Examples
///
/// A sink that prints each span:
///
/// ```
/// use std::sync::Arc;
/// use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer, attr};
///
/// struct Print;
///
/// impl Sink for Print {
///     fn accept(&self, batch: &Arc<Batch>) {
///         for span in batch.spans() {
///             let attributes: Vec<String> = span.attributes().map(|(key, value)| format!("{key}={value}")).collect();
///             println!("{} {}", span.name(), attributes.join(" "));
///             assert_eq!(attributes, ["cart.items=3"]);
///         }
///     }
/// }
///
/// let tracer = Tracer::builder().sink(Print).build();
/// let job = SpanBuilder::new("checkout").tracer(&tracer).parent(Incoming::default());
/// job.attributes(|| [attr("cart.items", 3)]).start().end();
/// ```
#[derive(Debug)]
pub struct Batch {
    chunk: Chunk,
    resource: Arc<Resource>,
    keep_slower: Option<Duration>,
    bytes: usize,
    home: Weak<dyn Home>,
}

impl Batch {
    pub(crate) fn new(
        chunk: Chunk,
        resource: Arc<Resource>,
        keep_slower: Option<Duration>,
        home: Weak<dyn Home>,
    ) -> Self {
        Self {
            bytes: size_of::<Self>() + chunk.capacity_bytes(),
            chunk,
            resource,
            keep_slower,
            home,
        }
    }

    /// The number of spans.
    pub fn len(&self) -> usize {
        self.chunk.records.spans.len()
    }

    /// True if there is no span.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of memory that the batch holds: its spans, allocations that they own such as tracestates, and unused
    /// capacity. For sinks that bound their memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The resource of the service that recorded the spans.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// The `keep slower` limit of the plan at hand-over, if it has one. Exporters use it to drop slow traces last.
    pub fn keep_slower(&self) -> Option<Duration> {
        self.keep_slower
    }

    /// The spans. Those of one local trace are adjacent.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'_>> {
        let mut start = Ends::default();
        self.chunk.parts.iter().flat_map(move |part| {
            let from = std::mem::replace(&mut start, part.ends);
            let spans = self
                .chunk
                .records
                .spans
                .get(from.spans..part.ends.spans)
                .unwrap_or_default();
            let view = move |(index, record)| SpanView {
                batch: self,
                part,
                from,
                record,
                index: index as u32,
            };
            spans.iter().enumerate().map(view)
        })
    }

    /// Copies the spans into owned values.
    ///
    /// For tests and tools. Exporters read [`spans`](Self::spans), which copies nothing.
    pub fn to_spans(&self) -> Vec<SpanData> {
        self.spans().map(|span| span.to_data()).collect()
    }
}

impl Drop for Batch {
    /// Returns the memory to the tracer, if that still exists.
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.recycle(std::mem::take(&mut self.chunk));
        }
    }
}

/// A finished span of a [`Batch`], read without a copy. See [`Batch`] for an example.
///
/// Text and arrays are borrowed from the batch. [`to_data`](Self::to_data) copies the span.
#[derive(Clone, Copy, Debug)]
pub struct SpanView<'a> {
    batch: &'a Batch,
    part: &'a Part,
    from: Ends,
    record: &'a SpanRecord,
    index: u32,
}

impl<'a> SpanView<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        self.record.name.read(self.text())
    }

    /// The id of its trace.
    pub fn trace_id(&self) -> TraceId {
        self.part.trace_id
    }

    /// The id of the span.
    pub fn span_id(&self) -> SpanId {
        self.record.id
    }

    /// The id of its parent, in this process or another; `None` for the root of a trace.
    pub fn parent(&self) -> Option<SpanId> {
        self.record.parent
    }

    /// True if the parent ran in another process.
    pub fn parent_is_remote(&self) -> bool {
        self.record.flags.has(SpanFlags::REMOTE_PARENT)
    }

    /// True for the local root, the first span of its trace in this process. The attributes that explain sampling
    /// (`hopline.kept`, `hopline.sampling.rule`) are on it.
    pub fn is_local_root(&self) -> bool {
        self.record.flags.has(SpanFlags::LOCAL_ROOT)
    }

    /// True if it has not ended, which is so only in a copy of what [runs](crate::export::Source::running).
    pub fn is_open(&self) -> bool {
        !self.record.flags.has(SpanFlags::ENDED)
    }

    /// The trace flags.
    pub fn flags(&self) -> TraceFlags {
        self.part.flags
    }

    /// The tracestate of the trace, as calls of this service sent it.
    pub fn tracestate(&self) -> &'a TraceState {
        &self.part.tracestate
    }

    /// The number of spans that it represents; see [`SpanData::adjusted_count`].
    pub fn adjusted_count(&self) -> Option<f64> {
        adjusted_count(self.flags(), self.tracestate())
    }

    /// The kind.
    pub fn kind(&self) -> SpanKind {
        self.record.flags.kind()
    }

    /// The library that recorded it.
    pub fn scope(&self) -> &'static InstrumentationScope {
        InstrumentationScope::from_number(self.record.scope)
    }

    /// True if its status is ERROR.
    pub fn is_error(&self) -> bool {
        self.record.flags.has(SpanFlags::FAILED)
    }

    /// The message of its status; empty if there is none.
    pub fn status_message(&self) -> &'a str {
        let message = |(key, value)| match (key, value) {
            (STATUS_MESSAGE, RecordedValue::Text(message)) => Some(message),
            _ => None,
        };
        let last = self.batches().filter_map(|index| {
            let (attrs, text) = self.batch.chunk.records.table.of_batch(index);
            let found = attrs
                .iter()
                .rev()
                .find_map(|attr| message((attr.key.read(text), attr.value)));
            found.map(|message| message.read(text))
        });
        last.last().unwrap_or_default()
    }

    /// The start, in nanoseconds since the Unix epoch.
    pub fn start_unix_nanos(&self) -> u64 {
        self.part.anchor.unix_nanos(self.record.start)
    }

    /// The end, in nanoseconds since the Unix epoch; never before the start.
    pub fn end_unix_nanos(&self) -> u64 {
        self.part.anchor.unix_nanos(self.record.end)
    }

    /// The attributes, each key once with the value set last.
    ///
    /// Baggage that the tracer records as attributes comes first, then the attributes in the order in which they were set.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        let records = &self.batch.chunk.records.table;
        let shared = if self.record.flags.has(SpanFlags::BAGGAGE) {
            self.part.baggage
        } else {
            NONE
        };
        AttrIter::new(records, self.from.batches, shared, self.record.first_batch)
    }

    /// The events in order of time.
    pub fn events(&self) -> impl Iterator<Item = EventView<'a>> + use<'a> {
        let view = *self;
        let range = if view.record.events == 0 {
            0..0
        } else {
            view.from.events..view.part.ends.events
        };
        let records = view
            .batch
            .chunk
            .records
            .events
            .get(range)
            .unwrap_or_default();
        let first = records.partition_point(|event| event.span < view.index);
        let own = records.iter().skip(first);
        let own = own.take_while(move |event| event.span == view.index);
        own.map(move |record| EventView { span: view, record })
    }

    /// The links in order of recording.
    pub fn links(&self) -> impl Iterator<Item = LinkView<'a>> + use<'a> {
        let index = self.index;
        let range = if self.record.links == 0 {
            0..0
        } else {
            self.from.links..self.part.ends.links
        };
        let records = self
            .batch
            .chunk
            .records
            .links
            .get(range)
            .unwrap_or_default();
        let first = records.partition_point(|link| link.span < index);
        let own = records.iter().skip(first);
        own.take_while(move |link| link.span == index).map(LinkView)
    }

    /// The number of attributes that limits dropped.
    pub fn dropped_attributes(&self) -> u32 {
        self.dropped().attrs
    }

    /// The number of events that limits dropped.
    pub fn dropped_events(&self) -> u32 {
        self.dropped().events
    }

    /// The number of links that limits dropped.
    pub fn dropped_links(&self) -> u32 {
        self.dropped().links
    }

    /// Copies the span into an owned value.
    pub fn to_data(&self) -> SpanData {
        let status = if self.is_error() {
            StatusData::Error {
                message: self.status_message().to_owned(),
            }
        } else {
            StatusData::Unset
        };
        SpanData {
            name: self.name().to_owned(),
            kind: self.kind(),
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            parent: self.parent(),
            parent_is_remote: self.parent_is_remote(),
            flags: self.flags(),
            tracestate: self.tracestate().clone(),
            start_unix_nanos: self.start_unix_nanos(),
            end_unix_nanos: self.end_unix_nanos(),
            attributes: owned(self.attributes()),
            events: self.events().map(|event| event.to_data()).collect(),
            links: self
                .links()
                .map(|link| LinkData {
                    span_context: link.span_context().clone(),
                })
                .collect(),
            status,
            dropped_attributes: self.dropped_attributes(),
            dropped_events: self.dropped_events(),
            dropped_links: self.dropped_links(),
            scope: self.scope().into(),
            resource: Arc::clone(&self.batch.resource),
        }
    }

    fn dropped(&self) -> Dropped {
        let all = &self.batch.chunk.records.dropped;
        let of_trace = all.get(self.from.dropped..self.part.ends.dropped);
        let of_trace = of_trace.unwrap_or_default();
        let own = of_trace.binary_search_by_key(&self.index, |dropped| dropped.span);
        own.map_or_else(|_| Dropped::default(), |own| of_trace[own])
    }

    /// The indices of its attribute batches, along their chain.
    fn batches(&self) -> impl Iterator<Item = usize> + use<'a> {
        let Range { start, end } = self.from.batches..self.part.ends.batches;
        let batches = self
            .batch
            .chunk
            .records
            .table
            .batches
            .get(start..end)
            .unwrap_or_default();
        let at = |index: u32| batches.get(index as usize).map(|batch| (index, batch.next));
        std::iter::successors(at(self.record.first_batch), move |(_, next)| at(*next))
            .map(move |(index, _)| start + index as usize)
    }

    fn text(&self) -> &'a str {
        self.batch
            .chunk
            .records
            .table
            .text
            .get(self.part.text..)
            .unwrap_or_default()
    }
}

/// An event of a finished span, read without a copy.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer, attr};
///
/// struct Check;
///
/// impl Sink for Check {
///     fn accept(&self, batch: &Arc<Batch>) {
///         let span = batch.spans().next().unwrap();
///         let event = span.events().next().unwrap();
///         assert_eq!((event.name(), event.attributes().count()), ("retry", 1));
///         assert!(event.time_unix_nanos() >= span.start_unix_nanos());
///     }
/// }
///
/// let tracer = Tracer::builder().sink(Check).build();
/// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
/// job.event("retry", || [attr("retry.count", 1)]);
/// job.end();
/// assert_eq!(tracer.stats().panics, 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    span: SpanView<'a>,
    record: &'a EventRecord,
}

impl<'a> EventView<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        self.record.name.read(self.span.text())
    }

    /// The time, in nanoseconds since the Unix epoch.
    pub fn time_unix_nanos(&self) -> u64 {
        self.span.part.anchor.unix_nanos(self.record.at)
    }

    /// The attributes, each key once with the value set last.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        let records = &self.span.batch.chunk.records.table;
        AttrIter::new(records, self.span.from.batches, NONE, self.record.batch)
    }

    /// The number of attributes that limits dropped.
    pub fn dropped_attributes(&self) -> u32 {
        self.record.dropped_attrs
    }

    fn to_data(self) -> EventData {
        let attributes = owned(self.attributes());
        EventData {
            name: self.name().to_owned(),
            time_unix_nanos: self.time_unix_nanos(),
            attributes,
        }
    }
}

/// A link of a finished span, read without a copy.
#[derive(Clone, Copy, Debug)]
pub struct LinkView<'a>(&'a LinkRecord);

impl<'a> LinkView<'a> {
    /// The identity of the linked span.
    pub fn span_context(&self) -> &'a SpanContext {
        &self.0.to
    }
}

fn owned<'a>(
    attributes: impl Iterator<Item = (&'a str, ValueRef<'a>)>,
) -> Vec<(String, crate::attribute::owned::OwnedValue)> {
    attributes
        .map(|(key, value)| (key.to_owned(), value.to_owned_value()))
        .collect()
}
