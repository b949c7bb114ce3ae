//! The buffer of one local trace, and the operations on its open spans.
//!
//! `trace_ref` calls them under the lock of the trace. [How the engine works](crate::engine) has the reasons.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::attribute::table::{NONE, STATUS_MESSAGE};
use crate::attribute::text::Text;
use crate::attribute::value::{Attr, Literal, Name, NameKind, attr};
use crate::engine::shared::Shared;
use crate::kind::SpanKind;
use crate::propagation::extras::Extras;
use crate::propagation::flags::TraceFlags;
use crate::propagation::id::{SpanId, TraceId};
use crate::propagation::span_context::SpanContext;
use crate::propagation::trace_state::TraceState;
use crate::record::records::{EventRecord, LinkRecord, Records, SpanFlags, SpanRecord};
use crate::sampling::keep::Keep;
use crate::sampling::kept::Kept;
use crate::semconv;
use crate::text::truncated;
use crate::time::tick::{Anchor, Tick};

mod append;
mod cut;
pub(crate) mod end;
pub(crate) mod room;

/// The name of a span without one.
const UNNAMED: &str = "unnamed";

/// The decision at the end of the local root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Kept(Kept),
    Discarded,
}

/// The reason for which a span was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartError {
    /// Its trace was discarded.
    Discarded,
    /// A limit is reached. The loss is counted.
    Limit,
}

/// The facts with which a span starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanStart<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) prefix: Option<&'static str>,
    pub(crate) parent: Option<SpanId>,
    pub(crate) flags: SpanFlags,
    pub(crate) scope: u8,
    pub(crate) start: Start,
    pub(crate) links: &'a [SpanContext],
}

/// The start time of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Now,
    At(SystemTime),
    /// This long before now.
    Ago(Duration),
}

/// The facts with which a local trace starts.
#[derive(Debug)]
pub(crate) struct TraceStart<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: TraceState,
    pub(crate) keep: Keep,
    /// The clause that sampled it, if it is sampled.
    pub(crate) rule: Option<&'a str>,
}

/// One local trace, behind its lock.
#[derive(Debug)]
pub(crate) struct TraceBuffer {
    /// The tracer. `None` while the buffer is in the pool, because pool and buffer would otherwise keep each other alive.
    pub(crate) shared: Option<Arc<Shared>>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: TraceState,
    pub(crate) anchor: Anchor,
    pub(crate) phase: Phase,
    /// The keep rules of the plan at its start.
    keep: Keep,
    /// The reason, if it is already decided that it is kept.
    forced: Option<Kept>,
    failed: bool,
    /// Set if it failed or was slow, and the rate of the keep rule was exceeded.
    let_go: Option<Kept>,
    /// True if finished spans are due at the sinks before the end of the local root.
    due: bool,
    /// The number of open spans.
    pub(crate) open: u32,
    /// The index of the span at place 0 if no span was moved: index = base + place. Indices are never reused in a trace,
    /// because an old context would otherwise write to another span.
    base: u32,
    /// The indices of the first spans, which were open at a cut and moved to the front.
    moved: Box<[u32]>,
    /// The number of ended spans at which the next cut is tried.
    worth: u32,
    /// The batch of the baggage that spans share, if there is one.
    pub(crate) baggage: u32,
    /// The time of the next cut, if the local root has not ended by then.
    cut_at: Tick,
    lost_spans: u32,
    /// The number of spans that were discarded with the trace.
    discarded: u32,
    pub(crate) records: Records,
}

impl TraceBuffer {
    pub(crate) fn new(records: Records) -> Self {
        Self {
            shared: None,
            trace_id: None,
            flags: TraceFlags::NONE,
            tracestate: TraceState::EMPTY,
            anchor: Anchor::ZERO,
            phase: Phase::Discarded,
            keep: Keep::NOTHING,
            forced: None,
            failed: false,
            let_go: None,
            due: false,
            open: 0,
            base: 0,
            moved: Box::default(),
            worth: 0,
            baggage: NONE,
            cut_at: Tick::ZERO,
            lost_spans: 0,
            discarded: 0,
            records,
        }
    }

    /// Turns a pooled buffer into a new local trace, and starts its local root.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        shared: &Arc<Shared>,
        trace_start: TraceStart<'_>,
        span_start: &SpanStart<'_>,
        extras: Option<&Extras>,
        attrs: &[Attr<'_>],
    ) -> Result<(u32, SpanId), StartError> {
        self.trace_id = Some(trace_start.trace_id);
        self.flags = trace_start.flags;
        self.tracestate = trace_start.tracestate;
        self.anchor = shared.clock.anchor();
        self.cut_at = self.anchor.tick.after(shared.limits.trace_age);
        self.phase = Phase::Open;
        self.keep = trace_start.keep;
        self.forced = None;
        self.failed = false;
        self.let_go = None;
        self.due = false;
        self.open = 0;
        self.base = 0;
        self.lost_spans = 0;
        self.discarded = 0;
        self.worth = 0;
        self.shared = Some(Arc::clone(shared));
        if self.tracestate_bytes() > 0 && !self.pay_for_tracestate() {
            self.lose_spans(1);
            return Err(StartError::Limit);
        }
        let opened = self.open(span_start, extras, attrs)?;
        if let Some(rule) = trace_start.rule {
            self.append_own(0, &[attr("hopline.sampling.rule", rule)]);
        }
        Ok(opened)
    }

