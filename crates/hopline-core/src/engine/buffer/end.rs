//! The end of a span, and the decision at the end of the local root.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use crate::attribute::table::NONE;
use crate::attribute::value::{Literal, attr};
use crate::engine::buffer::cut::shared_of;
use crate::engine::buffer::{Phase, TraceBuffer};
use crate::engine::shared::Shared;
use crate::record::chunk::Finished;
use crate::record::records::{Records, SpanFlags};
use crate::sampling::keep::KeepRate;
use crate::sampling::kept::Kept;
use crate::time::tick::Tick;

/// The work that remains after the end of a span, to be done outside the lock.
pub(crate) struct Ended {
    pub(crate) shared: Arc<Shared>,
    /// True if finished spans are due at the sinks.
    pub(crate) due: bool,
    /// The kind of a failed or slow trace that was discarded, for a notice.
    pub(crate) let_go: Option<Kept>,
    /// The vectors of the buffer, if a remaining handle may hold the trace for long.
    pub(crate) records: Option<Box<Records>>,
}

impl TraceBuffer {
    /// Ends a span. The end of the local root decides about the trace. `held` is true if other handles to it exist.
    #[inline]
    pub(crate) fn end(&mut self, span: u32, at: Option<SystemTime>, held: bool) -> Option<Ended> {
        let index = self.alive(span)?;
        let shared = self.shared.as_deref()?;
        let now = match at {
            None => shared.clock.now(),
            Some(time) => self.anchor.tick_of(time),
        };
        self.end_at(index, now, held)
    }

    /// Ends a span now, and returns its duration; see [`Timer`](crate::metrics::Timer).
    pub(crate) fn end_timed(&mut self, span: u32, held: bool) -> Option<(Duration, Option<Ended>)> {
        let index = self.alive(span)?;
        let start = self.records.spans[index].start;
        let now = self.shared.as_deref()?.clock.now().max(start);
        Some((start.until(now), self.end_at(index, now, held)))
    }

    #[inline]
    fn end_at(&mut self, index: usize, now: Tick, held: bool) -> Option<Ended> {
        let record = &mut self.records.spans[index];
        record.end = now.max(record.start);
        record.flags.set(SpanFlags::ENDED);
        self.open -= 1;
        if self.phase == Phase::Open && !record.flags.has(SpanFlags::LOCAL_ROOT) {
            return if now < self.cut_at {
                None
            } else {
                self.cut_at_end(now);
                self.due.then(|| self.left(None))?
            };
        }
        self.finish(index, held)
    }

    /// Completes the end of the local root, or of a span that ends after it.
    fn finish(&mut self, index: usize, held: bool) -> Option<Ended> {
        let decided = self.phase == Phase::Open;
        match self.phase {
            Phase::Open => self.decide(index),
            Phase::Kept(_) => self.send_late(index),
            Phase::Discarded => {}
        }
        let mut records = None;
        if self.open == 0 {
            if self.phase == Phase::Discarded {
                self.discarded += self.records.spans.len() as u32;
            }
            // a context that is held forever may start any number of spans, so indices continue
            self.base = self.base.wrapping_add(self.records.spans.len() as u32);
            self.clear();
            // its handle must not hold the memory that the whole trace needed
            let held = decided && held && self.records.spans.capacity() > 0;
            records = held.then(|| Box::new(std::mem::take(&mut self.records)));
        }
        let let_go = self.let_go.is_some() && decided && self.phase == Phase::Discarded;
        if self.due || let_go || records.is_some() {
            return self.left(records);
        }
        None
    }

    #[cold]
    fn left(&mut self, records: Option<Box<Records>>) -> Option<Ended> {
        Some(Ended {
            shared: self.shared.clone()?,
            due: std::mem::take(&mut self.due),
            let_go: self.let_go.filter(|_| self.phase == Phase::Discarded),
            records,
        })
    }

    /// Keeps or discards the local trace.
    fn decide(&mut self, root: usize) {
        let Some(kept) = self.verdict(root) else {
            self.phase = Phase::Discarded;
            return;
        };
        if let (Some(label), Some(rule)) = (kept.label(), self.keep.clause(kept)) {
            let kept = attr("hopline.kept", Literal(label));
            let rule = match &rule {
                Cow::Borrowed(rule) => attr("hopline.sampling.rule", Literal(rule)),
                Cow::Owned(rule) => attr("hopline.sampling.rule", rule),
            };
            self.append_own(root, &[kept, rule]);
        }
        if self.lost_spans > 0 {
            self.append_own(root, &[attr("hopline.dropped_spans", self.lost_spans)]);
        }
        self.phase = Phase::Kept(kept);
        if self.open > 0 {
            self.send_ended();
        } else if self.records.is_large() {
            self.send_all();
        } else {
            self.records.sort();
            self.due |= self.push(&self.records, self.baggage);
        }
    }

