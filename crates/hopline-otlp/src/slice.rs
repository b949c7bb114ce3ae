//! Some of a batch's spans.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Batch, Resource, Scope, SpanView};

/// Spans of one batch, by their places in it; the places are in order.
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

/// Spans of one resource: a batch, or a slice of one.
pub(crate) trait Part {
    fn len(&self) -> usize;
    fn resource(&self) -> &Arc<Resource>;
    fn spans(&self) -> impl Iterator<Item = SpanView<'_>>;
}

impl Part for Arc<Batch> {
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

impl Part for Slice {
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

/// How many spans are in these places.
pub(crate) fn count(places: &[Range<usize>]) -> usize {
    places.iter().map(Range::len).sum()
}

/// Runs of parts that share a resource.
pub(crate) fn by_resource<P: Part>(parts: &[P]) -> impl Iterator<Item = &[P]> {
    parts.chunk_by(|a, b| Arc::ptr_eq(a.resource(), b.resource()))
}

/// The scopes of these parts' spans, in the order of their first ones. They are a few, those of the crates in use.
pub(crate) fn scopes<P: Part>(parts: &[P]) -> Vec<&'static Scope> {
    let mut found: Vec<&Scope> = Vec::new();
    for span in parts.iter().flat_map(Part::spans) {
        let scope = span.scope();
        if !found.iter().any(|known| std::ptr::eq(*known, scope)) {
            found.push(scope);
        }
    }
    found
}

/// The spans of these parts that are of this scope.
pub(crate) fn spans_of<'a, P: Part>(
    parts: &'a [P],
    scope: &'static Scope,
) -> impl Iterator<Item = SpanView<'a>> {
    let spans = parts.iter().flat_map(Part::spans);
    spans.filter(move |span| std::ptr::eq(span.scope(), scope))
}

/// Where the traces are that are to be lost last: one of their spans failed, their local root took as long as
/// `slow` or longer (as their tracer's plan says, if that is none), or they were kept though not sampled, which is
/// for an error, for being slow, or because somebody asked for it. Of a trace in several batches each is judged by
/// itself.
pub(crate) fn precious(batch: &Batch, slow: Option<Duration>) -> Vec<Range<usize>> {
    let slow = slow.or(batch.keep_slower()).unwrap_or(SLOW);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    let mut good = false;
    let mut trace = None;
    let mut close = |range: Range<usize>, good: bool| {
        if !good || range.is_empty() {
            return;
        }
        match found.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => found.push(range),
        }
    };
    for (at, span) in batch.spans().enumerate() {
        if trace != Some(span.trace_id()) {
            close(start..at, good);
            (start, good, trace) = (at, false, Some(span.trace_id()));
        }
        good |= span.is_error() || !span.flags().is_sampled() || is_slow_root(&span, slow);
    }
    close(start..batch.len(), good);
    found
}

/// What is slow if nobody says: the limit of the recommended sampling plan.
const SLOW: Duration = Duration::from_secs(1);

fn is_slow_root(span: &SpanView<'_>, slow: Duration) -> bool {
    let took = || {
        span.end_unix_nanos()
            .saturating_sub(span.start_unix_nanos())
    };
    span.is_local_root() && Duration::from_nanos(took()) >= slow
}