    /// Starts a span.
    #[inline(always)] // see `AttrTable::add`
    pub(crate) fn open(
        &mut self,
        span_start: &SpanStart<'_>,
        extras: Option<&Extras>,
        attrs: &[Attr<'_>],
    ) -> Result<(u32, SpanId), StartError> {
        if self.phase == Phase::Discarded {
            self.discarded += 1;
            return Err(StartError::Discarded);
        }
        let full = self.records.spans.len() == self.records.spans.capacity();
        let room = !full || self.grow_spans();
        let name = match (span_start.prefix, span_start.name.0) {
            _ if !room => None,
            (None, NameKind::Static(name)) => Some(Text::Static(name)),
            (prefix, _) => self.copy_name(prefix, span_start.name.as_str()),
        };
        let Some(name) = name else {
            self.lose_spans(1);
            return Err(StartError::Limit);
        };
        let shared = self.shared.as_deref().ok_or(StartError::Discarded)?;
        let id = shared.ids.span_id();
        let start = match span_start.start {
            Start::Now if span_start.flags.has(SpanFlags::LOCAL_ROOT) => self.anchor.tick,
            Start::Now => shared.clock.now(),
            Start::At(time) => self.anchor.tick_of(time),
            Start::Ago(time) => shared.clock.now().before(time),
        };
        let at = self.records.spans.len();
        let limits = &shared.limits;
        let (batch, count) = self
            .records
            .table
            .add(attrs, limits.attributes_per_span, limits);
        self.records.spans.push(SpanRecord {
            name,
            id,
            parent: span_start.parent,
            start,
            end: start,
            first_batch: batch,
            last_batch: batch,
            attrs: count,
            events: 0,
            links: 0,
            flags: span_start.flags,
            scope: span_start.scope,
        });
        self.open += 1;
        if batch == NONE && !attrs.is_empty() {
            self.append_slowly(at, attrs);
        }
        if let Some(extras) = extras {
            self.append_baggage(at, extras);
        }
        for to in span_start.links {
            self.push_link(at, to);
        }
        Ok((self.base.wrapping_add(at as u32), id))
    }

    /// Copies a name that is not only a literal. `None` if there is no room for it.
    #[inline(never)] // many names are literals
    fn copy_name(&mut self, prefix: Option<&'static str>, name: &str) -> Option<Text> {
        let fitting = self.fitting_name(Name::dynamic(name));
        let name = fitting.map_or(UNNAMED, |name| name.as_str());
        let len = prefix.map_or(0, |prefix| prefix.len() + 1) + name.len();
        let room = self.room_for_text(len);
        let text = &mut self.records.table.text;
        room.then(|| match prefix {
            None => Text::copy(name, text, 0),
            Some(prefix) => Text::join(prefix, name, text),
        })
    }

    /// True if a name is recorded unchanged. Literals always are.
    #[inline]
    fn fits(&self, name: Name<'_>) -> bool {
        let limits = self.shared.as_deref().map(|shared| &shared.limits);
        match name.0 {
            NameKind::Static(_) => true,
            NameKind::Dynamic(name) => limits.is_none_or(|limits| limits.fits(name)),
        }
    }

    /// The name to record: cut if it is too long, `None` if it is empty. Both are counted.
    #[inline]
    fn fitting_name<'n>(&self, name: Name<'n>) -> Option<Name<'n>> {
        if self.fits(name) {
            return Some(name);
        }
        let most = self.shared.as_deref()?.limits.name_bytes;
        let cut = truncated(name.as_str(), most);
        if cut.is_empty() {
            self.lose_details(1);
            return None;
        }
        self.count_cuts(1);
        Some(Name(NameKind::Dynamic(cut)))
    }

    #[inline]
    pub(crate) fn set(&mut self, span: u32, attrs: &[Attr<'_>]) {
        match self.alive(span) {
            Some(at) => self.append(at, attrs),
            None => self.lose_details(append::count(attrs)),
        }
    }

    pub(crate) fn rename(&mut self, span: u32, name: Name<'_>) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        let Some(name) = self.fitting_name(name) else {
            return;
        };
        if !self.room_for_text(name.copied_len()) {
            return self.lose_details(1);
        }
        self.records.spans[at].name = name.copy(&mut self.records.table.text, 0);
    }

    pub(crate) fn set_kind(&mut self, span: u32, kind: SpanKind) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        let flags = &mut self.records.spans[at].flags;
        *flags = flags.with_kind(kind);
    }

    /// Marks a span as failed. The first failure stays, because it is nearest to the cause. A failure after the end of the
    /// local root is recorded, but cannot change the decision.
    pub(crate) fn fail(&mut self, span: u32, error_type: Name<'_>, message: &str) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        self.failed = true;
        if !self.records.spans[at].flags.set(SpanFlags::FAILED) {
            return;
        }
        let error_type = match error_type.0 {
            NameKind::Static(text) => attr(semconv::ERROR_TYPE, Literal(text)),
            NameKind::Dynamic("") => attr(semconv::ERROR_TYPE, Literal("_OTHER")),
            NameKind::Dynamic(text) => attr(semconv::ERROR_TYPE, text),
        };
        if message.is_empty() {
            self.append_own(at, &[error_type]);
        } else {
            self.append_own(at, &[error_type, attr(STATUS_MESSAGE, message)]);
        }
    }

    /// Marks a span as cancelled, unless it failed.
    pub(crate) fn cancel(&mut self, span: u32) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        if !self.records.spans[at].flags.has(SpanFlags::FAILED) {
            self.append_own(at, &[attr(semconv::ERROR_TYPE, Literal("cancelled"))]);
        }
    }

    pub(crate) fn event(&mut self, span: u32, name: Name<'_>, attrs: &[Attr<'_>]) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        let Some(shared) = self.shared.as_deref() else {
            return;
        };
        let (now, limit) = (shared.clock.now(), shared.limits.events_per_span);
        let within = self.records.spans[at].events < limit;
        let Some(name) = self.fitting_name(name) else {
            self.dropped_of(at).events += 1;
            return;
        };
        if !within || !self.room_for_text(name.copied_len()) || !self.room_for_event() {
            self.dropped_of(at).events += 1;
            return self.lose_details(1);
        }
        self.records.spans[at].events += 1;
        let name = name.copy(&mut self.records.table.text, 0);
        let (batch, dropped_attrs) = self.push_event_attrs(attrs);
        self.records.events.push(EventRecord {
            span: at as u32,
            name,
            at: now,
            batch,
            dropped_attrs,
        });
    }

    pub(crate) fn link(&mut self, span: u32, to: &SpanContext) {
        match self.alive(span) {
            Some(at) => self.push_link(at, to),
            None => self.lose_details(1),
        }
    }

    fn push_link(&mut self, at: usize, to: &SpanContext) {
        let limit = self
            .shared
            .as_deref()
            .map_or(0, |shared| shared.limits.links_per_span);
        let owned = to.tracestate().heap_bytes();
        if self.records.spans[at].links >= limit || !self.room_for_link(owned) {
            self.dropped_of(at).links += 1;
            return self.lose_details(1);
        }
        self.records.spans[at].links += 1;
        self.records.links.push(LinkRecord {
            span: at as u32,
            to: to.clone(),
        });
    }

    /// The time since the start of a span; `None` if it has ended.
    #[inline]
    pub(crate) fn elapsed(&self, span: u32) -> Option<Duration> {
        let start = self.records.spans[self.alive(span)?].start;
        Some(start.until(self.shared.as_deref()?.clock.now()))
    }

    /// Empties it for the next trace. Returns its tracer, and the number of discarded spans.
    #[inline]
    pub(crate) fn recycle(&mut self) -> Option<(Arc<Shared>, u32)> {
        // usually empty already, since the end of the last span
        if !self.records.spans.is_empty() {
            self.clear();
        }
        let shared = self.shared.take()?;
        let tracestate = self.tracestate_bytes();
        if tracestate > 0 {
            shared.budget.give(tracestate);
        }
        // buffers in the pool account for their vectors only
        self.tracestate = TraceState::EMPTY;
        Some((shared, self.discarded))
    }

    /// The place of the record of a span; `None` if the span has ended.
    #[inline]
    fn alive(&self, span: u32) -> Option<usize> {
        let at = if self.moved.is_empty() {
            span.wrapping_sub(self.base) as usize
        } else {
            self.place(span)?
        };
        let record = self.records.spans.get(at)?;
        (!record.flags.has(SpanFlags::ENDED)).then_some(at)
    }
}

impl Drop for TraceBuffer {
    /// Runs when a buffer is freed instead of pooled: returns its bytes to the budget.
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.budget.give(self.paid_bytes());
            shared.pool.discard(self.discarded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_held_for_ever_is_small() {
        assert!(
            size_of::<TraceBuffer>() <= 336,
            "{}",
            size_of::<TraceBuffer>()
        );
    }
}
