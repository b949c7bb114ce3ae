//! The tracer and its builder: an explicit value; nothing global is needed.
//! Created by the facade, or by tests; edges take one by `.tracer(t)`.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::attribute::resource::Resource;
use crate::attribute::value::Attr;
use crate::engine::metered;
use crate::engine::pool::{Pool, Traces};
use crate::engine::queue::Queue;
use crate::engine::shared::Shared;
use crate::engine::stats::{Budget, Counters, Stats};
use crate::engine::trace_ref::finish_open_traces;
use crate::export::sink::{Batching, FlushError, Sink, Source};
use crate::limits::{Limits, MAX_TRACE_BYTES};
use crate::meter::instrument::Instrument;
use crate::meter::observer::Observer;
use crate::meter::receiver::{Exemplar, Meter};
use crate::notice::line::Notice;
use crate::propagation::id_source::IdGenerator;
use crate::sampling::active_plan::ActivePlan;
use crate::sampling::keep::KeptPerSecond;
use crate::sampling::plan::SamplingPlan;
use crate::sampling::sampler::Sampler;
use crate::span::context::Context;
use crate::span::isolated::Isolated;
use crate::time::clock::Clock;
use crate::time::tick::Ticker;

/// The tracer of a service: resource, sampling plan, limits, clock, id generator and sinks in one value.
///
/// Cloning it counts a reference. Layers and wrappers take one by `.tracer(t)`; without one they use the installed
/// tracer. Tests pass their own, so they run in parallel.
///
/// # Examples
///
/// ```
/// use hopline_core::{SamplingPlan, Tracer};
///
/// let tracer = Tracer::builder()
///     .service("orders")
///     .plan(SamplingPlan::recommended())
///     .baggage_attributes(["tenant_id"])
///     .build();
/// assert_eq!(tracer.resource().service_name(), "orders");
/// ```
#[derive(Clone)]
pub struct Tracer(Arc<Shared>);

static INSTALLED: OnceLock<Tracer> = OnceLock::new();
// It guards nothing, so no ordering is needed.
static WAIVED: AtomicBool = AtomicBool::new(false);

/// Time that a shutdown waits for notices, whose hook may hang.
const NOTICES_WAIT: Duration = Duration::from_millis(250);

impl Tracer {
    /// Starts a builder with the defaults: every trace is sampled, and no sink receives it.
    pub fn builder() -> TracerBuilder {
        TracerBuilder {
            resource: Resource::default(),
            plan: SamplingPlan::default(),
            sampler: None,
            sinks: Vec::new(),
            clock: Clock::default(),
            ids: IdGenerator::default(),
            limits: Limits::default(),
            baggage_attributes: Vec::new(),
            error_messages: false,
            meter: None,
        }
    }

    /// Installs it for the life of the process: layers, wrappers and spans without a tracer use it.
    ///
    /// # Errors
    ///
    /// Returns an error if a tracer is installed already.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Tracer;
    ///
    /// let tracer = Tracer::builder().service("orders").build();
    /// assert!(tracer.install().is_ok());
    /// assert!(tracer.install().is_err(), "a process has one");
    /// assert!(hopline_core::SpanBuilder::new("job").parent(Default::default()).start().is_recording());
    /// ```
    pub fn install(&self) -> Result<(), InstallError> {
        INSTALLED.set(self.clone()).map_err(|_| InstallError(()))
    }

