//! The builder: settings of a service's telemetry, in code.
//!
//! [`init`] and [`builder`] make one; `start.rs` turns it and the environment's variables into telemetry.

use std::time::Duration;

use hopline_core::{
    InstallError, Limits, Notice, SamplingPlan, Sink, Tracer, TracerBuilder, notify,
};

use crate::error::InitError;
use crate::telemetry::Telemetry;

/// Starts telemetry for a service from the environment's variables, and installs its tracer.
///
/// Keep the returned value until the end of `main` and [shut it down](Telemetry::shutdown) last: telemetry ends when
/// it is dropped. `let _ = hopline::init(…)` drops it at once; a trace that begins on such a tracer gives a notice.
///
/// No variable keeps a service from starting. A value that asks for something this build cannot do, such as gRPC
/// without its feature, gives a notice with the remedy, and spans are not exported. A sampling plan that cannot be
/// parsed gives a notice, and the plan of the code or the default is used. [`Builder::strict`] makes both errors. Other
/// wrong values give a notice and are ignored. One notice shows the destination of spans and the plan.
///
/// # Errors
///
/// Returns an error if a tracer is installed already.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = hopline::init("orders")?;
/// // … serve …
/// telemetry.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub fn init(service: &str) -> Result<Telemetry, InitError> {
    builder(service).init()
}

/// Starts a [`Builder`], for a service that needs more settings than [`init`].
///
/// # Examples
///
/// ```
/// use hopline::SamplingPlan;
///
/// let telemetry = hopline::builder("orders")
///     .plan(SamplingPlan::recommended())
///     .baggage_attributes(["tenant_id"])
///     .without_exporter()
///     .build()?;
/// assert_eq!(telemetry.tracer().unwrap().resource().service_name(), "orders");
/// # Ok::<(), hopline::InitError>(())
/// ```
pub fn builder(service: &str) -> Builder {
    Builder {
        service: service.to_owned(),
        tracer: Tracer::builder(),
        plan: None,
        override_plan: None,
        limits: None,
        sinks: 0,
        #[cfg(feature = "metrics")]
        metrics: hopline_metrics::Metrics::builder(),
        #[cfg(feature = "otlp")]
        otlp: Otlp::FromVariables,
        shutdown_timeout: Duration::from_secs(5),
        strict: false,
    }
}

/// The time that a start waits until its notices are written: their hook may hang.
const NOTICES_WAIT: Duration = Duration::from_millis(250);

/// Settings of a service's telemetry; [`builder`] makes one.
///
/// A variable that the operator sets wins over a setting here, except [`override_plan`](Builder::override_plan),
/// `exporter` and [`without_exporter`](Builder::without_exporter).
///
/// # Examples
///
/// Two services in one process, each with its own tracer; neither is installed:
///
/// ```
/// let orders = hopline::builder("orders").without_exporter().build()?;
/// let payments = hopline::builder("payments").without_exporter().build()?;
/// let name = |telemetry: &hopline::Telemetry| telemetry.tracer().unwrap().resource().service_name().to_owned();
/// assert_eq!((name(&orders), name(&payments)), ("orders".to_owned(), "payments".to_owned()));
/// # Ok::<(), hopline::InitError>(())
/// ```
#[must_use = "a builder does nothing until `init` or `build`"]
#[derive(Debug)]
pub struct Builder {
    pub(crate) service: String,
    pub(crate) tracer: TracerBuilder,
    pub(crate) plan: Option<SamplingPlan>,
    pub(crate) override_plan: Option<SamplingPlan>,
    pub(crate) limits: Option<Limits>,
    /// The number of sinks that the application added.
    pub(crate) sinks: usize,
    #[cfg(feature = "metrics")]
    pub(crate) metrics: hopline_metrics::MetricsBuilder,
    #[cfg(feature = "otlp")]
    pub(crate) otlp: Otlp,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) strict: bool,
}

/// The choice of an exporter.
#[cfg(feature = "otlp")]
#[derive(Debug)]
pub(crate) enum Otlp {
    FromVariables,
    Given(hopline_otlp::Exporter),
    None,
}

