//! Copies of records: of whole traces, and of some spans of a trace.
//!
//! Each takes time linear in its copy. None searches the events of a trace once for each span, which would be quadratic.

use crate::attribute::table::{AttrRecord, BatchRecord, NONE};
use crate::limits::POOLED_BYTES;
use crate::record::records::{Dropped, EventRecord, LinkRecord, Records, SpanFlags, SpanRecord};

impl Records {
    /// Appends a whole trace. Its indices and offsets are unchanged, because they count from the start of its part.
    #[inline]
    pub(crate) fn append(&mut self, from: &Self) {
        let (attrs, text) = (self.table.attrs.len() as u32, self.table.text.len() as u32);
        self.spans.extend_from_slice(&from.spans);
        self.table.attrs.extend_from_slice(&from.table.attrs);
        let moved = |batch: &BatchRecord| BatchRecord {
            attrs: batch.attrs + attrs,
            text: batch.text + text,
            ..*batch
        };
        self.table
            .batches
            .extend(from.table.batches.iter().map(moved));
        self.events.extend_from_slice(&from.events);
        self.links.extend_from_slice(&from.links);
        self.dropped.extend_from_slice(&from.dropped);
        self.table.text.push_str(&from.table.text);
        self.owned += from.owned;
    }

    /// True for a trace that is too large to be copied under the lock of the queue, which all traces share.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.about_bytes() > POOLED_BYTES
    }

    /// Copies the spans for which `wanted` holds, with their attributes, events and links. The shared batch, if there is
    /// one, becomes the first of the copy.
    pub(crate) fn select(&self, shared: u32, wanted: impl Fn(&SpanRecord) -> bool) -> Self {
        let mut to = Self::default();
        to.spans
            .reserve_exact(self.spans.iter().filter(|span| wanted(span)).count());
        to.copy_shared(self, shared);
        // the place of each span in the copy
        let mut places = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            places.push(if wanted(span) {
                to.spans.len() as u32
            } else {
                NONE
            });
            if wanted(span) {
                to.copy_span(self, span, 0, 0);
            }
        }
        let place = |span: u32| {
            let place = places.get(span as usize).copied();
            place.filter(|place| *place != NONE)
        };
        for event in &self.events {
            if let Some(span) = place(event.span) {
                to.copy_event(self, event, span);
            }
        }
        for link in &self.links {
            if let Some(span) = place(link.span) {
                to.copy_link(link, span);
            }
        }
        let dropped = self
            .dropped
            .iter()
            .filter_map(|dropped| place(dropped.span).map(|span| Dropped { span, ..*dropped }));
        to.dropped.extend(dropped);
        to
    }

    /// Copies one span with its events and links. Searches them from the end, where those of a span that ends mostly are.
    pub(crate) fn select_one(&self, shared: u32, at: usize) -> Self {
        let mut to = Self::default();
        let Some(span) = self.spans.get(at) else {
            return to;
        };
        if span.flags.has(SpanFlags::BAGGAGE) {
            to.copy_shared(self, shared);
        }
        to.copy_span(self, span, 0, 0);
        let own = |of: u32| of as usize == at;
        let events = self.events.iter().rev().filter(|event| own(event.span));
        let mut events: Vec<_> = events.take(span.events.into()).collect();
        events.reverse();
        for event in events {
            to.copy_event(self, event, 0);
        }
        let links = self.links.iter().rev().filter(|link| own(link.span));
        let mut links: Vec<_> = links.take(span.links.into()).collect();
        links.reverse();
        for link in links {
            to.copy_link(link, 0);
        }
        to.copy_dropped(self, at, 0);
        to
    }

    /// Sorts events and links by span, the order in which views search them.
    #[inline]
    pub(crate) fn sort(&mut self) {
        if self.events.len() > 1 && !self.events.is_sorted_by_key(|event| event.span) {
            self.events.sort_by_key(|event| event.span);
        }
        if self.links.len() > 1 && !self.links.is_sorted_by_key(|link| link.span) {
            self.links.sort_by_key(|link| link.span);
        }
    }

    /// Copies the batch that spans share, if there is one. Returns its index.
    pub(crate) fn copy_shared(&mut self, from: &Self, shared: u32) -> u32 {
        if shared == NONE {
            return NONE;
        }
        self.copy_batch(from, shared as usize, self.table.batches.len())
    }

    /// Copies a span and its attributes. Indices of its batches count from `batches`, the offset of its name from `text`.
    pub(crate) fn copy_span(
        &mut self,
        from: &Self,
        span: &SpanRecord,
        batches: usize,
        text: usize,
    ) {
        let index = self.spans.len();
        let name = span
            .name
            .moved(&from.table.text, &mut self.table.text, text, usize::MAX);
        self.spans.push(SpanRecord {
            name,
            first_batch: NONE,
            last_batch: NONE,
            ..*span
        });
        let mut next = span.first_batch;
        while let Some(batch) = from.table.batches.get(next as usize) {
            let copied = self.copy_batch(from, next as usize, batches);
            self.chain(index, copied, batches);
            next = batch.next;
        }
    }

    /// Copies the counts of the losses of the span at this index.
    pub(crate) fn copy_dropped(&mut self, from: &Self, at: usize, span: u32) {
        let found = from
            .dropped
            .binary_search_by_key(&(at as u32), |dropped| dropped.span);
        if let Ok(found) = found {
            let dropped = from.dropped[found];
            self.dropped.push(Dropped { span, ..dropped });
        }
    }

    fn copy_event(&mut self, from: &Self, event: &EventRecord, span: u32) {
        let name = event
            .name
            .moved(&from.table.text, &mut self.table.text, 0, usize::MAX);
        let batch = match event.batch {
            NONE => NONE,
            batch => self.copy_batch(from, batch as usize, 0),
        };
        self.events.push(EventRecord {
            span,
            name,
            batch,
            ..*event
        });
    }

    fn copy_link(&mut self, link: &LinkRecord, span: u32) {
        self.owned += link.owned();
        let to = link.to.clone();
        self.links.push(LinkRecord { span, to });
    }

    /// Copies a batch. Returns its index, counted from the batch at `origin`.
    fn copy_batch(&mut self, from: &Self, index: usize, origin: usize) -> u32 {
        let (attrs, text) = from.table.of_batch(index);
        // names of spans and events may follow the text of a batch
        let own = attrs.iter().map(AttrRecord::text_end).max();
        let copied = (self.table.batches.len() - origin) as u32;
        self.table.batch();
        self.table.attrs.extend_from_slice(attrs);
        self.table
            .text
            .push_str(text.get(..own.unwrap_or_default()).unwrap_or(text));
        copied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::text::Text;
    use crate::attribute::value::attr;
    use crate::limits::Limits;
    use crate::propagation::id::SpanId;
    use crate::time::tick::Tick;

    /// Spans with a dynamic name and an attribute each, whose events take turns.
    fn records(spans: u32, events: u32) -> Records {
        let mut records = Records::default();
        for span in 0..spans {
            let name = Text::copy(&format!("span{span}"), &mut records.table.text, 0);
            let batch = records.table.batches.len() as u32;
            let base = records.table.batch() as usize;
            let value = format!("value{span}");
            records.table.push(
                &attr("key", value.as_str()),
                usize::MAX,
                base,
                &Limits::NONE,
            );
            records.spans.push(SpanRecord {
                name,
                id: SpanId::from_u64(1 + u64::from(span)).unwrap(),
                parent: None,
                start: Tick::ZERO,
                end: Tick::ZERO,
                first_batch: batch,
                last_batch: batch,
                attrs: 1,
                events: events as u16,
                links: 0,
                flags: SpanFlags::NONE,
                scope: 0,
            });
        }
        for number in 0..events {
            for span in 0..spans {
                let name = Text::copy(&format!("event{span}.{number}"), &mut records.table.text, 0);
                records.events.push(EventRecord {
                    span,
                    name,
                    at: Tick::ZERO,
                    batch: NONE,
                    dropped_attrs: 0,
                });
            }
        }
        records
    }

    fn names(records: &Records) -> Vec<&str> {
        let events = records.events.iter().map(|event| event.name);
        let spans = records.spans.iter().map(|span| span.name);
        spans
            .chain(events)
            .map(|name| name.read(&records.table.text))
            .collect()
    }

    #[test]
    fn what_is_selected_keeps_its_own_and_sheds_the_text_of_others() {
        let all = records(4, 2);
        let id = |span: &SpanRecord| span.id.to_u64();
        let mut some = all.select(NONE, |span| id(span) % 2 == 0);
        some.sort();
        let own = [
            "span1", "span3", "event1.0", "event1.1", "event3.0", "event3.1",
        ];
        assert_eq!(names(&some), own);
        let text: usize = own.iter().map(|name| name.len()).sum();
        assert_eq!(some.table.text.len(), text + 2 * "value1".len());
        // again and again: nothing grows
        let again = (0..10).fold(some.clone(), |some, _| some.select(NONE, |_| true));
        assert_eq!(again.table.text.len(), some.table.text.len());
        assert_eq!(
            names(&all.select_one(NONE, 2)),
            ["span2", "event2.0", "event2.1"]
        );
    }
}