    /// The installed tracer, if there is one.
    #[inline]
    pub fn installed() -> Option<&'static Self> {
        INSTALLED.get()
    }

    /// Declares that the process has no installed tracer on purpose, so that spans without one cause no notice.
    pub fn waive() {
        WAIVED.store(true, Relaxed);
    }

    pub(crate) fn is_waived() -> bool {
        WAIVED.load(Relaxed)
    }

    /// The resource: the attributes of the service.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.0.resource
    }

    /// Replaces the plan for traces that start from now on.
    ///
    /// Open traces end by the keep rules of their start. A custom [`sampler`](TracerBuilder::sampler) continues to make
    /// the decision at the start.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::Tracer;
    ///
    /// let tracer = Tracer::builder().build();
    /// tracer.set_plan("* 0%; keep errors".parse()?);
    /// let job = hopline_core::SpanBuilder::new("job").tracer(&tracer).parent(Default::default()).start();
    /// assert!(!job.span_context().unwrap().is_sampled());
    /// # Ok::<(), hopline_core::sampling::ParsePlanError>(())
    /// ```
    pub fn set_plan(&self, plan: SamplingPlan) {
        self.0.plan.store(Arc::new(ActivePlan::new(plan)));
    }

    /// Counts of what was recorded, kept and lost since the tracer was built.
    pub fn stats(&self) -> Stats {
        self.0
            .counters
            .read(&self.0.budget, self.0.pool.discarded())
    }

    /// Hands finished spans to the sinks, and waits until they are written.
    ///
    /// Blocks the thread for about `timeout` at most, all sinks together. Does not wait for open spans.
    ///
    /// # Errors
    ///
    /// Returns the error of the first sink that could not write everything in time. All sinks are flushed.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.hand_over();
        self.each_sink(timeout, |sink, left| sink.flush(left))
    }

    /// Flushes, and stops recording. Spans that start later still propagate their context.
    ///
    /// Does not wait for open spans. The finished spans of their traces are written if the trace is certain to be kept;
    /// open spans are counted in [`Stats::unfinished`] and reported by a notice. Waits up to 250 ms more for
    /// [notices](Notice) to be written.
    ///
    /// # Errors
    ///
    /// The same as [`flush`](Tracer::flush).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use hopline_core::Tracer;
    ///
    /// let tracer = Tracer::builder().build();
    /// tracer.shutdown(Duration::from_secs(1))?;
    /// let late = hopline_core::SpanBuilder::new("late").tracer(&tracer).parent(Default::default()).start();
    /// assert!(!late.is_recording());
    /// # Ok::<(), hopline_core::export::FlushError>(())
    /// ```
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if !self.0.closed.swap(true, Relaxed) {
            finish_open_traces(&self.0);
        }
        self.0.hand_over();
        let result = self.each_sink(timeout, |sink, left| sink.shutdown(left));
        Notice::flush(NOTICES_WAIT);
        result
    }

    /// Shuts down because the application dropped its telemetry, perhaps by mistake: a trace that starts much later, or a
    /// process that recorded nothing, causes a notice. For the crates of hopline.
    #[doc(hidden)]
    pub fn shutdown_dropped(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.drop_telemetry();
        self.shutdown(timeout)
    }

    /// Reports a measurement to its meter, with the current span as exemplar if its trace is certain to be kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::metrics::Instrument;
    /// use hopline_core::{Tracer, attr};
    ///
    /// static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
    ///
    /// let tracer = Tracer::builder().build();
    /// tracer.measure(&CARTS, 1.0, &[attr("shop.tier", "gold")]); // without a meter it does nothing
    /// assert!(!tracer.has_meter());
    /// ```
    pub fn measure(&self, instrument: &Instrument, value: f64, attributes: &[Attr<'_>]) {
        if self.has_meter() {
            self.report(instrument, value, attributes, Context::current().exemplar());
        }
    }

    /// Registers values that its meter reads at each collection, until `observe` returns false.
    ///
    /// Does nothing if it has no meter.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Weak};
    /// use hopline_core::Tracer;
    /// use hopline_core::metrics::Instrument;
    ///
    /// static LENGTH: Instrument = Instrument::up_down_counter("shop.queue.length", "{order}");
    ///
    /// let tracer = Tracer::builder().build();
    /// let queue = Arc::new(vec!["tea", "milk"]);
    /// let weak: Weak<Vec<&str>> = Arc::downgrade(&queue);
    /// tracer.observe(move |observer| {
    ///     let Some(queue) = weak.upgrade() else {
    ///         return false; // the queue was dropped
    ///     };
    ///     observer.value(&LENGTH, queue.len() as f64, &[]);
    ///     true
    /// });
    /// assert!(!tracer.has_meter(), "so nothing is registered");
    /// ```
    pub fn observe(&self, observe: impl FnMut(&mut Observer<'_>) -> bool + Send + 'static) {
        if let Some(meter) = &self.0.meter {
            let effect = || "a meter panicked: values for its collections are missing".to_owned();
            let register = || meter.observe(Box::new(observe));
            self.0.guarded("meter", effect, register);
        }
    }

    /// True if it has a meter.
    #[inline]
    pub fn has_meter(&self) -> bool {
        self.0.meter.is_some()
    }

    pub(crate) fn report(
        &self,
        instrument: &Instrument,
        value: f64,
        attributes: &[Attr<'_>],
        exemplar: Option<Exemplar>,
    ) {
        if let Some(meter) = &self.0.meter {
            let effect = || format!("a meter panicked: a value of {} is lost", instrument.name());
            let record = || meter.record(instrument, value, attributes, exemplar);
            self.0.guarded("meter", effect, record);
        }
    }

    /// The tracer that decided on a context's trace, if that has a meter; the installed one without a decision.
    pub(crate) fn metered_in(context: &Context) -> Option<Self> {
        let installed = || {
            Self::installed()
                .filter(|tracer| tracer.has_meter())
                .cloned()
        };
        match context.tracer_number() {
            0 => installed(),
            number => metered::registered(number).map(Self),
        }
    }

    /// The number that contexts know it by.
    #[inline]
    pub(crate) fn number(&self) -> u32 {
        self.0.number
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    fn each_sink(
        &self,
        timeout: Duration,
        call: impl Fn(&dyn Sink, Duration) -> Result<(), FlushError>,
    ) -> Result<(), FlushError> {
        if Context::is_muted_here() {
            // a sink that flushes its own tracer would recurse without end
            return Err(FlushError::failed());
        }
        let start = Instant::now();
        let mut result = Ok(());
        for sink in &self.0.sinks {
            let left = timeout.saturating_sub(start.elapsed());
            let effect =
                || "a sink panicked while it was flushed; it may have lost spans".to_owned();
            let called = self.0.guarded("sink", effect, || call(&**sink, left));
            result = result.and(called.unwrap_or_else(|| Err(FlushError::failed())));
        }
        result
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("service", &self.0.resource.service_name())
            .finish_non_exhaustive()
    }
}

/// The error of [`Tracer::install`]: a process has one installed tracer, and it stays.
///
/// # Examples
///
/// ```
/// let tracer = hopline_core::Tracer::builder().build();
/// tracer.install()?;
/// let error = tracer.install().unwrap_err();
/// assert!(error.to_string().starts_with("a tracer is installed already"));
/// # Ok::<(), hopline_core::InstallError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tracer is installed already and stays; install one at the start of the process, and give layers that \
     need another theirs by .tracer(…)"
)]
pub struct InstallError(());

crate::debug_as_display!(InstallError);

impl InstallError {
    /// For the crates of hopline, which refuse before they build a second tracer.
    #[doc(hidden)]
    pub fn already_installed() -> Self {
        Self(())
    }
}

/// The builder of a [`Tracer`].
///
/// # Examples
///
/// ```
/// use hopline_core::{Limits, Tracer};
///
/// let tracer = Tracer::builder()
///     .service("orders")
///     .plan("/health never; * 10%; keep errors".parse()?)
///     .limits(Limits { spans_per_trace: 100, ..Limits::default() })
///     .build();
/// assert_eq!(tracer.resource().service_name(), "orders");
/// # Ok::<(), hopline_core::sampling::ParsePlanError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct TracerBuilder {
    resource: Resource,
    plan: SamplingPlan,
    sampler: Option<Box<dyn Sampler>>,
    sinks: Vec<Box<dyn Sink>>,
    clock: Clock,
    ids: IdGenerator,
    limits: Limits,
    baggage_attributes: Vec<Box<str>>,
    error_messages: bool,
    meter: Option<Box<dyn Meter>>,
}

