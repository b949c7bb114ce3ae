//! One series: the values of one instrument under one attribute set. Edges add to it with atomics alone.
//! `Table` makes and finds them; a collection reads them.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use hopline_core::metrics::{Exemplar, InstrumentKind};
use parking_lot::Mutex;

use crate::attributes::Attributes;

/// The values of one attribute set.
#[derive(Debug)]
pub(crate) struct Series {
    /// Hash of the attributes, kept so that a copy of the table hashes nothing.
    pub(crate) hash: u64,
    /// Never changed: another set is another series.
    pub(crate) attributes: Attributes,
    /// The values, by the kind of the instrument.
    pub(crate) cell: Cell,
}

/// Combined values.
///
/// Each number is read by itself: a histogram's count is the sum of its buckets, so a reader never sees a count that
/// differs from them. Its sum may be a measurement ahead or behind.
#[derive(Debug)]
pub(crate) enum Cell {
    /// Counters, and up-down counters.
    Sum(Number),
    /// Gauges: the last value, as the bits of an `f64`.
    Last(AtomicU64),
    /// Histograms.
    Histogram(Histogram),
}

/// A sum: of whole numbers as an integer, which one instruction adds to, and of others as `f64` bits.
///
/// On a cache line of its own: each measurement reads the attributes of its series, and would wait for the thread that added
/// last if they were on the same one.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Number(Parts);

/// The atomics of a sum.
#[derive(Debug, Default)]
struct Parts {
    /// Sum of the whole numbers. Wraps beyond 2^63.
    whole: AtomicI64,
    /// Sum of the other numbers, as the bits of an `f64`. Added to in a loop, as there is no atomic float.
    rest: AtomicU64,
}

/// Counts of buckets with explicit bounds, their sum and exemplars.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// The sum and the first buckets.
    first: FirstLine,
    /// The other buckets, by eight. One more bucket than there are bounds.
    rest: Box<[Line]>,
    /// Number of buckets.
    len: usize,
    /// Billionths of a unit for seconds, whose sum is added to as an integer.
    seconds: bool,
    exemplars: Exemplars,
}

/// The sum of a histogram and its first buckets, up to 0.1 s of durations: two threads with fast requests of one series
/// contend for one cache line instead of two, and not for the attributes that both read.
#[derive(Debug, Default)]
#[repr(align(64))]
struct FirstLine {
    /// In the unit of the instrument, or in nanoseconds. Its two parts, as a [`Number`] has them.
    sum: Parts,
    buckets: [AtomicU64; FIRST],
}

/// Buckets beside the sum.
const FIRST: usize = 6;

/// Further buckets, on a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; 8]);

/// One exemplar for each bucket and collection.
///
/// A bucket's slot is locked for one copy, by the first kept trace since the last collection; it is tried, never waited
/// for. Others see in `taken` that the slot is filled, which is one load.
#[derive(Debug)]
pub(crate) struct Exemplars {
    /// Bit `n` is set if bucket `n` has an exemplar of this period. 32 bits bound the number of slots.
    taken: AtomicU32,
    /// One for each of the first 32 buckets.
    slots: Box<[Mutex<Option<Sample>>]>,
}

/// A measurement with the span in which it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// In the unit of the instrument.
    pub(crate) value: f64,
    /// Time of the measurement.
    pub(crate) at: SystemTime,
    /// Ids of the trace and the span.
    pub(crate) exemplar: Exemplar,
}

/// The value of a series at the time of a collection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// Total since the start, or a difference in an OTLP request with that temporality.
    Sum(f64),
    /// Last value.
    Last(f64),
    Histogram {
        /// Measurements of each bucket, not cumulative.
        buckets: Vec<u64>,
        /// In the unit of the instrument.
        sum: f64,
        /// By bucket.
        exemplars: Vec<(usize, Sample)>,
    },
}

impl Reading {
    /// Adds what another series of the same instrument holds; of last values, that one counts.
    ///
    /// Needed where two sets have the same labels in Prometheus. Other combinations of kinds do not occur, and change nothing.
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

/// Nanoseconds of a second.
const NANOS: f64 = 1e9;

impl Series {
    /// Makes a series without measurements. `seconds` makes a histogram add up nanoseconds.
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

    /// Adds a measurement. `bounds` are the table's, given here so that a series does not store them.
    #[inline]
    pub(crate) fn record(&self, value: f64, bounds: &[f64], exemplar: Option<Exemplar>) {
        match &self.cell {
            Cell::Sum(sum) => sum.0.add(value),
            Cell::Last(last) => last.store(value.to_bits(), Relaxed),
            Cell::Histogram(histogram) => histogram.record(value, bounds, exemplar),
        }
    }

    /// Reads it. `renew` lets the next collection period have exemplars of its own.
    pub(crate) fn read(&self, renew: bool) -> Reading {
        match &self.cell {
            Cell::Sum(sum) => Reading::Sum(sum.0.read()),
            Cell::Last(last) => Reading::Last(f64::from_bits(last.load(Relaxed))),
            Cell::Histogram(histogram) => histogram.read(renew),
        }
    }

