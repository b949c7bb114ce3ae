//! Attributes, and what is lost of them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::State;
use crate::attr;
use crate::context::Extras;
use crate::record::NONE;
use crate::shared::Shared;
use crate::value::{Attr, Name};

impl State {
    /// Records attributes of a span.
    #[inline(always)] // see `Records::add`
    pub(super) fn append(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| &shared.limits) else {
            return;
        };
        let left = limits.attributes_per_span - self.records.spans[at].attrs;
        let (batch, count) = self.records.add(attrs, left, limits);
        if batch == NONE {
            return self.append_slowly(at, attrs);
        }
        self.records.spans[at].attrs += count;
        self.records.chain(at, batch, 0);
    }

    /// The same where room has to be made, a limit is near, a value is too long or is an array.
    #[cold]
    pub(super) fn append_slowly(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return;
        };
        let left = usize::from(limits.attributes_per_span - self.records.spans[at].attrs);
        let present = count(attrs);
        let taken = match self.push_batch(attrs, left, limits.value_bytes) {
            NONE => 0,
            batch => {
                self.records.chain(at, batch, 0);
                present.min(left)
            }
        };
        self.records.spans[at].attrs += taken as u16;
        if taken < present {
            self.drop_attrs(at, present - taken);
        }
    }

    /// What the engine itself says of a span: a few attributes, which no limit on their number keeps out.
    pub(super) fn append_own(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return;
        };
        let batch = match self.records.add(attrs, u16::MAX, &limits).0 {
            NONE => self.push_batch(attrs, usize::MAX, limits.value_bytes),
            batch => batch,
        };
        match batch {
            NONE => self.drop_attrs(at, count(attrs)),
            batch => self.records.chain(at, batch, 0),
        }
    }

    /// An event's attributes: their batch, and how many were dropped.
    pub(super) fn push_event_attrs(&mut self, attrs: &[Attr<'_>]) -> (u32, u32) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return (NONE, 0);
        };
        let present = count(attrs);
        let most = usize::from(limits.attributes_per_event);
        let batch = self.push_batch(attrs, most, limits.value_bytes);
        let dropped = match batch {
            NONE => present,
            _ => present.saturating_sub(most),
        };
        if dropped > 0 {
            self.lose_details(dropped);
        }
        (batch, dropped as u32)
    }

    /// Index of the new batch, of at most so many of these; none if there is nothing to record or no room.
    fn push_batch(&mut self, attrs: &[Attr<'_>], most: usize, max_text: usize) -> u32 {
        let (mut records, mut text) = (0, 0);
        for (attr, most) in fitting(attrs, most) {
            let size = attr.size(most, max_text);
            records += size.0;
            text += size.1;
        }
        if records == 0 || !self.room(records, text) {
            return NONE;
        }
        let records = &mut self.records;
        let index = records.batches.len() as u32;
        let base = records.batch() as usize;
        for (attr, most) in fitting(attrs, most) {
            records.push(attr, most, base, max_text);
        }
        index
    }

    /// The allowed members of the baggage become attributes of every span.
    pub(super) fn append_baggage(&mut self, at: usize, extras: &Extras) {
        let listed = |shared: &&Arc<Shared>| {
            !shared.baggage_attributes.is_empty() && !extras.baggage.is_empty()
        };
        let Some(shared) = self.shared.as_ref().filter(listed).cloned() else {
            return;
        };
        for key in &shared.baggage_attributes {
            if let Some(value) = extras.baggage.get(key) {
                self.append(at, &[attr(Name::dynamic(key), value)]);
            }
        }
    }
}

// What is lost is counted: on the span, for whoever reads it, and on the tracer, for whoever runs it.
impl State {
    #[cold]
    pub(super) fn lose_spans(&mut self, count: u32) {
        self.lost_spans = self.lost_spans.saturating_add(count);
        if let Some(shared) = self.shared.as_deref() {
            let lost = &shared.counters.lost_spans;
            lost.fetch_add(count.into(), Relaxed);
        }
    }

    #[cold]
    fn drop_attrs(&mut self, at: usize, count: usize) {
        self.records.dropped_of(at).attrs += count as u32;
        self.lose_details(count);
    }

    #[cold]
    pub(super) fn lose_details(&self, count: usize) {
        if let Some(shared) = self.shared.as_deref() {
            let lost = &shared.counters.lost_details;
            lost.fetch_add(count as u64, Relaxed);
        }
    }
}

/// The attributes up to the one that would be too many, each with how many it may still stand for.
fn fitting<'a, 'v>(
    attrs: &'a [Attr<'v>],
    most: usize,
) -> impl Iterator<Item = (&'a Attr<'v>, usize)> {
    let mut left = most;
    attrs.iter().map_while(move |attr| {
        let most = left;
        left = left.saturating_sub(attr.count());
        (most > 0).then_some((attr, most))
    })
}

/// How many there are.
pub(super) fn count(attrs: &[Attr<'_>]) -> usize {
    attrs.iter().map(Attr::count).sum()
}
