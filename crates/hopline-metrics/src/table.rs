//! The table of one instrument: finds the series of an attribute set without a lock, and bounds their number.
//! `Metrics::record` finds the table and adds to it; `Metrics::collect` reads it and removes idle series.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use hashbrown::{DefaultHashBuilder, HashTable};
use hopline_core::Attr;
use hopline_core::metrics::{Exemplar, Instrument, InstrumentKind};
use parking_lot::Mutex;

use crate::attributes::{Attributes, Given};
use crate::series::Series;
use crate::view::{View, sorted};

/// The aggregation of one instrument.
///
/// A measurement hashes its attributes, loads the table, finds the series and adds with atomics: no lock, no allocation.
/// Only a new attribute set takes the lock.
#[derive(Debug)]
pub(crate) struct Table {
    /// Name in OpenTelemetry's form; that of the view if it has one.
    pub(crate) name: Box<str>,
    /// UCUM unit. `s` makes histograms add up nanoseconds.
    pub(crate) unit: &'static str,
    /// Description, empty without one.
    pub(crate) help: &'static str,
    /// Kind, which decides the cell of each series.
    pub(crate) kind: InstrumentKind,
    /// Inclusive upper bounds, ascending, without duplicates; empty unless the kind is a histogram.
    pub(crate) bounds: Vec<f64>,
    /// Keys that the view drops.
    dropped: Vec<Box<str>>,
    /// Attribute sets with series of their own.
    limit: usize,
    /// Seeded at random, so that callers cannot choose attributes that collide.
    hasher: DefaultHashBuilder,
    /// Read without a lock by each measurement. A new series replaces the whole table: there are at most `limit`, so the
    /// copies of a process's life are bounded by its square.
    series: ArcSwap<HashTable<Arc<Series>>>,
    /// Taken to add or remove a series, for one copy of the table.
    change: Mutex<Retired>,
    /// Series of all measurements beyond the limit. Made with the table, so that an overflow allocates nothing.
    overflow: Arc<Series>,
    /// Measurements that the overflow series took.
    overflowed: AtomicU64,
}

/// Series that were forgotten, with their stamps at that time: a measurement that was on its way to one is found by
/// the next collection.
#[derive(Debug, Default)]
struct Retired {
    /// Series that the last collection removed. Kept for one period, so bounded by the limit.
    forgotten: Vec<(Arc<Series>, u64)>,
    /// Series in the table, each with its last stamp and the time since which it has that stamp.
    ages: Vec<(Arc<Series>, u64, std::time::Instant)>,
}

impl Table {
    /// Makes an empty table. The view's buckets replace the instrument's; its extra buckets are added to either.
    pub(crate) fn new(instrument: &Instrument, view: Option<&View>, limit: usize) -> Self {
        let given = view.and_then(|view| view.buckets.clone());
        let bounds = given.unwrap_or_else(|| instrument.bounds().to_vec());
        let extra = view
            .map(|view| view.extra_buckets.clone())
            .unwrap_or_default();
        let bounds = match instrument.kind() {
            InstrumentKind::Histogram => sorted(bounds.into_iter().chain(extra)),
            _ => Vec::new(),
        };
        let name = view.and_then(|view| view.name.clone());
        let seconds = instrument.unit() == "s";
        Self {
            name: name.unwrap_or_else(|| instrument.name().into()),
            unit: instrument.unit(),
            help: instrument.help(),
            kind: instrument.kind(),
            overflow: Arc::new(Series::new(
                0,
                Attributes::overflow(),
                instrument.kind(),
                seconds,
                &bounds,
            )),
            bounds,
            dropped: view.map(|view| view.dropped.clone()).unwrap_or_default(),
            limit: view.and_then(|view| view.limit).unwrap_or(limit),
            hasher: DefaultHashBuilder::default(),
            series: ArcSwap::default(),
            change: Mutex::default(),
            overflowed: AtomicU64::new(0),
        }
    }

