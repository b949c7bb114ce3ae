//! The meter: one bounded table for each instrument, collected by the exporters.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use hopline_core::metrics::{Exemplar, Instrument, InstrumentKind, Meter, Observe, Observer};
use hopline_core::{Attr, Resource, notify};

use crate::hosts::Hosts;
use crate::observed::{Observed, Observers};
use crate::slo::{Slo, SloState, Slos};
use crate::snapshot::{Family, Point, PointSource};
use crate::table::Table;
use crate::view::View;

/// Instruments that one process may have. Those beyond it are dropped, counted and reported.
const MOST_INSTRUMENTS: usize = 256;

/// Attribute sets of one instrument, as OpenTelemetry's SDKs have it.
const SETS: usize = 2_000;

/// Hosts that clients' series are kept apart for.
const HOSTS: usize = 200;

/// Aggregates measurements in bounded memory, and gives them to Prometheus or OTLP.
///
/// Cloning it counts a reference. Give it to a tracer with [`TracerBuilder::meter`](hopline_core::TracerBuilder::meter);
/// every edge of that tracer then reports to it, for each request, sampled or not.
///
/// # Examples
///
/// ```
/// use hopline_core::metrics::Instrument;
/// use hopline_core::{Tracer, attr};
/// use hopline_metrics::Metrics;
///
/// static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}").description("Carts that were opened.");
///
/// let metrics = Metrics::builder().service("shop").build();
/// let tracer = Tracer::builder().service("shop").meter(metrics.clone()).build();
/// tracer.measure(&CARTS, 1.0, &[attr("shop.tier", "gold")]);
/// assert!(metrics.render().contains("shop_carts_total{shop_tier=\"gold\"} 1\n"));
/// ```
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

/// Shared by all clones.
struct Inner {
    /// By the number of the instrument, less one. Filled once each, read without a lock.
    tables: Box<[OnceLock<Option<Table>>]>,
    /// Of several for one instrument, the last counts.
    views: Vec<View>,
    /// Attribute sets of an instrument, unless its view has another limit.
    limit: usize,
    /// Age at which a series without a measurement is removed; `None` for never.
    forget_after: Option<Duration>,
    /// Hosts of clients with series of their own.
    hosts: Hosts,
    /// False drops the exemplars of all measurements.
    exemplars: bool,
    /// Service that is measured, in each export.
    resource: Resource,
    /// Time of `build`, from which totals count.
    started: SystemTime,
    /// Sources of values that are read at each collection.
    observers: Observers,
    /// Objectives, which count each request before its series does.
    slos: Slos,
    /// Measurements that no series took.
    dropped: AtomicU64,
}

impl Metrics {
    /// Begins with the defaults: 2,000 attribute sets for each instrument, exemplars on, no views.
    pub fn builder() -> MetricsBuilder {
        MetricsBuilder {
            views: Vec::new(),
            limit: SETS,
            forget_after: None,
            hosts: HOSTS,
            exemplars: true,
            resource: Resource::default(),
            slos: Vec::new(),
        }
    }

    /// Calls `observe` at each collection, to give values that are known to something else: sizes, totals.
    ///
    /// It is called on the thread that collects. A panic in it costs the values of that call. Takes up to 1,000 closures; further
    /// ones are dropped and counted by [`dropped`](Metrics::dropped). For an object that may be dropped, use
    /// [`Tracer::observe`](hopline_core::Tracer::observe), whose closure ends its registration.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::metrics::Instrument;
    /// use hopline_metrics::Metrics;
    ///
    /// static FREE: Instrument = Instrument::gauge("shop.lockers.free", "{locker}");
    ///
    /// let metrics = Metrics::builder().build();
    /// metrics.observe(|observer| observer.value(&FREE, 12.0, &[]));
    /// assert!(metrics.render().contains("shop_lockers_free 12\n"));
    /// ```
    pub fn observe(&self, observe: impl Fn(&mut Observer<'_>) + Send + 'static) {
        Meter::observe(
            self,
            Box::new(move |observer| {
                observe(observer);
                true
            }),
        );
    }

    /// Measurements that were dropped: of instruments beyond 256, of counters with a negative value, and of no finite value; and observers beyond 1,000.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    /// Measurements that an overflow series took, because their instrument had too many attribute sets.
    pub fn overflowed(&self) -> u64 {
        self.tables().map(Table::overflowed).sum()
    }

    /// The objectives with their burn rates in this process.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_metrics::Metrics;
    ///
    /// let metrics = Metrics::builder().slo("SLO * 99% over 7d".parse()?).build();
    /// assert_eq!(metrics.slo_states()[0].total, 0);
    /// # Ok::<(), hopline_metrics::slo::ParseSloError>(())
    /// ```
    pub fn slo_states(&self) -> Vec<SloState> {
        self.0.slos.states()
    }

    /// The service that is measured.
    pub fn resource(&self) -> &Resource {
        &self.0.resource
    }

    /// The time since which totals count.
    pub fn started(&self) -> SystemTime {
        self.0.started
    }

    /// Reads all series. `renew` begins a new collection period for exemplars.
    ///
    /// Runs on the caller's thread, at most once at a time for observers. Measurements of series that exist do not wait for it.
    pub(crate) fn collect(&self, renew: bool) -> Vec<Family> {
        let now = Instant::now();
        if let Some(age) = self.0.forget_after {
            self.tables().for_each(|table| table.forget_idle(age, now));
        }
        let mut families: Vec<Family> = self.tables().map(|table| family(table, renew)).collect();
        families.retain(|family| !family.points.is_empty());
        families.extend(self.observed());
        families
    }

    /// Calls the observers in the order in which they were added.
    fn observed(&self) -> Vec<Family> {
        let mut observed = Observed::default();
        let mut take = |instrument: &Instrument, value: f64, attributes: &[Attr<'_>]| {
            observed.add(instrument, value, attributes);
        };
        let mut observer = Observer::new(&mut take);
        self.0.slos.observe(&mut observer);
        self.0.observers.call(&mut observer);
        observed.into_families()
    }

    /// Tables of the instruments that were measured.
    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.0
            .tables
            .iter()
            .filter_map(|table| table.get()?.as_ref())
    }