impl TracerBuilder {
    /// Sets the name of the service (`service.name`). Defaults to `unknown_service`.
    pub fn service(mut self, name: &str) -> Self {
        self.resource = self.resource.with("service.name", name);
        self
    }

    /// Sets all attributes of the service; replaces the name.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Sets the plan: what is sampled at the start, and what is kept at the end. Defaults to [`SamplingPlan::new`].
    pub fn plan(mut self, plan: SamplingPlan) -> Self {
        self.plan = plan;
        self
    }

    /// Sets a custom sampler, which replaces the plan at the start of a trace. The keep rules of the plan still apply.
    pub fn sampler(mut self, sampler: impl Sampler) -> Self {
        self.sampler = Some(Box::new(Isolated::new(sampler)));
        self
    }

    /// Adds a sink, which receives finished spans. Defaults to none.
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(Isolated::new(sink)));
        self
    }

    /// Sets the clock. Defaults to [`Clock::System`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the generator of ids. Defaults to [`IdGenerator::Random`].
    pub fn ids(mut self, ids: IdGenerator) -> Self {
        self.ids = ids;
        self
    }

    /// Sets the limits of what is recorded. Defaults to [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        let trace_bytes = limits.trace_bytes.min(MAX_TRACE_BYTES);
        self.limits = Limits {
            trace_bytes,
            ..limits
        };
        self
    }

    /// Sets the baggage members that are recorded as attributes of every span. Defaults to none, since baggage may be
    /// personal and is sent by callers.
    pub fn baggage_attributes<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.baggage_attributes = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Records the messages of errors given to `record_error`. Defaults to their types only, since messages may contain
    /// values of requests.
    pub fn error_messages(mut self) -> Self {
        self.error_messages = true;
        self
    }

    /// Sets the receiver of measurements, which edges report when their spans end, recorded or not. Defaults to none.
    pub fn meter(mut self, meter: impl Meter) -> Self {
        self.meter = Some(Box::new(Isolated::new(meter)));
        self
    }

    /// Builds the tracer, and starts its sinks.
    pub fn build(self) -> Tracer {
        // 0 is the number in contexts without a decision of a tracer
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let each_trace = self
            .sinks
            .iter()
            .any(|sink| sink.batching() == Batching::EachTrace);
        let clock = Ticker::new(self.clock);
        let begun = clock.now();
        let tracer = Tracer(Arc::new(Shared {
            number: NEXT.fetch_add(1, Relaxed),
            resource: Arc::new(self.resource),
            plan: ArcSwap::from_pointee(ActivePlan::new(self.plan)),
            sampler: self.sampler,
            errors_kept: KeptPerSecond::default(),
            slow_kept: KeptPerSecond::default(),
            error_messages: self.error_messages,
            baggage_attributes: self.baggage_attributes,
            limits: self.limits,
            clock,
            ids: self.ids.into(),
            meter: self.meter,
            sinks: self.sinks,
            queue: Queue::new(each_trace),
            pool: Pool::default(),
            traces: Traces::default(),
            budget: Budget::new(self.limits.total_bytes),
            counters: Counters::default(),
            closed: false.into(),
            begun,
            dropped: OnceLock::new(),
        }));
        if tracer.has_meter() {
            metered::register(&tracer.0);
        }
        for sink in &tracer.0.sinks {
            let home = Arc::downgrade(&tracer.0);
            let source = Source(home);
            let effect =
                || "a sink panicked when it was started; it may receive no spans".to_owned();
            tracer.0.guarded("sink", effect, || sink.start(source));
        }
        tracer
    }
}

impl fmt::Debug for TracerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut builder = f.debug_struct("TracerBuilder");
        builder
            .field("resource", &self.resource)
            .field("plan", &self.plan)
            .field("limits", &self.limits);
        builder
            .field("sinks", &self.sinks.len())
            .finish_non_exhaustive()
    }
}

/// True if this tracer, else the installed one, records messages of errors. For bridges.
pub fn tracer_records_error_messages(tracer: Option<&Tracer>) -> bool {
    let records = |tracer: &Tracer| tracer.shared().error_messages;
    match tracer {
        Some(tracer) => records(tracer),
        None => Tracer::installed().is_some_and(records),
    }
}
