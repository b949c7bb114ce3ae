//! The buffer of one local trace, and what may happen to it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use crate::context::Extras;
use crate::kind::Kept;
use crate::record::{EventRecord, LinkRecord, NONE, Records, STATUS_MESSAGE, SpanRecord, Text};
use crate::sampling::keep::{Keep, KeepErrors};
use crate::shared::Shared;
use crate::tick::{Anchor, Tick};
use crate::value::{Attr, Literal, Name, NameKind};
use crate::{Kind, SpanContext, SpanId, TraceFlags, TraceId, TraceState, attr, semconv};

/// What the local root's end decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Kept(Kept),
    Discarded,
}

/// Why a span was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its trace was discarded.
    Discarded,
    /// A limit is reached, and that was counted.
    Limit,
}

/// What a span starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) kind: Kind,
    pub(crate) parent: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
    pub(crate) local_root: bool,
    pub(crate) start: Option<SystemTime>,
    pub(crate) links: &'a [SpanContext],
    /// Why its trace is sampled, for the local root of one that is.
    pub(crate) rule: Option<&'a str>,
}

/// What a local trace starts with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) trace_id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: TraceState,
    pub(crate) keep: Keep,
}

/// What is left to do after a span's end, outside the lock.
pub(crate) struct Ended {
    pub(crate) shared: Arc<Shared>,
    /// Finished spans are due at the sinks.
    pub(crate) due: bool,
    /// The operator is to be told of an error that was let go.
    pub(crate) let_go: bool,
}

/// One local trace, behind its lock.
#[derive(Debug)]
pub(crate) struct State {
    /// Where it goes; taken away while the buffer lies in the pool (or pool and buffer would hold each other).
    pub(crate) shared: Option<Arc<Shared>>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: TraceState,
    pub(crate) anchor: Anchor,
    pub(crate) phase: Phase,
    /// Who is kept though not sampled, by the plan that was in force at its start.
    keep: Keep,
    /// Already decided that it is kept, and why.
    forced: Option<Kept>,
    failed: bool,
    /// It failed and was found to be one too many.
    let_go: bool,
    /// Spans started and not yet ended.
    pub(crate) open: u32,
    /// Index of the first record: spans before it were cleared after the local root's end. Indices are never
    /// used twice in one trace, or an old context would write to a stranger's span.
    pub(crate) base: u32,
    lost_spans: u32,
    pub(crate) records: Records,
}

