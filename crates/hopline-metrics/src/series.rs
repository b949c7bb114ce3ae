//! One series: the values of one instrument under one attribute set. Edges add to it with atomics alone.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use hopline_core::metrics::{Exemplar, InstrumentKind};
use parking_lot::Mutex;

use crate::attributes::Attributes;

/// The values of one attribute set.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) hash: u64,
    pub(crate) attributes: Attributes,
    pub(crate) cell: Cell,
}

/// Combined values.
///
/// Each number is read by itself: a histogram's count is the sum of its buckets, so a reader never sees a count that
/// differs from them. Its sum may be a measurement ahead or behind.
#[derive(Debug)]
pub(crate) enum Cell {
    Sum(Number),
    Last(AtomicU64),
    Histogram(Histogram),
}

/// A sum: of whole numbers as an integer, which one instruction adds to, and of others as `f64` bits.
#[derive(Debug, Default)]
pub(crate) struct Number {
    whole: AtomicI64,
    rest: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Histogram {
    /// One more than there are bounds.
    buckets: Box<[AtomicU64]>,
    sum: Number,
    /// Billionths of a unit for seconds, whose sum is added to as an integer.
    seconds: bool,
    exemplars: Exemplars,
}

/// One exemplar for each bucket and collection.
///
/// A bucket's slot is locked for one copy, by the first kept trace since the last collection; it is tried, never waited
/// for. Others see in `taken` that the slot is filled, which is one load.
#[derive(Debug)]
pub(crate) struct Exemplars {
    taken: AtomicU32,
    slots: Box<[Mutex<Option<Sample>>]>,
}

/// A measurement with the span in which it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) value: f64,
    pub(crate) at: SystemTime,
    pub(crate) exemplar: Exemplar,
}

/// What a series holds when it is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    Sum(f64),
    Last(f64),
    Histogram {
        /// Measurements of each bucket, not cumulative.
        buckets: Vec<u64>,
        sum: f64,
        /// By bucket.
        exemplars: Vec<(usize, Sample)>,
    },
}

impl Reading {
    /// Adds what another series of the same instrument holds; of last values, that one counts.
    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Sum(sum), Self::Sum(other)) => *sum += other,
            (Self::Last(last), Self::Last(other)) => *last = *other,
            (
                Self::Histogram {
                    buckets,
                    sum,
                    exemplars,
                },
                Self::Histogram {
                    buckets: other,
                    sum: other_sum,
                    exemplars: others,
                },
            ) => {
                buckets
                    .iter_mut()
                    .zip(other)
                    .for_each(|(count, other)| *count += other);
                *sum += other_sum;
                exemplars.extend(others);
            }
            _ => {}
        }
    }
}

/// Buckets beyond this have no exemplar of their own.
const EXEMPLAR_BUCKETS: usize = 32;

const NANOS: f64 = 1e9;

impl Series {
    pub(crate) fn new(
        hash: u64,
        attributes: Attributes,
        kind: InstrumentKind,
        seconds: bool,
        bounds: &[f64],
    ) -> Self {
        let cell = match kind {
            InstrumentKind::Counter | InstrumentKind::UpDownCounter => Cell::Sum(Number::default()),
            InstrumentKind::Gauge => Cell::Last(AtomicU64::new(0)),
            InstrumentKind::Histogram => Cell::Histogram(Histogram::new(bounds, seconds)),
        };
        Self {
            hash,
            attributes,
            cell,
        }
    }

    #[inline]
    pub(crate) fn record(&self, value: f64, bounds: &[f64], exemplar: Option<Exemplar>) {
        match &self.cell {
            Cell::Sum(sum) => sum.add(value),
            Cell::Last(last) => last.store(value.to_bits(), Relaxed),
            Cell::Histogram(histogram) => histogram.record(value, bounds, exemplar),
        }
    }

    /// Reads it. `renew` lets the next collection period have exemplars of its own.
    pub(crate) fn read(&self, renew: bool) -> Reading {
        match &self.cell {
            Cell::Sum(sum) => Reading::Sum(sum.read()),
            Cell::Last(last) => Reading::Last(f64::from_bits(last.load(Relaxed))),
            Cell::Histogram(histogram) => histogram.read(renew),
        }
    }

    /// A number that changes with each measurement, for the age of a series. A gauge has none.
    pub(crate) fn stamp(&self) -> u64 {
        match &self.cell {
            Cell::Sum(sum) => sum.stamp(),
            Cell::Last(last) => last.load(Relaxed),
            Cell::Histogram(histogram) => histogram
                .buckets
                .iter()
                .map(|count| count.load(Relaxed))
                .sum(),
        }
    }
}

impl Number {
    #[inline]
    fn add(&self, value: f64) {
        let whole = value as i64;
        // a sum of integers below 2^53 is exact as either
        if whole as f64 == value {
            self.whole.fetch_add(whole, Relaxed);
        } else {
            self.add_rest(value);
        }
    }

    fn add_rest(&self, value: f64) {
        let sum = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // never fails: the closure always has a value
        let _ = self.rest.fetch_update(Relaxed, Relaxed, sum);
    }

