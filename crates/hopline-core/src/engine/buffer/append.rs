//! Recording of attributes, and the counts of those that limits drop.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::attribute::read::AttrIter;
use crate::attribute::table::NONE;
use crate::attribute::value::{Attr, Name, ValueKind, attr};
use crate::attribute::value_ref::ValueRef;
use crate::engine::buffer::TraceBuffer;
use crate::engine::shared::Shared;
use crate::limits::{BAGGAGE_VALUE_BYTES, Limits};
use crate::propagation::baggage::Baggage;
use crate::propagation::extras::Extras;
use crate::record::records::{Dropped, SpanFlags};
use crate::text::truncated;

/// The number of baggage members up to which recording them as attributes needs no allocation.
const USUAL_MEMBERS: usize = 8;

impl TraceBuffer {
    /// Records attributes of a span.
    #[inline(always)] // see `AttrTable::add`
    pub(super) fn append(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| &shared.limits) else {
            return;
        };
        let left = limits.attributes_per_span - self.records.spans[at].attrs;
        let (batch, count) = self.records.table.add(attrs, left, limits);
        if batch == NONE {
            return self.append_slowly(at, attrs);
        }
        self.records.spans[at].attrs += count;
        self.records.chain(at, batch, 0);
    }

    /// Slow path: room has to be made, a limit is near, or a value is too long or an array.
    #[cold]
    pub(super) fn append_slowly(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return;
        };
        let left = usize::from(limits.attributes_per_span - self.records.spans[at].attrs);
        let present = count(attrs);
        let taken = match self.push_batch(attrs, left, &limits) {
            NONE => 0,
            batch => {
                self.records.chain(at, batch, 0);
                present.min(left)
            }
        };
        self.records.spans[at].attrs += taken as u16;
        let lost = present - taken + refused(attrs);
        if lost > 0 {
            self.drop_attrs(at, lost);
        }
    }

    /// Records attributes of the engine itself, such as `error.type`. The limit on their number does not apply.
    pub(super) fn append_own(&mut self, at: usize, attrs: &[Attr<'_>]) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return;
        };
        let batch = match self.records.table.add(attrs, u16::MAX, &limits).0 {
            NONE => self.push_batch(attrs, usize::MAX, &limits),
            batch => batch,
        };
        match batch {
            NONE => self.drop_attrs(at, count(attrs)),
            batch => self.records.chain(at, batch, 0),
        }
    }

    /// Records the attributes of an event. Returns their batch, and the number of dropped ones.
    pub(super) fn push_event_attrs(&mut self, attrs: &[Attr<'_>]) -> (u32, u32) {
        let Some(limits) = self.shared.as_deref().map(|shared| shared.limits) else {
            return (NONE, 0);
        };
        let present = count(attrs);
        let most = usize::from(limits.attributes_per_event);
        let batch = self.push_batch(attrs, most, &limits);
        let dropped = refused(attrs)
            + match batch {
                NONE => present,
                _ => present.saturating_sub(most),
            };
        if dropped > 0 {
            self.lose_details(dropped);
        }
        (batch, dropped as u32)
    }

    /// Records at most `most` of these in a new batch. Returns its index; `NONE` if there is nothing to record or no room.
    fn push_batch(&mut self, attrs: &[Attr<'_>], most: usize, limits: &Limits) -> u32 {
        let (mut records, mut text, mut cuts) = (0, 0, 0);
        for (attr, most) in fitting(attrs, most) {
            let size = attr.size(most, limits);
            records += size.0;
            text += size.1;
            cuts += attr.cuts(most, limits);
        }
        if records == 0 || !self.room(records, text) {
            return NONE;
        }
        let records = &mut self.records;
        let index = records.table.batches.len() as u32;
        let base = records.table.batch() as usize;
        for (attr, most) in fitting(attrs, most) {
            records.table.push(attr, most, base, limits);
        }
        self.count_cuts(cuts);
        index
    }

    /// Records the allowed members of the baggage as attributes of a span. Recorded once for all spans of the trace with
    /// the same members, because the baggage of one caller would otherwise fill the trace.
    #[inline]
    pub(super) fn append_baggage(&mut self, at: usize, extras: &Extras) {
        let Some(shared) = self.shared.as_ref() else {
            return;
        };
        if !shared.baggage_attributes.is_empty() && !extras.baggage.is_empty() {
            let shared = Arc::clone(shared);
            self.share_baggage(at, &shared, &extras.baggage);
        }
    }

    fn share_baggage(&mut self, at: usize, of: &Shared, baggage: &Baggage) {
        let limits = Limits {
            value_bytes: of.limits.value_bytes.min(BAGGAGE_VALUE_BYTES),
            ..of.limits
        };
        let present = of
            .baggage_attributes
            .iter()
            .filter_map(|key| Some(attr(Name::dynamic(key), baggage.get(key)?)));
        // on the stack, because this runs for every span; more keys than usual need an allocation
        let (mut few, many);
        let members: &[Attr<'_>] = if of.baggage_attributes.len() <= USUAL_MEMBERS {
            few = [attr("", None::<bool>); USUAL_MEMBERS];
            let count = few
                .iter_mut()
                .zip(present)
                .fold(0, |count, (slot, member)| {
                    *slot = member;
                    count + 1
                });
            &few[..count]
        } else {
            many = present.collect::<Vec<_>>();
            &many
        };
        let left = usize::from(limits.attributes_per_span - self.records.spans[at].attrs);
        if members.is_empty() {
            return;
        }
        if self.baggage == NONE && members.len() <= left {
            self.baggage = self.push_batch(members, left, &limits);
        }
        if members.len() <= left && self.has_baggage(members, &limits) {
            let span = &mut self.records.spans[at];
            span.flags.set(SpanFlags::BAGGAGE);
            span.attrs += members.len() as u16;
            return;
        }
        // the baggage of this span differs from that of the trace
        match self.push_batch(members, left, &limits) {
            NONE => self.drop_attrs(at, members.len()),
            batch => {
                self.records.chain(at, batch, 0);
                let taken = members.len().min(left);
                self.records.spans[at].attrs += taken as u16;
                if taken < members.len() {
                    self.drop_attrs(at, members.len() - taken);
                }
            }
        }
    }

    /// True if the shared batch has exactly these members.
    fn has_baggage(&self, members: &[Attr<'_>], limits: &Limits) -> bool {
        if self.baggage == NONE {
            return false;
        }
        let recorded = AttrIter::new(&self.records.table, 0, self.baggage, NONE);
        let wanted = members.iter().map(|member| {
            let value = match member.value.0 {
                ValueKind::Str(value) => truncated(value, limits.value_bytes),
                _ => "",
            };
            let key = truncated(member.key.as_str(), limits.name_bytes);
            (key, ValueRef::Str(value))
        });
        recorded.eq(wanted)
    }
}

// Losses are counted twice: on the span, for the reader of the trace, and on the tracer, for the operator.
impl TraceBuffer {
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
        self.dropped_of(at).attrs += count as u32;
        self.lose_details(count);
    }

    /// The counts of the losses of the span at this place. Their record may exceed the budget: a loss must be recorded.
    #[cold]
    pub(super) fn dropped_of(&mut self, at: usize) -> &mut Dropped {
        let before = self.records.dropped.capacity();
        self.records.dropped_of(at);
        let more = self.records.dropped.capacity() - before;
        if let Some(shared) = self.shared.as_deref().filter(|_| more > 0) {
            shared.budget.owe(more * size_of::<Dropped>());
        }
        self.records.dropped_of(at)
    }

    #[cold]
    pub(super) fn count_cuts(&self, count: usize) {
        if let Some(shared) = self.shared.as_deref().filter(|_| count > 0) {
            shared.counters.cut_texts.fetch_add(count as u64, Relaxed);
        }
    }

    #[cold]
    pub(super) fn lose_details(&self, count: usize) {
        if let Some(shared) = self.shared.as_deref() {
            let lost = &shared.counters.lost_details;
            lost.fetch_add(count as u64, Relaxed);
        }
    }
}

/// The attributes that fit into `most`, each with the number left for it: a set may be cut.
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

/// The number of attributes without a key.
fn refused(attrs: &[Attr<'_>]) -> usize {
    attrs.iter().map(Attr::refused).sum()
}

/// The number of attributes, those of sets included.
pub(super) fn count(attrs: &[Attr<'_>]) -> usize {
    attrs.iter().map(Attr::count).sum()
}