impl State {
    pub(crate) fn empty() -> Self {
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
            let_go: false,
            open: 0,
            base: 0,
            lost_spans: 0,
            records: Records::default(),
        }
    }

    /// Makes a pooled buffer a new local trace.
    #[inline]
    pub(crate) fn begin(&mut self, shared: Arc<Shared>, beginning: Beginning) {
        self.trace_id = Some(beginning.trace_id);
        self.flags = beginning.flags;
        self.tracestate = beginning.tracestate;
        self.anchor = shared.clock.anchor();
        self.phase = Phase::Open;
        self.keep = beginning.keep;
        self.forced = None;
        self.failed = false;
        self.let_go = false;
        self.open = 0;
        self.base = 0;
        self.lost_spans = 0;
        self.shared = Some(shared);
    }

    /// Starts a span.
    #[inline]
    pub(crate) fn open(
        &mut self,
        opening: &Opening<'_>,
        extras: Option<&Extras>,
        attrs: &[Attr<'_>],
    ) -> Result<(u32, SpanId), Refused> {
        if self.phase == Phase::Discarded {
            return Err(Refused::Discarded);
        }
        let full = self.records.spans.len() == self.records.spans.capacity();
        let room = !full || self.grow_spans();
        if !room || !self.room(0, opening.name.copied_len()) {
            self.lose_span();
            return Err(Refused::Limit);
        }
        let shared = self.shared.as_deref().ok_or(Refused::Discarded)?;
        let id = shared.ids.span_id();
        let start = match opening.start {
            None if opening.local_root => self.anchor.tick,
            None => shared.clock.now(),
            Some(time) => self.anchor.tick_of(time),
        };
        let at = self.records.spans.len();
        let name = Text::of_name(opening.name, &mut self.records.text, 0);
        self.records.spans.push(SpanRecord {
            name,
            id,
            parent: opening.parent,
            start,
            end: start,
            first_batch: NONE,
            last_batch: NONE,
            attrs: 0,
            events: 0,
            links: 0,
            dropped_attrs: 0,
            dropped_events: 0,
            dropped_links: 0,
            kind: opening.kind,
            failed: false,
            ended: false,
            parent_is_remote: opening.parent_is_remote,
            local_root: opening.local_root,
        });
        self.open += 1;
        if !attrs.is_empty() {
            self.append(at, attrs);
        }
        if let Some(extras) = extras {
            self.append_baggage(at, extras);
        }
        for to in opening.links {
            self.push_link(at, to);
        }
        if let Some(rule) = opening.rule {
            self.append_own(at, &[attr("hopline.sampling.rule", rule)]);
        }
        Ok((self.base.wrapping_add(at as u32), id))
    }

    #[inline]
    pub(crate) fn set(&mut self, span: u32, attrs: &[Attr<'_>]) {
        match self.alive(span) {
            Some(at) => self.append(at, attrs),
            None => self.lose_details(attrs.len()),
        }
    }

    pub(crate) fn rename(&mut self, span: u32, name: Name<'_>) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        if !self.room(0, name.copied_len()) {
            return self.lose_details(1);
        }
        self.records.spans[at].name = Text::of_name(name, &mut self.records.text, 0);
    }

    /// Marks a span as failed; the first failure stays, being nearest to the cause.
    /// An error after the local root's end is recorded but can no longer change the decision.
    pub(crate) fn fail(&mut self, span: u32, error_type: Name<'_>, message: &str) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        self.failed = true;
        if std::mem::replace(&mut self.records.spans[at].failed, true) {
            return;
        }
        let error_type = match error_type.0 {
            NameKind::Static(text) => attr(semconv::ERROR_TYPE, Literal(text)),
            NameKind::Dynamic(text) => attr(semconv::ERROR_TYPE, text),
        };
        if message.is_empty() {
            self.append_own(at, &[error_type]);
        } else {
            self.append_own(at, &[error_type, attr(STATUS_MESSAGE, message)]);
        }
    }

    /// Says that nobody waited for the span's end, unless it failed, which says more.
    pub(crate) fn cancel(&mut self, span: u32) {
        if let Some(at) = self
            .alive(span)
            .filter(|at| !self.records.spans[*at].failed)
        {
            self.append_own(at, &[attr(semconv::ERROR_TYPE, Literal("cancelled"))]);
        }
    }

    pub(crate) fn event(&mut self, span: u32, name: Name<'_>, attrs: &[Attr<'_>]) {
        let Some(at) = self.alive(span) else {
            return self.lose_details(1);
        };
        let Some((limits, now)) = self
            .shared
            .as_deref()
            .map(|shared| (shared.limits, shared.clock.now()))
        else {
            return;
        };
        let within = self.records.spans[at].events < limits.events_per_span;
        if !within || !self.room(0, name.copied_len()) || !self.room_for_event() {
            let span = &mut self.records.spans[at];
            span.dropped_events = span.dropped_events.saturating_add(1);
            return self.lose_details(1);
        }
        self.records.spans[at].events += 1;
        let name = Text::of_name(name, &mut self.records.text, 0);
        let batch = self.push_batch(attrs, limits.value_bytes);
        if batch == NONE {
            self.lose_details(attrs.iter().filter(|attr| attr.is_present()).count());
        }
        self.records.events.push(EventRecord {
            span: at as u32,
            name,
            at: now,
            batch,
        });
    }

    pub(crate) fn link(&mut self, span: u32, to: &SpanContext) {
        match self.alive(span) {
            Some(at) => self.push_link(at, to),
            None => self.lose_details(1),
        }
    }

    /// Ends a span; the local root's end decides over all.
    #[inline]
    pub(crate) fn end(&mut self, span: u32, at: Option<SystemTime>) -> Option<Ended> {
        let index = self.alive(span)?;
        let shared = self.shared.as_deref()?;
        let now = at.map_or_else(|| shared.clock.now(), |time| self.anchor.tick_of(time));
        let record = &mut self.records.spans[index];
        record.end = now.max(record.start);
        record.ended = true;
        self.open -= 1;
        let due = match self.phase {
            Phase::Open if !self.records.spans[index].local_root => return None,
            Phase::Open => self.decide(index),
            Phase::Kept(_) => self
                .shared
                .as_deref()
                .is_some_and(|shared| shared.queue.push_one(self, index)),
            Phase::Discarded => false,
        };
        if self.open == 0 {
            // a context that is held for ever may start any number of spans
            self.base = self.base.wrapping_add(self.records.spans.len() as u32);
            self.records.clear();
        }
        let let_go = self.let_go && self.phase == Phase::Discarded;
        if !due && !let_go {
            return None;
        }
        let shared = self.shared.clone()?;
        Some(Ended {
            shared,
            due,
            let_go,
        })
    }

    /// Keeps or discards the local trace. True if finished spans are due at the sinks.
    fn decide(&mut self, root: usize) -> bool {
        let Some(kept) = self.verdict(root) else {
            self.phase = Phase::Discarded;
            return false;
        };
        if let (Some(label), Some(rule)) = (kept.label(), kept.rule()) {
            let kept = attr("hopline.kept", Literal(label));
            self.append_own(root, &[kept, attr("hopline.sampling.rule", Literal(rule))]);
        }
        if self.lost_spans > 0 {
            self.append_own(root, &[attr("hopline.dropped_spans", self.lost_spans)]);
        }
        self.phase = Phase::Kept(kept);
        self.shared
            .as_deref()
            .is_some_and(|shared| shared.queue.push_ended(self))
    }

    fn verdict(&mut self, root: usize) -> Option<Kept> {
        if self.flags.is_sampled() {
            return Some(Kept::Head);
        }
        if self.forced.is_some() {
            return self.forced;
        }
        let record = &self.records.spans[root];
        let (slow, end) = (record.start.until(record.end), record.end);
        if self.failed && self.keep.errors != KeepErrors::No && self.may_keep_error(end) {
            return Some(Kept::Error);
        }
        let limit = self.keep.slower;
        limit.filter(|limit| slow >= *limit).map(|_| Kept::Slow)
    }

    /// Keeps the local trace for this reason, unless there is one already.
    pub(crate) fn force(&mut self, why: Kept) {
        self.forced = self.forced.or(Some(why));
    }

    /// True if the trace is kept because a span has failed already or because it was asked for; then it stays so.
    pub(crate) fn promise(&mut self) -> bool {
        let reason = self.failed || self.forced.is_some();
        if !reason || self.phase != Phase::Open {
            return false;
        }
        if self.flags.is_sampled() || self.forced.is_some() {
            return true;
        }
        let now = self.shared.as_deref().map(|shared| shared.clock.now());
        let kept = now.is_some_and(|now| self.may_keep_error(now));
        if kept {
            self.forced = Some(Kept::Error);
        }
        kept
    }

    /// Asked once for each failed trace: the answer counts.
    fn may_keep_error(&mut self, now: Tick) -> bool {
        let KeepErrors::PerSecond(limit) = self.keep.errors else {
            return true;
        };
        let Some(shared) = self.shared.as_deref().filter(|_| !self.let_go) else {
            return false;
        };
        self.let_go = !shared.error_rate.take(limit, now);
        if self.let_go {
            shared.counters.errors_let_go.fetch_add(1, Relaxed);
        }
        !self.let_go
    }

    /// Where a span's record is, if the span has not ended.
    #[inline]
    fn alive(&self, span: u32) -> Option<usize> {
        let at = span.wrapping_sub(self.base) as usize;
        self.records
            .spans
            .get(at)
            .filter(|record| !record.ended)
            .map(|_| at)
    }

    #[inline]
    fn append(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return;
        };
        let left = usize::from(
            limits
                .attributes_per_span
                .saturating_sub(self.records.spans[at].attrs),
        );
        let mut present = attrs.iter().filter(|attr| attr.is_present()).count();
        let mut fitting = attrs;
        if present > left {
            self.drop_attrs(at, present - left);
            present = left;
            fitting = first_present(attrs, left);
        }
        if present == 0 {
            return;
        }
        let batch = self.push_batch(fitting, limits.value_bytes);
        if batch == NONE {
            return self.drop_attrs(at, present);
        }
        self.records.spans[at].attrs += present as u16;
        self.records.chain(at, batch, 0);
    }

    /// What the engine itself says of a span: a few attributes, which no limit on their number keeps out.
    fn append_own(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let max_text = self
            .shared
            .as_deref()
            .map_or(0, |shared| shared.limits.value_bytes);
        match self.push_batch(attrs, max_text) {
            NONE => self.drop_attrs(at, attrs.len()),
            batch => self.records.chain(at, batch, 0),
        }
    }

    /// Index of the new batch; none if there is nothing to record or no room.
    #[inline]
    fn push_batch(&mut self, attrs: &[Attr<'_>], max_text: usize) -> u32 {
        let (mut count, mut text) = (0, 0);
        for attr in attrs {
            let size = attr.size(max_text);
            count += size.0;
            text += size.1;
        }
        if count == 0 || !self.room(count, text) {
            return NONE;
        }
        let records = &mut self.records;
        let index = records.batches.len() as u32;
        let base = records.batch();
        for attr in attrs {
            records.push(attr, base, max_text);
        }
        index
    }

    /// The allowed members of the baggage become attributes of every span.
    fn append_baggage(&mut self, at: usize, extras: &Extras) {
        let listed = |shared: &Arc<Shared>| {
            !shared.baggage_attributes.is_empty() && !extras.baggage.is_empty()
        };
        let Some(shared) = self
            .shared
            .as_ref()
            .filter(|shared| listed(shared))
            .cloned()
        else {
            return;
        };
        for key in &shared.baggage_attributes {
            if let Some(value) = extras.baggage.get(key) {
                self.append(at, &[attr(Name::dynamic(key), value)]);
            }
        }
    }

    fn push_link(&mut self, at: usize, to: &SpanContext) {
        let limit = self
            .shared
            .as_deref()
            .map_or(0, |shared| shared.limits.links_per_span);
        if self.records.spans[at].links >= limit || !self.room_for_link() {
            let span = &mut self.records.spans[at];
            span.dropped_links = span.dropped_links.saturating_add(1);
            return self.lose_details(1);
        }
        self.records.spans[at].links += 1;
        self.records.links.push(LinkRecord {
            span: at as u32,
            to: to.clone(),
        });
    }
}

