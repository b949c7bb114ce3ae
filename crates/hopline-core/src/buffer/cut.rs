//! The cut of a local trace whose root does not end.
//!
//! What has ended leaves the buffer, what is open moves to its front. Then an index is no longer a record's place:
//! the first ones are looked up in `moved`, in which they stand in order, and the rest follow from `base`.

use super::{Phase, State};
use crate::record::{Ends, Marks, Records, SpanRecord};
use crate::tick::Tick;

impl State {
    /// At the next span's end: only there can finished spans be handed over, and places be changed.
    #[cold]
    pub(super) fn cut_soon(&mut self) {
        self.cut_at = Tick::FIRST;
    }

    /// What has ended may wait no longer, if it is certain that it is kept or its place is needed.
    #[cold]
    pub(super) fn cut_at_end(&mut self, now: Tick) {
        let soon = self.cut_at == Tick::FIRST;
        if soon || self.is_certain() {
            self.cut();
        }
        let age = self.shared.as_deref().map(|shared| shared.limits.trace_age);
        self.cut_at = now.after(age.unwrap_or_default());
    }

    /// Lets go of what has ended: to the queue where it is certain that the trace is kept, else it is lost and
    /// counted. False if nothing had ended.
    #[cold]
    pub(super) fn cut(&mut self) -> bool {
        let spans = &self.records.spans;
        let ended = spans.iter().filter(|span| has_ended(span)).count();
        if ended == 0 {
            return false;
        }
        let certain = self.is_certain();
        match self.phase {
            Phase::Open if certain => {
                if let Some(shared) = self.shared.clone() {
                    self.due |= shared.queue.push_ended(self);
                }
                if self.due {
                    self.cut_soon();
                }
            }
            Phase::Open => self.lose_spans(ended as u32),
            // they went out when they ended
            Phase::Kept(_) => {}
            Phase::Discarded => return false,
        }
        self.move_open();
        true
    }

    /// True if the trace is kept whatever comes.
    fn is_certain(&mut self) -> bool {
        self.flags.is_sampled() || self.promise()
    }

    fn move_open(&mut self) {
        let next = self.base.wrapping_add(self.records.spans.len() as u32);
        let (mut open, mut moved) = (Records::default(), Vec::new());
        for (at, span) in self.records.spans.iter().enumerate() {
            if !has_ended(span) {
                moved.push(self.index(at));
                open.copy_span(&self.records, at, &Ends::default(), 0);
            }
        }
        // back into the vectors that are there, which are as large as they were
        let records = &mut self.records;
        records.clear();
        records.spans.append(&mut open.spans);
        records.attrs.append(&mut open.attrs);
        records.batches.append(&mut open.batches);
        records.events.append(&mut open.events);
        records.links.append(&mut open.links);
        records.dropped.append(&mut open.dropped);
        records.text.push_str(&open.text);
        self.base = next.wrapping_sub(moved.len() as u32);
        self.moved = moved.into();
    }

    /// What the span at this place is called.
    pub(super) fn index(&self, at: usize) -> u32 {
        let moved = self.moved.get(at).copied();
        moved.unwrap_or_else(|| self.base.wrapping_add(at as u32))
    }

    /// Where the span of this index is, in a trace that was cut.
    #[cold]
    pub(super) fn place(&self, span: u32) -> Option<usize> {
        let at = span.wrapping_sub(self.base) as usize;
        if (self.moved.len()..self.records.spans.len()).contains(&at) {
            return Some(at);
        }
        self.moved.iter().position(|moved| *moved == span)
    }
}

fn has_ended(span: &SpanRecord) -> bool {
    span.marks.has(Marks::ENDED)
}
