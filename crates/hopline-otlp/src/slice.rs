//! Parts of batches, and their groups by resource and scope.
//!
//! The queue hands slices of batches to its writer; the encoders take any [`SpanGroup`], a slice or a whole batch, and
//! write it as OTLP nests spans: resource, then scope, then span.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::export::SpanView;
use hopline_core::{Batch, InstrumentationScope, Resource};

/// Some spans of one batch, by their places in it. The places are sorted and do not overlap.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    batch: Arc<Batch>,
    places: Vec<Range<usize>>,
}

impl Slice {
    pub(crate) fn new(batch: &Arc<Batch>, places: Vec<Range<usize>>) -> Self {
        Self {
            batch: Arc::clone(batch),
            places,
        }
    }
}

/// Spans that share a resource: a batch, or a slice of one.
pub(crate) trait SpanGroup {
    fn len(&self) -> usize;
    fn resource(&self) -> &Arc<Resource>;
    fn spans(&self) -> impl Iterator<Item = SpanView<'_>>;
}

impl SpanGroup for Arc<Batch> {
    fn len(&self) -> usize {
        Batch::len(self)
    }

    fn resource(&self) -> &Arc<Resource> {
        Batch::resource(self)
    }

    fn spans(&self) -> impl Iterator<Item = SpanView<'_>> {
        Batch::spans(self)
    }
}

impl SpanGroup for Slice {
    fn len(&self) -> usize {
        count(&self.places)
    }

    fn resource(&self) -> &Arc<Resource> {
        self.batch.resource()
    }

    fn spans(&self) -> impl Iterator<Item = SpanView<'_>> {
        let mut places = self.places.iter();
        let mut now = places.next();
        self.batch
            .spans()
            .enumerate()
            .filter_map(move |(at, span)| {
                while now.is_some_and(|place| at >= place.end) {
                    now = places.next();
                }
                now.is_some_and(|place| place.contains(&at)).then_some(span)
            })
    }
}

/// The number of spans in these places.
pub(crate) fn count(places: &[Range<usize>]) -> usize {
    places.iter().map(Range::len).sum()
}

/// Runs of neighbouring groups with the same resource, each written once.
pub(crate) fn by_resource<P: SpanGroup>(parts: &[P]) -> impl Iterator<Item = &[P]> {
    parts.chunk_by(|a, b| Arc::ptr_eq(a.resource(), b.resource()))
}

/// The scopes of these spans, in the order of their first span. There are a few: one for each crate that records spans.
pub(crate) fn scopes<P: SpanGroup>(parts: &[P]) -> Vec<&'static InstrumentationScope> {
    let mut found: Vec<&InstrumentationScope> = Vec::new();
    for span in parts.iter().flat_map(SpanGroup::spans) {
        let scope = span.scope();
        if !found.iter().any(|known| std::ptr::eq(*known, scope)) {
            found.push(scope);
        }
    }
    found
}

/// The spans of this scope.
pub(crate) fn spans_of<'a, P: SpanGroup>(
    parts: &'a [P],
    scope: &'static InstrumentationScope,
) -> impl Iterator<Item = SpanView<'a>> {
    let spans = parts.iter().flat_map(SpanGroup::spans);
    spans.filter(move |span| std::ptr::eq(span.scope(), scope))
}

/// The places of the traces that are dropped last.
///
/// A trace is dropped last if one of its spans failed, if its local root took at least `slow`, or if it was kept although
/// it was not sampled: for an error, for being slow, or because the application forced it. `slow` defaults to the limit of
/// the tracer's plan, and to [`SLOW`] without one. If a trace is in several batches, each batch is judged by itself.
pub(crate) fn keep_last(batch: &Batch, slow: Option<Duration>) -> Vec<Range<usize>> {
    let slow = slow.or(batch.keep_slower()).unwrap_or(SLOW);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    let mut kept = false;
    let mut trace = None;
    let mut close = |range: Range<usize>, kept: bool| {
        if !kept || range.is_empty() {
            return;
        }
        match found.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => found.push(range),
        }
    };
    for (at, span) in batch.spans().enumerate() {
        if trace != Some(span.trace_id()) {
            close(start..at, kept);
            (start, kept, trace) = (at, false, Some(span.trace_id()));
        }
        kept |= span.is_error() || !span.flags().is_sampled() || is_slow_root(&span, slow);
    }
    close(start..batch.len(), kept);
    found
}

/// The duration from which a trace counts as slow if neither the exporter nor the plan sets one: the limit of the
/// recommended plan.
const SLOW: Duration = Duration::from_secs(1);

/// True for a local root that took at least `slow`.
fn is_slow_root(span: &SpanView<'_>, slow: Duration) -> bool {
    let took = || {
        span.end_unix_nanos()
            .saturating_sub(span.start_unix_nanos())
    };
    span.is_local_root() && Duration::from_nanos(took()) >= slow
}