    /// A number that changes with each measurement, for the age of a series. A gauge has none.
    pub(crate) fn stamp(&self) -> u64 {
        match &self.cell {
            Cell::Sum(sum) => sum.0.stamp(),
            Cell::Last(last) => last.load(Relaxed),
            Cell::Histogram(histogram) => histogram.counts().sum(),
        }
    }
}

impl Parts {
    /// Adds a value: one instruction for a whole number, a loop for another.
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

    /// Adds a number that is not whole. Retries while other threads add.
    fn add_rest(&self, value: f64) {
        let sum = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // never fails: the closure always has a value
        let _ = self.rest.fetch_update(Relaxed, Relaxed, sum);
    }

    /// Returns the sum. Both parts are read one after the other, so it may lack a measurement that is on its way.
    fn read(&self) -> f64 {
        self.whole.load(Relaxed) as f64 + f64::from_bits(self.rest.load(Relaxed))
    }

    /// Changes with each measurement other than zero.
    fn stamp(&self) -> u64 {
        (self.whole.load(Relaxed) as u64) ^ self.rest.load(Relaxed)
    }
}

impl Histogram {
    /// Makes empty buckets, one more than there are bounds.
    fn new(bounds: &[f64], seconds: bool) -> Self {
        let slots = (bounds.len() + 1).min(EXEMPLAR_BUCKETS);
        Self {
            first: FirstLine::default(),
            rest: (FIRST..=bounds.len())
                .step_by(8)
                .map(|_| Line::default())
                .collect(),
            len: bounds.len() + 1,
            seconds,
            exemplars: Exemplars {
                taken: AtomicU32::new(0),
                slots: (0..slots).map(|_| Mutex::new(None)).collect(),
            },
        }
    }

    /// Counts the value in its bucket and adds it to the sum.
    ///
    /// The bucket is found by halving, which takes four steps for the 14 bounds of durations.
    #[inline]
    fn record(&self, value: f64, bounds: &[f64], exemplar: Option<Exemplar>) {
        // bounds are upper ones, inclusive
        let bucket = bounds.partition_point(|bound| *bound < value);
        let Some(count) = self.bucket(bucket) else {
            return;
        };
        count.fetch_add(1, Relaxed);
        if self.seconds {
            self.first
                .sum
                .whole
                .fetch_add((value * NANOS).round() as i64, Relaxed);
        } else {
            self.first.sum.add(value);
        }
        if let Some(exemplar) = exemplar {
            self.exemplars.offer(bucket, value, exemplar);
        }
    }

    /// The count of a bucket.
    #[inline]
    fn bucket(&self, at: usize) -> Option<&AtomicU64> {
        match at.checked_sub(FIRST) {
            None => self.first.buckets.get(at),
            Some(at) => self.rest.get(at / 8)?.0.get(at % 8),
        }
    }

    /// The counts of all buckets, in order.
    fn counts(&self) -> impl Iterator<Item = u64> {
        let all = (0..self.len).filter_map(|at| self.bucket(at));
        all.map(|count| count.load(Relaxed))
    }

    /// Copies the counts, the sum and the exemplars.
    fn read(&self, renew: bool) -> Reading {
        let exemplars = self.exemplars.read(renew);
        let sum = if self.seconds {
            self.first.sum.whole.load(Relaxed) as f64 / NANOS
        } else {
            self.first.sum.read()
        };
        Reading::Histogram {
            buckets: self.counts().collect(),
            sum,
            exemplars,
        }
    }
}

impl Exemplars {
    /// Takes an exemplar if the bucket has none in this period.
    #[inline]
    fn offer(&self, bucket: usize, value: f64, exemplar: Exemplar) {
        let bit = 1_u32.checked_shl(bucket as u32).unwrap_or(0);
        if bit != 0 && self.taken.load(Relaxed) & bit == 0 {
            self.take(bucket, bit, value, exemplar);
        }
    }

    /// Fills the slot, unless another thread does at this moment: then that one's exemplar is as good.
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
    fn each_of_many_buckets_counts_its_own() {
        for len in [1_u32, 5, 6, 7, 13, 14, 15, 40] {
            let bounds: Vec<f64> = (0..len).map(f64::from).collect();
            let series = Series::new(
                0,
                Attributes::overflow(),
                InstrumentKind::Histogram,
                false,
                &bounds,
            );
            for bucket in 0..=len {
                (0..=bucket).for_each(|_| series.record(f64::from(bucket), &bounds, None));
            }
            let Reading::Histogram { buckets, .. } = series.read(true) else {
                panic!("a histogram")
            };
            let expected: Vec<u64> = (1..=u64::from(len) + 1).collect();
            assert_eq!(buckets, expected, "{len} bounds");
        }
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
        let number = Parts::default();
        for value in [1.0, 0.5, -3.0, 0.25] {
            number.add(value);
        }
        assert_eq!(number.read(), -1.25);
    }
}