    /// Makes the table of an instrument at its first measurement; `None` if a view turns it off.
    #[cold]
    fn table(&self, instrument: &Instrument) -> Option<Table> {
        let view = self
            .0
            .views
            .iter()
            .rfind(|view| *view.instrument == *instrument.name());
        let off = view.is_some_and(|view| view.off);
        (!off).then(|| Table::new(instrument, view, self.0.limit))
    }

    /// Counts a measurement that its instrument does not permit, such as a negative value of a counter.
    #[cold]
    fn refuse(&self, instrument: &Instrument, value: f64) {
        self.0.dropped.fetch_add(1, Relaxed);
        notify("metrics-values", || {
            format!(
                "{value} is no value for {}: it is not counted; a counter only grows, use an up-down counter for what falls",
                instrument.name()
            )
        });
    }

    /// Counts a dropped measurement. The notice is repeated rarely, as by `notify`.
    #[cold]
    fn drop_measurement(&self, instrument: &Instrument) {
        self.0.dropped.fetch_add(1, Relaxed);
        notify("metrics-instruments", || {
            format!(
                "there are more than {MOST_INSTRUMENTS} instruments: {} and later ones are not measured; use attributes \
                 instead of names that are made at run time",
                instrument.name()
            )
        });
    }
}

/// Reads one table.
fn family(table: &Table, renew: bool) -> Family {
    let points = table.series().into_iter().map(|series| Point {
        reading: series.read(renew),
        source: PointSource::Series(series),
    });
    Family {
        name: table.name.clone(),
        unit: table.unit,
        help: table.help,
        kind: table.kind,
        bounds: table.bounds.clone(),
        points: points.collect(),
    }
}

impl Meter for Metrics {
    #[inline]
    fn record(
        &self,
        instrument: &Instrument,
        value: f64,
        attributes: &[Attr<'_>],
        exemplar: Option<Exemplar>,
    ) {
        if !value.is_finite() || (value < 0.0 && instrument.kind() == InstrumentKind::Counter) {
            return self.refuse(instrument, value);
        }
        let Some(table) = self.0.tables.get(instrument.number() as usize - 1) else {
            return self.drop_measurement(instrument);
        };
        let Some(table) = table.get_or_init(|| self.table(instrument)) else {
            return;
        };
        let exemplar = exemplar.filter(|_| self.0.exemplars);
        if self.0.hosts.concern(instrument) {
            self.0.hosts.bounded(attributes, |attributes| {
                table.record(value, attributes, exemplar)
            });
        } else {
            table.record(value, attributes, exemplar);
        }
        self.0.slos.record(instrument, value, attributes);
    }

    fn observe(&self, observe: Observe) {
        if !self.0.observers.add(observe) {
            self.0.dropped.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("instruments", &self.tables().count())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// Makes [`Metrics`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct MetricsBuilder {
    views: Vec<View>,
    limit: usize,
    forget_after: Option<Duration>,
    hosts: usize,
    exemplars: bool,
    resource: Resource,
    slos: Vec<Slo>,
}

impl MetricsBuilder {
    /// Sets the service's name.
    pub fn service(mut self, name: &str) -> Self {
        self.resource = self.resource.with("service.name", name);
        self
    }

    /// Sets the description of the service; replaces the name.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Adds a view. Of several for one instrument the last counts.
    pub fn view(mut self, view: View) -> Self {
        self.views.push(view);
        self
    }

    /// Sets the number of attribute sets of each instrument. Defaults to 2,000.
    ///
    /// Measurements with further sets are added to one series with the attribute `otel.metric.overflow=true`.
    pub fn limit(mut self, sets: usize) -> Self {
        self.limit = sets;
        self
    }

    /// Removes series without a measurement for `age`. Defaults to never.
    ///
    /// A removed series begins again at zero, which Prometheus takes for a restart of the counter.
    pub fn forget_after(mut self, age: Duration) -> Self {
        self.forget_after = Some(age);
        self
    }

    /// Sets the number of hosts that clients' series are kept apart for. Defaults to 200; further ones are `_OTHER`.
    pub fn hosts(mut self, hosts: usize) -> Self {
        self.hosts = hosts;
        self
    }

    /// Sets whether series have exemplars. Defaults to true.
    pub fn exemplars(mut self, exemplars: bool) -> Self {
        self.exemplars = exemplars;
        self
    }

    /// Adds a service level objective: its burn rates become gauges, and its limit a bucket of the requests' duration.
    pub fn slo(mut self, slo: Slo) -> Self {
        self.slos.push(slo);
        self
    }

    /// Makes the metrics.
    pub fn build(self) -> Metrics {
        let slos = Slos::new(self.slos);
        let mut views = self.views;
        slos.add_buckets(&mut views);
        Metrics(Arc::new(Inner {
            tables: (0..MOST_INSTRUMENTS).map(|_| OnceLock::new()).collect(),
            views,
            limit: self.limit.max(1),
            forget_after: self.forget_after,
            hosts: Hosts::new(self.hosts),
            exemplars: self.exemplars,
            resource: self.resource,
            started: SystemTime::now(),
            observers: Observers::default(),
            slos,
            dropped: AtomicU64::new(0),
        }))
    }
}