    fn read(&self) -> f64 {
        self.whole.load(Relaxed) as f64 + f64::from_bits(self.rest.load(Relaxed))
    }

    fn stamp(&self) -> u64 {
        (self.whole.load(Relaxed) as u64) ^ self.rest.load(Relaxed)
    }
}

impl Histogram {
    fn new(bounds: &[f64], seconds: bool) -> Self {
        let slots = (bounds.len() + 1).min(EXEMPLAR_BUCKETS);
        Self {
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: Number::default(),
            seconds,
            exemplars: Exemplars {
                taken: AtomicU32::new(0),
                slots: (0..slots).map(|_| Mutex::new(None)).collect(),
            },
        }
    }

    #[inline]
    fn record(&self, value: f64, bounds: &[f64], exemplar: Option<Exemplar>) {
        // bounds are upper ones, inclusive
        let bucket = bounds.partition_point(|bound| *bound < value);
        let Some(count) = self.buckets.get(bucket) else {
            return;
        };
        count.fetch_add(1, Relaxed);
        if self.seconds {
            self.sum
                .whole
                .fetch_add((value * NANOS).round() as i64, Relaxed);
        } else {
            self.sum.add(value);
        }
        if let Some(exemplar) = exemplar {
            self.exemplars.offer(bucket, value, exemplar);
        }
    }

    fn read(&self, renew: bool) -> Reading {
        let exemplars = self.exemplars.read(renew);
        let sum = if self.seconds {
            self.sum.whole.load(Relaxed) as f64 / NANOS
        } else {
            self.sum.read()
        };
        Reading::Histogram {
            buckets: self
                .buckets
                .iter()
                .map(|count| count.load(Relaxed))
                .collect(),
            sum,
            exemplars,
        }
    }
}

impl Exemplars {
    #[inline]
    fn offer(&self, bucket: usize, value: f64, exemplar: Exemplar) {
        let bit = 1_u32.checked_shl(bucket as u32).unwrap_or(0);
        if bit != 0 && self.taken.load(Relaxed) & bit == 0 {
            self.take(bucket, bit, value, exemplar);
        }
    }

    #[cold]
    fn take(&self, bucket: usize, bit: u32, value: f64, exemplar: Exemplar) {
        let Some(mut slot) = self.slots.get(bucket).and_then(Mutex::try_lock) else {
            return;
        };
        self.taken.fetch_or(bit, Relaxed);
        *slot = Some(Sample {
            value,
            at: SystemTime::now(),
            exemplar,
        });
    }

    /// The last exemplar of each bucket, of this collection period or an earlier one.
    fn read(&self, renew: bool) -> Vec<(usize, Sample)> {
        if renew {
            self.taken.store(0, Relaxed);
        }
        let samples = self.slots.iter().enumerate();
        samples
            .filter_map(|(bucket, slot)| Some((bucket, (*slot.lock())?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use hopline_core::{SpanId, TraceId};

    use super::*;

    fn exemplar(id: u64) -> Option<Exemplar> {
        Some(Exemplar {
            trace_id: TraceId::from_u128(id.into())?,
            span_id: SpanId::from_u64(id)?,
        })
    }

    fn histogram(seconds: bool) -> Series {
        Series::new(
            0,
            Attributes::overflow(),
            InstrumentKind::Histogram,
            seconds,
            &[0.1, 1.0],
        )
    }

    #[test]
    fn a_value_on_a_bound_is_in_the_bucket_below() {
        let series = histogram(true);
        for value in [0.05, 0.1, 0.2, 1.0, 7.0] {
            series.record(value, &[0.1, 1.0], None);
        }
        let Reading::Histogram { buckets, sum, .. } = series.read(true) else {
            panic!("a histogram")
        };
        assert_eq!(buckets, [2, 2, 1]);
        assert!((sum - 8.35).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn each_bucket_has_one_exemplar_for_each_collection() {
        let series = histogram(true);
        let ids = |series: &Series| {
            let Reading::Histogram { exemplars, .. } = series.read(true) else {
                panic!("a histogram")
            };
            let id = |(bucket, sample): (usize, Sample)| (bucket, sample.exemplar.span_id.to_u64());
            exemplars.into_iter().map(id).collect::<Vec<_>>()
        };
        series.record(0.05, &[0.1, 1.0], exemplar(1));
        series.record(0.06, &[0.1, 1.0], exemplar(2));
        series.record(3.0, &[0.1, 1.0], exemplar(3));
        assert_eq!(ids(&series), [(0, 1), (2, 3)]);
        series.record(0.05, &[0.1, 1.0], exemplar(4));
        assert_eq!(
            ids(&series),
            [(0, 4), (2, 3)],
            "an older one stays until there is a newer"
        );
    }

    #[test]
    fn sums_of_whole_and_broken_numbers_are_exact() {
        let number = Number::default();
        for value in [1.0, 0.5, -3.0, 0.25] {
            number.add(value);
        }
        assert_eq!(number.read(), -1.25);
    }
}
