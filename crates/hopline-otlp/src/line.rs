//! Who waits in a queue, and who has to go where it is full.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use hopline_core::Batch;

use crate::queue::Bounds;
use crate::slice::{Slice, count, precious};

/// Batches in the order they came, or what is left of them.
#[derive(Debug, Default)]
pub(crate) struct Line {
    entries: VecDeque<Entry>,
    spans: usize,
    bytes: usize,
    /// Spans at the front that the writer has taken.
    taken: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    batch: Arc<Batch>,
    /// What of it still waits.
    places: Vec<Range<usize>>,
    bytes: usize,
    /// True if nothing ordinary is left in it.
    thinned: bool,
}

impl Line {
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
        self.entries
            .front()
            .is_none_or(|first| first.number >= number)
    }

    pub(crate) fn fits(&self, spans: usize, bytes: usize, bounds: Bounds) -> bool {
        // an empty line takes any batch, else one larger than the bounds could never go out
        self.is_empty()
            || (self.spans + spans <= bounds.spans && self.bytes + bytes <= bounds.bytes)
    }

    pub(crate) fn is_within_half(&self, bounds: Bounds) -> bool {
        self.spans <= bounds.spans / 2 && self.bytes <= bounds.bytes / 2
    }

    pub(crate) fn is_beyond_half(&self, bounds: Bounds) -> bool {
        self.bytes > bounds.bytes / 2
    }

    pub(crate) fn push(&mut self, batch: &Arc<Batch>, places: Vec<Range<usize>>, thinned: bool) {
        self.spans += count(&places);
        // a batch is held whole, however little of it waits
        let bytes = batch.bytes();
        self.bytes += bytes;
        self.entries.push_back(Entry {
            number: self.next,
            batch: Arc::clone(batch),
            places,
            bytes,
            thinned,
        });
        self.next += 1;
    }

    /// The oldest spans, at most so many: whole batches, unless the first is larger than that.
    pub(crate) fn front(&mut self, most: usize) -> (Vec<Slice>, usize) {
        let mut slices = Vec::new();
        let mut spans = 0;
        for entry in &self.entries {
            let left = count(&entry.places);
            if slices.is_empty() && left > most {
                spans = most;
                slices.push(Slice::new(&entry.batch, first(&entry.places, most)));
                break;
            }
            if spans + left > most {
                break;
            }
            spans += left;
            slices.push(Slice::new(&entry.batch, entry.places.clone()));
        }
        self.taken = spans;
        (slices, spans)
    }

    /// Takes so many spans off the front; gives the batches of which nothing is left.
    pub(crate) fn pop(&mut self, spans: usize) -> Vec<Arc<Batch>> {
        let mut left = spans;
        let mut gone = Vec::new();
        while let Some(entry) = self.entries.front_mut() {
            let here = count(&entry.places);
            if here > left {
                skip(&mut entry.places, left);
                self.spans -= left;
                break;
            }
            left -= here;
            self.spans -= here;
            self.bytes -= entry.bytes;
            gone.extend(self.entries.pop_front().map(|entry| entry.batch));
        }
        self.taken = 0;
        gone
    }

    /// Drops ordinary spans, the newest first, until there is room or none is left. Gives how many went;
    /// what their batches leave is put into `gone`, for the caller to drop.
    pub(crate) fn thin(
        &mut self,
        spans: usize,
        bytes: usize,
        bounds: Bounds,
        gone: &mut Vec<Arc<Batch>>,
    ) -> u64 {
        let mut taken = self.taken;
        let first = self.entries.iter().position(|entry| {
            let untouched = taken == 0;
            taken = taken.saturating_sub(count(&entry.places));
            untouched
        });
        let before = self.spans;
        for at in (first.unwrap_or(self.entries.len())..self.entries.len()).rev() {
            if self.fits(spans, bytes, bounds) {
                break;
            }
            let Some(entry) = self.entries.get_mut(at).filter(|entry| !entry.thinned) else {
                continue;
            };
            entry.thinned = true;
            // a part of it may have gone out already
            let kept = common(&entry.places, &precious(&entry.batch, bounds.slow));
            self.spans -= count(&entry.places) - count(&kept);
            entry.places = kept;
            if entry.places.is_empty() {
                self.bytes -= entry.bytes;
                gone.extend(self.entries.remove(at).map(|entry| entry.batch));
            }
        }
        (before - self.spans) as u64
    }
}

/// The places of the first so many spans.
fn first(places: &[Range<usize>], most: usize) -> Vec<Range<usize>> {
    let mut left = most;
    let cut = places.iter().map(|place| {
        let here = place.len().min(left);
        left -= here;
        place.start..place.start + here
    });
    cut.filter(|place| !place.is_empty()).collect()
}

/// What is in both; each is in order.
fn common(one: &[Range<usize>], other: &[Range<usize>]) -> Vec<Range<usize>> {
    let cut = |a: &Range<usize>, b: &Range<usize>| a.start.max(b.start)..a.end.min(b.end);
    let pairs = one
        .iter()
        .flat_map(|a| other.iter().map(move |b| cut(a, b)));
    pairs.filter(|place| !place.is_empty()).collect()
}

/// Takes the first so many spans away.
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
    use super::*;

    #[test]
    fn what_is_common_is_in_both() {
        let (one, other) = (vec![0..3, 5..6, 9..20], vec![1..5, 8..12, 19..30]);
        assert_eq!(common(&one, &other), [1..3, 9..12, 19..20]);
        assert_eq!(common(&one, &one), one);
        assert_eq!(common(&one, &[]), []);
    }

    #[test]
    fn places_are_cut_where_they_are_told() {
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