// What is lost is counted: on the span, for whoever reads it, and on the tracer, for whoever runs it.
impl State {
    #[cold]
    fn lose_span(&mut self) {
        self.lost_spans = self.lost_spans.saturating_add(1);
        if let Some(shared) = self.shared.as_deref() {
            shared.counters.lost_spans.fetch_add(1, Relaxed);
        }
    }

    #[cold]
    fn drop_attrs(&mut self, at: usize, count: usize) {
        let span = &mut self.records.spans[at];
        span.dropped_attrs = span
            .dropped_attrs
            .saturating_add(u16::try_from(count).unwrap_or(u16::MAX));
        self.lose_details(count);
    }

    #[cold]
    fn lose_details(&self, count: usize) {
        if let Some(shared) = self.shared.as_deref() {
            shared
                .counters
                .lost_details
                .fetch_add(count as u64, Relaxed);
        }
    }
}

// Limits on memory are looked at only where a vector would have to grow, so they cost nothing otherwise.
impl State {
    #[inline]
    fn room(&mut self, attrs: usize, text: usize) -> bool {
        let r = &self.records;
        let fits = r.attrs.capacity() - r.attrs.len() >= attrs
            && r.text.capacity() - r.text.len() >= text
            && r.batches.capacity() > r.batches.len();
        fits || self.grow(attrs, text)
    }

