//! The backlog of a queue: waiting batches, and the choice of the spans to drop if it is full.
//!
//! The queue calls it under its lock, so each operation costs the same however many batches wait.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use hopline_core::Batch;

use crate::bounds::Bounds;
use crate::slice::{Slice, count, keep_last};

/// Waiting batches, or the remaining parts of them, in the order of their arrival.
///
/// Adding a batch, taking the oldest and dropping from the newest ordinary one depend on the number of entries only by the
/// depth of the map: each entry is added once, reduced at most once, and removed once.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// By number, so that removing one in the middle moves no others.
    entries: BTreeMap<u64, Entry>,
    /// The numbers of entries that may hold ordinary spans, in order.
    ordinary: VecDeque<u64>,
    spans: usize,
    bytes: usize,
    /// The first number that the writer has not taken. Taken entries are not dropped: they may be on their way.
    untaken: u64,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    batch: Arc<Batch>,
    /// The places of the spans that still wait, unless all do, and their number.
    places: Option<Vec<Range<usize>>>,
    spans: usize,
    bytes: usize,
}

impl Backlog {
    pub(crate) fn spans(&self) -> usize {
        self.spans
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number that the next entry gets.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// True if no entry of a lower number waits.
    pub(crate) fn is_past(&self, number: u64) -> bool {
        let first = self.entries.first_key_value();
        first.is_none_or(|(first, _)| *first >= number)
    }

    /// True if this many more spans and bytes are within the bounds.
    pub(crate) fn fits(&self, spans: usize, bytes: usize, bounds: Bounds) -> bool {
        // an empty backlog accepts any batch, or one larger than the bounds could never be sent
        self.is_empty()
            || (self.spans + spans <= bounds.spans && self.bytes + bytes <= bounds.bytes)
    }

    /// True if at most half of both bounds is used: the end of a loss is announced then.
    pub(crate) fn is_within_half(&self, bounds: Bounds) -> bool {
        self.spans <= bounds.spans / 2 && self.bytes <= bounds.bytes / 2
    }

    /// True if more than half of the bytes is used: the writer should not wait for a full request.
    pub(crate) fn is_beyond_half(&self, bounds: Bounds) -> bool {
        self.bytes > bounds.bytes / 2
    }

    /// Adds a whole batch.
    pub(crate) fn push(&mut self, batch: &Arc<Batch>) {
        self.ordinary.push_back(self.next);
        self.add(batch, None, batch.len());
    }

    /// Adds only the spans of a batch that are dropped last.
    pub(crate) fn push_part(&mut self, batch: &Arc<Batch>, places: Vec<Range<usize>>) {
        let spans = count(&places);
        self.add(batch, Some(places), spans);
    }

    fn add(&mut self, batch: &Arc<Batch>, places: Option<Vec<Range<usize>>>, spans: usize) {
        // a batch is held whole, however few of its spans wait
        let bytes = batch.bytes();
        self.spans += spans;
        self.bytes += bytes;
        let entry = Entry {
            batch: Arc::clone(batch),
            places,
            spans,
            bytes,
        };
        self.entries.insert(self.next, entry);
        self.next += 1;
    }

    /// The oldest spans, up to `most`, and their number: whole batches, unless the first has more than `most`.
    pub(crate) fn oldest(&mut self, most: usize) -> (Vec<Slice>, usize) {
        let mut slices = Vec::new();
        let mut spans = 0;
        for (number, entry) in &self.entries {
            if slices.is_empty() && entry.spans > most {
                spans = most;
                slices.push(Slice::new(&entry.batch, first(&entry.places(), most)));
                self.untaken = number + 1;
                break;
            }
            if spans + entry.spans > most {
                break;
            }
            spans += entry.spans;
            slices.push(Slice::new(&entry.batch, entry.places()));
            self.untaken = number + 1;
        }
        (slices, spans)
    }

    /// Removes the oldest `spans`; returns the batches that are empty then, for the caller to drop outside the lock.
    pub(crate) fn pop(&mut self, spans: usize) -> Vec<Arc<Batch>> {
        let mut left = spans;
        let mut gone = Vec::new();
        while let Some(mut first) = self.entries.first_entry() {
            let entry = first.get_mut();
            if entry.spans > left {
                let mut places = entry.places();
                skip(&mut places, left);
                entry.places = Some(places);
                entry.spans -= left;
                self.spans -= left;
                break;
            }
            left -= entry.spans;
            let (number, entry) = first.remove_entry();
            self.spans -= entry.spans;
            self.bytes -= entry.bytes;
            if self.ordinary.front() == Some(&number) {
                self.ordinary.pop_front();
            }
            gone.push(entry.batch);
        }
        gone
    }

    /// Drops ordinary spans, the newest first, until `spans` and `bytes` fit or none is left. Returns the number of dropped
    /// spans. Batches that are empty then are added to `gone`, for the caller to drop outside the lock.
    pub(crate) fn drop_ordinary(
        &mut self,
        spans: usize,
        bytes: usize,
        bounds: Bounds,
        gone: &mut Vec<Arc<Batch>>,
    ) -> u64 {
        if spans > bounds.spans || bytes > bounds.bytes {
            // dropping all would make no room for it
            return 0;
        }
        let before = self.spans;
        while !self.fits(spans, bytes, bounds)
            && let Some(number) = self.ordinary.back().copied()
            && number >= self.untaken
        {
            self.ordinary.pop_back();
            gone.extend(self.drop_ordinary_of(number, bounds));
        }
        (before - self.spans) as u64
    }

    /// Drops the ordinary spans of an entry; returns its batch if it held no others.
    fn drop_ordinary_of(&mut self, number: u64, bounds: Bounds) -> Option<Arc<Batch>> {
        let entry = self.entries.get_mut(&number)?;
        // a part of it may have been written already
        let kept = common(&entry.places(), &keep_last(&entry.batch, bounds.slow));
        let left = count(&kept);
        self.spans -= entry.spans - left;
        (entry.places, entry.spans) = (Some(kept), left);
        if left > 0 {
            return None;
        }
        let entry = self.entries.remove(&number)?;
        self.bytes -= entry.bytes;
        Some(entry.batch)
    }
}

impl Entry {
    fn places(&self) -> Vec<Range<usize>> {
        match &self.places {
            Some(places) => places.clone(),
            None => std::iter::once(0..self.batch.len()).collect(),
        }
    }
}

/// The places of the first spans, up to `most`.
fn first(places: &[Range<usize>], most: usize) -> Vec<Range<usize>> {
    let mut left = most;
    let cut = places.iter().map(|place| {
        let here = place.len().min(left);
        left -= here;
        place.start..place.start + here
    });
    cut.filter(|place| !place.is_empty()).collect()
}

/// The intersection of two sorted lists of ranges.
fn common(one: &[Range<usize>], other: &[Range<usize>]) -> Vec<Range<usize>> {
    let cut = |a: &Range<usize>, b: &Range<usize>| a.start.max(b.start)..a.end.min(b.end);
    let pairs = one
        .iter()
        .flat_map(|a| other.iter().map(move |b| cut(a, b)));
    pairs.filter(|place| !place.is_empty()).collect()
}

/// Removes the places of the first `most` spans.
fn skip(places: &mut Vec<Range<usize>>, most: usize) {
    let mut left = most;
    for place in places.iter_mut() {
        let here = place.len().min(left);
        left -= here;
        place.start += here;
    }
    places.retain(|place| !place.is_empty());
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hopline_core::{Incoming, Sink, SpanBuilder, Tracer};

    use super::*;

    struct Keep(Arc<Mutex<Vec<Arc<Batch>>>>);

    impl Sink for Keep {
        fn accept(&self, batch: &Arc<Batch>) {
            self.0.lock().unwrap().push(Arc::clone(batch));
        }
    }

    /// Batches of one span each, of which those at these places failed.
    fn batches(count: usize, failed: &[usize]) -> Vec<Arc<Batch>> {
        let kept = Arc::default();
        let tracer = Tracer::builder().sink(Keep(Arc::clone(&kept))).build();
        for at in 0..count {
            let span = SpanBuilder::new("span")
                .tracer(&tracer)
                .parent(Incoming::default())
                .start();
            if failed.contains(&at) {
                span.fail("refused");
            }
            span.end();
        }
        std::mem::take(&mut kept.lock().unwrap())
    }

    const BOUNDS: Bounds = Bounds {
        spans: 6,
        bytes: usize::MAX,
        slow: None,
    };

    #[test]
    fn spans_that_the_writer_has_taken_stay_until_they_are_settled() {
        let batches = batches(6, &[]);
        let mut backlog = Backlog::default();
        batches.iter().for_each(|batch| backlog.push(batch));
        let (slices, spans) = backlog.oldest(4);
        assert_eq!((slices.len(), spans), (4, 4));
        // of the four the first is settled; two more may give way
        assert_eq!(backlog.pop(1).len(), 1);
        let mut gone = Vec::new();
        assert_eq!(backlog.drop_ordinary(6, 1, BOUNDS, &mut gone), 2);
        assert!(Arc::ptr_eq(&gone[0], &batches[5]) && Arc::ptr_eq(&gone[1], &batches[4]));
        let settled = backlog.pop(3);
        assert!(
            settled
                .iter()
                .zip(&batches[1..4])
                .all(|(one, other)| Arc::ptr_eq(one, other))
        );
        assert!(backlog.is_empty());
    }

    #[test]
    fn the_newest_ordinary_spans_are_dropped_and_the_order_of_the_others_stays() {
        let batches = batches(6, &[1, 4]);
        let mut backlog = Backlog::default();
        batches.iter().for_each(|batch| backlog.push(batch));
        let mut gone = Vec::new();
        assert_eq!(backlog.drop_ordinary(2, 1, BOUNDS, &mut gone), 2);
        assert!(Arc::ptr_eq(&gone[0], &batches[5]) && Arc::ptr_eq(&gone[1], &batches[3]));
        // what could not fit costs nothing
        assert_eq!(backlog.drop_ordinary(7, 1, BOUNDS, &mut gone), 0);
        assert_eq!(backlog.drop_ordinary(6, 1, BOUNDS, &mut gone), 2);
        let left = backlog.pop(6);
        assert!(Arc::ptr_eq(&left[0], &batches[1]) && Arc::ptr_eq(&left[1], &batches[4]));
        assert_eq!((left.len(), backlog.spans()), (2, 0));
    }

    #[test]
    fn common_places_are_in_both_lists() {
        let (one, other) = (vec![0..3, 5..6, 9..20], vec![1..5, 8..12, 19..30]);
        assert_eq!(common(&one, &other), [1..3, 9..12, 19..20]);
        assert_eq!(common(&one, &one), one);
        assert_eq!(common(&one, &[]), []);
    }

    #[test]
    fn places_are_split_at_a_number_of_spans() {
        let places = vec![0..3, 5..6, 9..20];
        assert_eq!(first(&places, 4), [0..3, 5..6]);
        assert_eq!(first(&places, 6), [0..3, 5..6, 9..11]);
        assert_eq!(first(&places, 100), places);
        let mut rest = places.clone();
        skip(&mut rest, 4);
        assert_eq!(rest, std::iter::once(9..20).collect::<Vec<_>>());
        skip(&mut rest, 2);
        assert_eq!(count(&rest), 9);
        skip(&mut rest, 9);
        assert_eq!(count(&rest), 0);
    }
}