impl Builder {
    /// Sets the sampling plan. A plan in a variable wins over it. Defaults to sampling every new trace, and to
    /// following the caller's decision otherwise.
    pub fn plan(mut self, plan: SamplingPlan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Sets the sampling plan, and ignores plans in variables.
    pub fn override_plan(mut self, plan: SamplingPlan) -> Self {
        self.override_plan = Some(plan);
        self
    }

    /// Adds a receiver of finished spans. hopline's own sinks have a queue each; one of the application must not block.
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks += 1;
        self.configure(|tracer| tracer.sink(sink))
    }

    /// Sets the limits on what is recorded. The `OTEL_…_LIMIT` variables win over single ones of them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Copies baggage members with these keys to an attribute of every span. Defaults to none.
    pub fn baggage_attributes<'a>(self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.configure(|tracer| tracer.baggage_attributes(keys))
    }

    /// Records the messages of errors passed to `record_error`. They may hold values of requests, so the default is the
    /// error's type alone.
    pub fn error_messages(self) -> Self {
        self.configure(TracerBuilder::error_messages)
    }

    /// Changes other settings of the tracer, such as its clock and id generator. Plan, limits and resource are set by
    /// this builder and by variables.
    pub fn configure(mut self, change: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        self.tracer = change(self.tracer);
        self
    }

    /// Changes settings of the metrics: views, limits, objectives. Their resource is that of the tracer.
    ///
    /// ```
    /// use hopline::metrics::View;
    ///
    /// let telemetry = hopline::builder("orders")
    ///     .metrics(|metrics| metrics.limit(500).view(View::new("http.server.request.duration").buckets([0.1, 1.0])))
    ///     .without_exporter()
    ///     .build()?;
    /// assert_eq!(telemetry.metrics().resource().service_name(), "orders");
    /// # Ok::<(), hopline::InitError>(())
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics(
        mut self,
        change: impl FnOnce(hopline_metrics::MetricsBuilder) -> hopline_metrics::MetricsBuilder,
    ) -> Self {
        self.metrics = change(self.metrics);
        self
    }

    /// Exports spans with this exporter, and ignores the variables for export.
    #[cfg(feature = "otlp")]
    pub fn exporter(self, exporter: hopline_otlp::Exporter) -> Self {
        Self {
            otlp: Otlp::Given(exporter),
            ..self
        }
    }

    /// Sends nothing to a collector and prints nothing on the console, and ignores the variables for both.
    ///
    /// Sinks that [`sink`](Builder::sink) adds still receive spans.
    pub fn without_exporter(self) -> Self {
        Self {
            #[cfg(feature = "otlp")]
            otlp: Otlp::None,
            ..self
        }
    }

    /// Makes [`init`](Builder::init) and [`build`](Builder::build) return an error if a variable asks for something this
    /// build cannot do. Defaults to a notice, and the service starts without it.
    ///
    /// For a service that must not start untraced, and for a test of a deployment's variables.
    ///
    /// ```
    /// # fn run() -> Result<(), hopline::InitError> {
    /// let telemetry = hopline::builder("orders").strict().build()?; // `HOPLINE_SAMPLING=nonsense` is an error
    /// # Ok(())
    /// # }
    /// ```
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Sets the time that [`Telemetry::shutdown`] waits for spans to be exported. Defaults to 5 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Makes the tracer and installs it for the whole process.
    ///
    /// # Errors
    ///
    /// Returns an error if a tracer is installed already, and in the cases of [`strict`](Builder::strict).
    pub fn init(self) -> Result<Telemetry, InitError> {
        if Tracer::installed().is_some() {
            return Err(InstallError::already_installed().into());
        }
        let (telemetry, summary) = self.start(&|name| std::env::var(name).ok())?;
        match telemetry.tracer() {
            Some(tracer) => tracer.install()?,
            None => Tracer::waive(),
        }
        notify("init", || summary);
        // so that it appears before the application's own output
        Notice::flush(NOTICES_WAIT);
        Ok(telemetry)
    }

    /// Makes the tracer without installing it, for several services in one process.
    ///
    /// # Errors
    ///
    /// Returns an error in the cases of [`strict`](Builder::strict) only.
    pub fn build(self) -> Result<Telemetry, InitError> {
        let (telemetry, _) = self.start(&|name| std::env::var(name).ok())?;
        Ok(telemetry)
    }
}