    #[cold]
    fn grow_spans(&mut self) -> bool {
        let max = self
            .shared
            .as_deref()
            .map_or(0, |shared| shared.limits.spans_per_trace);
        let len = self.records.spans.len();
        if len >= max {
            return false;
        }
        let more = len.max(8).min(max - len);
        self.pay(more * size_of::<SpanRecord>(), |r| {
            r.spans.try_reserve_exact(more).is_ok()
        })
    }

    #[cold]
    fn grow(&mut self, attrs: usize, text: usize) -> bool {
        let r = &self.records;
        if r.attrs.capacity() - r.attrs.len() < attrs {
            let more = attrs.max(r.attrs.len()).max(32);
            let bytes = more * size_of::<crate::record::AttrRecord>();
            if !self.pay(bytes, |r| r.attrs.try_reserve_exact(more).is_ok()) {
                return false;
            }
        }
        let r = &self.records;
        if r.batches.capacity() == r.batches.len() {
            let more = r.batches.len().max(8);
            let bytes = more * size_of::<crate::record::BatchRecord>();
            if !self.pay(bytes, |r| r.batches.try_reserve_exact(more).is_ok()) {
                return false;
            }
        }
        let r = &self.records;
        if r.text.capacity() - r.text.len() < text {
            let more = text.max(r.text.len()).max(256);
            return self.pay(more, |r| r.text.try_reserve_exact(more).is_ok());
        }
        true
    }