    /// Moves a large trace to the queue without a copy.
    fn send_all(&mut self) {
        self.base = self.base.wrapping_add(self.records.spans.len() as u32);
        let before = self.paid_bytes();
        let mut records = std::mem::take(&mut self.records);
        self.correct(before);
        records.sort();
        self.push_large(records, self.baggage);
        self.baggage = NONE;
    }

    /// Moves copies of finished spans to the queue.
    pub(super) fn send(&mut self, mut copies: Records) {
        copies.sort();
        let baggage = shared_of(self.baggage);
        if copies.is_large() {
            self.push_large(copies, baggage);
        } else {
            self.due |= self.push(&copies, baggage);
        }
    }

    /// Moves one span that ended after its local root to the queue.
    fn send_late(&mut self, at: usize) {
        let span = &self.records.spans[at];
        if span.events > 0 || span.links > 0 {
            return self.send(self.records.select_one(self.baggage, at));
        }
        if let Some(shared) = self.shared.as_deref() {
            let pushed = |trace| {
                shared
                    .queue
                    .push_one(&trace, &self.records, self.baggage, at)
            };
            self.due |= self.finished().is_some_and(pushed);
        }
    }

    /// True if finished spans are due at the sinks.
    #[inline]
    fn push(&self, records: &Records, baggage: u32) -> bool {
        let Some((shared, trace)) = self.shared.as_deref().zip(self.finished()) else {
            return false;
        };
        shared.queue.push(&trace, records, baggage)
    }

    fn push_large(&mut self, records: Records, baggage: u32) {
        if let Some((shared, trace)) = self.shared.as_deref().zip(self.finished()) {
            self.due |= shared.queue.push_large(&trace, records, baggage);
        }
    }

    /// The facts that its finished spans share.
    #[inline]
    pub(super) fn finished(&self) -> Option<Finished<'_>> {
        Some(Finished {
            trace_id: self.trace_id?,
            flags: self.flags,
            tracestate: &self.tracestate,
            anchor: self.anchor,
        })
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
        if self.failed && self.may_keep_error(end) {
            return Some(Kept::Error);
        }
        let slower = self.keep.slower.filter(|slower| slow >= slower.limit)?;
        self.may_keep(Kept::Slow, slower.rate, end)
            .then_some(Kept::Slow)
    }

    /// Keeps the local trace for this reason. An earlier reason stays.
    pub(crate) fn force(&mut self, why: Kept) {
        self.forced = self.forced.or(Some(why));
    }

    /// True if it is certain, now, that the trace is kept.
    pub(crate) fn is_kept_for_certain(&mut self) -> bool {
        match self.phase {
            Phase::Open => self.is_certain(),
            Phase::Kept(_) => true,
            Phase::Discarded => false,
        }
    }

    /// True if the trace is certain to be kept, because a span has failed or `keep` was called. The answer is final: it
    /// takes its part of the rate now.
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

    /// True if the plan keeps this failed trace. The answer no is final.
    fn may_keep_error(&mut self, now: Tick) -> bool {
        let rate = self.keep.errors.filter(|_| self.let_go.is_none());
        rate.is_some_and(|rate| self.may_keep(Kept::Error, rate, now))
    }

    /// True if a keep rule of this rate keeps one more. Otherwise counts the trace as let go.
    fn may_keep(&mut self, why: Kept, rate: KeepRate, now: Tick) -> bool {
        let (Some(limit), Some(shared)) = (rate.per_second(), self.shared.as_deref()) else {
            return true;
        };
        let (taken, let_go) = match why {
            Kept::Slow => (&shared.slow_kept, &shared.counters.slow_let_go),
            _ => (&shared.errors_kept, &shared.counters.errors_let_go),
        };
        if taken.take(limit, now) {
            return true;
        }
        let_go.fetch_add(1, Relaxed);
        self.let_go = self.let_go.or(Some(why));
        false
    }
}
