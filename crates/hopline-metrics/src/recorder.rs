//! Measurements of libraries that use the `metrics` crate, on the same page.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
    SharedString, Unit,
};
use hopline_core::metrics::{self as hook, Instrument, InstrumentKind, Meter};
use hopline_core::{Attr, Name, attr, notify};
use parking_lot::Mutex;

use crate::metrics::Metrics;

/// Receives measurements of the `metrics` crate; from [`Metrics::recorder`].
#[derive(Debug)]
pub struct Recorder {
    metrics: Metrics,
    state: Mutex<State>,
}

/// Locked when a library describes an instrument or asks for a handle; bounded by [`MOST_NAMES`] and [`MOST_HANDLES`].
#[derive(Debug, Default)]
struct State {
    /// Unit and description by name. Read at the first use of the name.
    described: HashMap<String, (Option<Unit>, String)>,
    /// Leaked, as an instrument lives for the process; bounded by `MOST_NAMES`.
    instruments: HashMap<(String, InstrumentKind), &'static Instrument>,
    /// One for each set of labels.
    handles: HashMap<(InstrumentKind, Key), Arc<Handle>>,
}

/// One set of labels of one instrument.
struct Handle {
    metrics: Metrics,
    instrument: &'static Instrument,
    labels: Vec<(String, String)>,
    /// The value of a gauge, which may be changed by a difference; the highest total of a counter that is set.
    value: AtomicU64,
}

/// Names that are described, and names in use; those beyond it are not measured.
const MOST_NAMES: usize = 1_024;

/// Sets of labels; those beyond it are not measured.
const MOST_HANDLES: usize = 10_000;

/// Labels of one handle; further ones are left out.
const MOST_LABELS: usize = 16;

impl Metrics {
    /// A recorder for `metrics::set_global_recorder`: libraries that use the `metrics` crate then report here.
    ///
    /// Takes up to 1,024 names and 10,000 sets of up to 16 labels; what is beyond is not measured, and there is a notice.
    /// Histograms have the bounds 5 ms … 10 s; a [`View`](crate::View) of their name changes them.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_metrics::Metrics;
    ///
    /// let page = Metrics::builder().build();
    /// metrics::set_global_recorder(page.recorder()).unwrap();
    /// metrics::counter!("jobs.done", "queue" => "mail").increment(2);
    /// assert!(page.render().contains("jobs_done_total{queue=\"mail\"} 2\n"));
    /// ```
    pub fn recorder(&self) -> Recorder {
        Recorder {
            metrics: self.clone(),
            state: Mutex::default(),
        }
    }
}

impl Recorder {
    /// Remembers unit and description of a name.
    fn describe(&self, name: &KeyName, unit: Option<Unit>, description: &SharedString) {
        let described = &mut self.state.lock().described;
        if described.len() < MOST_NAMES {
            described.insert(name.as_str().to_owned(), (unit, description.to_string()));
        }
    }

    /// Returns the handle of these labels, made at their first use; `None` beyond the limits.
    fn handle(&self, kind: InstrumentKind, key: &Key) -> Option<Arc<Handle>> {
        let mut state = self.state.lock();
        let known = (kind, key.clone());
        if let Some(handle) = state.handles.get(&known) {
            return Some(Arc::clone(handle));
        }
        let instrument = state
            .instrument(kind, key.name())
            .filter(|_| state.handles.len() < MOST_HANDLES);
        let Some(instrument) = instrument else {
            notify("metrics-recorder", || {
                format!(
                    "{} is not measured: the recorder of the metrics crate has {MOST_NAMES} names or {MOST_HANDLES} sets of \
                     labels already",
                    key.name()
                )
            });
            return None;
        };
        let labels = key.labels().take(MOST_LABELS);
        let handle = Arc::new(Handle {
            metrics: self.metrics.clone(),
            instrument,
            labels: labels
                .map(|label| (label.key().to_owned(), label.value().to_owned()))
                .collect(),
            value: AtomicU64::new(0),
        });
        state.handles.insert(known, Arc::clone(&handle));
        Some(handle)
    }
}

impl State {
    /// The instrument of this name. It is made once and never freed, as instruments live as long as the process.
    fn instrument(&mut self, kind: InstrumentKind, name: &str) -> Option<&'static Instrument> {
        let known = (name.to_owned(), kind);
        if let Some(instrument) = self.instruments.get(&known) {
            return Some(instrument);
        }
        if self.instruments.len() >= MOST_NAMES {
            return None;
        }
        let (unit, description) = self.described.get(name).cloned().unwrap_or_default();
        let unit = unit.map_or("", |unit| unit.as_canonical_label());
        let name: &'static str = name.to_owned().leak();
        let instrument = match kind {
            InstrumentKind::Counter => Instrument::counter(name, unit),
            InstrumentKind::UpDownCounter => Instrument::up_down_counter(name, unit),
            InstrumentKind::Gauge => Instrument::gauge(name, unit),
            InstrumentKind::Histogram => Instrument::histogram(name, unit),
        };
        let instrument = Box::leak(Box::new(instrument.description(description.leak())));
        self.instruments.insert(known, instrument);
        Some(instrument)
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&name, unit, &description);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&name, unit, &description);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&name, unit, &description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.handle(InstrumentKind::Counter, key)
            .map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.handle(InstrumentKind::Gauge, key)
            .map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.handle(InstrumentKind::Histogram, key)
            .map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

impl Handle {
    /// Adds a measurement, with the current span as its exemplar.
    fn report(&self, value: f64) {
        let mut attrs: [Attr<'_>; MOST_LABELS] = [attr("", None::<bool>); MOST_LABELS];
        for (place, (key, value)) in attrs.iter_mut().zip(&self.labels) {
            *place = attr(Name::dynamic(key), value);
        }
        self.metrics.record(
            self.instrument,
            value,
            &attrs[..self.labels.len()],
            hook::exemplar(),
        );
    }

    /// Changes the value of a gauge, and reports the new one.
    fn change(&self, change: impl Fn(f64) -> f64) {
        let changed = |bits| Some(change(f64::from_bits(bits)).to_bits());
        let old = self.value.fetch_update(Relaxed, Relaxed, changed);
        let (Ok(old) | Err(old)) = old;
        self.report(change(f64::from_bits(old)));
    }
}

impl CounterFn for Handle {
    fn increment(&self, value: u64) {
        self.report(value as f64);
    }

    fn absolute(&self, value: u64) {
        let before = self.value.fetch_max(value, Relaxed);
        if value > before {
            self.report((value - before) as f64);
        }
    }
}

impl GaugeFn for Handle {
    fn increment(&self, value: f64) {
        self.change(|old| old + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|old| old - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Handle {
    fn record(&self, value: f64) {
        self.report(value);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("instrument", &self.instrument.name())
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}