    fn room_for_event(&mut self) -> bool {
        let r = &self.records.events;
        if r.len() < r.capacity() {
            return true;
        }
        let more = r.len().max(4);
        self.pay(more * size_of::<EventRecord>(), |r| {
            r.events.try_reserve_exact(more).is_ok()
        })
    }

    fn room_for_link(&mut self) -> bool {
        let r = &self.records.links;
        if r.len() < r.capacity() {
            return true;
        }
        let more = r.len().max(4);
        self.pay(more * size_of::<LinkRecord>(), |r| {
            r.links.try_reserve_exact(more).is_ok()
        })
    }

    /// Takes bytes from this trace's limit and the tracer's budget, then lets a vector grow.
    #[cold]
    fn pay(&mut self, bytes: usize, grow: impl FnOnce(&mut Records) -> bool) -> bool {
        let Some(shared) = &self.shared else {
            return false;
        };
        let before = self.records.capacity_bytes();
        if before + bytes > shared.limits.trace_bytes || !shared.budget.take(bytes) {
            return false;
        }
        let grown = grow(&mut self.records);
        let paid = self.records.capacity_bytes() - before;
        shared.budget.correct(bytes, paid);
        grown
    }
}

/// The attributes up to the one present that would be too many.
#[cold]
fn first_present<'a, 'v>(attrs: &'a [Attr<'v>], most: usize) -> &'a [Attr<'v>] {
    let mut seen = 0;
    let over = attrs.iter().position(|attr| {
        seen += usize::from(attr.is_present());
        seen > most
    });
    &attrs[..over.unwrap_or(attrs.len())]
}

impl Drop for State {
    /// A buffer that is freed rather than pooled gives its bytes back.
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.budget.give(self.records.capacity_bytes());
        }
    }
}