    /// Adds a measurement to its series, or to the overflow series if there are too many.
    ///
    /// Several threads may add to one series; none of them waits.
    #[inline]
    pub(crate) fn record(&self, value: f64, attrs: &[Attr<'_>], exemplar: Option<Exemplar>) {
        let given = Given {
            attrs,
            dropped: &self.dropped,
        };
        let hash = given.hash(&self.hasher);
        let found = |table: &HashTable<Arc<Series>>| {
            let series = table.find(hash, |series| series.attributes.are(given))?;
            series.record(value, &self.bounds, exemplar);
            Some(())
        };
        if found(&self.series.load()).is_none() {
            self.record_new(value, given, hash, exemplar);
        }
    }

    /// Adds a measurement whose attribute set has no series yet.
    ///
    /// Checks the limit before it takes the lock: an attack with ever new attributes must not make threads wait for each other.
    #[cold]
    fn record_new(&self, value: f64, given: Given<'_>, hash: u64, exemplar: Option<Exemplar>) {
        let full = self.series.load().len() >= self.limit;
        let series = if full { None } else { self.add(given, hash) };
        if series.is_none() {
            self.overflowed.fetch_add(1, Relaxed);
        }
        series
            .as_ref()
            .unwrap_or(&self.overflow)
            .record(value, &self.bounds, exemplar);
    }

    /// The series of these attributes, made if there is room for it.
    ///
    /// Looks again under the lock, as another thread may have made it. Copies the table, which is the price of reads without a
    /// lock; without `forget_after` it is paid at most `limit` times.
    fn add(&self, given: Given<'_>, hash: u64) -> Option<Arc<Series>> {
        let _change = self.change.lock();
        let mut table = HashTable::clone(&self.series.load());
        if let Some(series) = table.find(hash, |series| series.attributes.are(given)) {
            return Some(Arc::clone(series));
        }
        if table.len() >= self.limit {
            return None;
        }
        let series = Series::new(
            hash,
            given.store(),
            self.kind,
            self.unit == "s",
            &self.bounds,
        );
        let series = Arc::new(series);
        table.insert_unique(hash, Arc::clone(&series), |series| series.hash);
        self.series.store(Arc::new(table));
        Some(series)
    }

    /// All series in use, the overflow series last and only if it took something.
    pub(crate) fn series(&self) -> Vec<Arc<Series>> {
        let mut all: Vec<_> = self.series.load().iter().cloned().collect();
        if self.overflowed() > 0 {
            all.push(Arc::clone(&self.overflow));
        }
        all
    }

    /// Measurements in the overflow series since the start.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.load(Relaxed)
    }

    /// Removes series without a measurement for `age`. Called at each collection.
    ///
    /// A stamp that has not changed for `age` makes a series idle. A measurement may hold a series while it is removed, so the
    /// removed ones are checked once more, one collection later.
    pub(crate) fn forget_idle(&self, age: std::time::Duration, now: std::time::Instant) {
        let mut change = self.change.lock();
        let mut table = HashTable::clone(&self.series.load());
        // a measurement that was on its way when its series was removed: the series comes back
        for (series, stamp) in std::mem::take(&mut change.forgotten) {
            let same = |other: &Arc<Series>| other.attributes == series.attributes;
            if series.stamp() != stamp && table.find(series.hash, same).is_none() {
                table.insert_unique(series.hash, series, |series| series.hash);
            }
        }
        let ages = std::mem::take(&mut change.ages);
        let mut kept = Vec::with_capacity(table.len());
        let mut idle = Vec::new();
        for series in table.iter() {
            let stamp = series.stamp();
            let known = ages.iter().find(|(known, ..)| Arc::ptr_eq(known, series));
            let since = known
                .filter(|(_, old, _)| *old == stamp)
                .map_or(now, |(.., since)| *since);
            if now.saturating_duration_since(since) > age {
                idle.push((Arc::clone(series), stamp));
            } else {
                kept.push((Arc::clone(series), stamp, since));
            }
        }
        if !idle.is_empty() {
            table.retain(|series| !idle.iter().any(|(idle, _)| Arc::ptr_eq(idle, series)));
        }
        change.ages = kept;
        change.forgotten = idle;
        self.series.store(Arc::new(table));
    }
}
