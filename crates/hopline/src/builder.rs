//! How a service starts its telemetry.

use std::time::Duration;

use hopline_core::{
    AlreadyInstalled, ParsePlanError, SamplingPlan, Sink, Tracer, TracerBuilder, notify,
};

use crate::telemetry::Telemetry;

/// Starts telemetry for a service, as the environment says, and installs its tracer.
///
/// Keep what it returns until the end of `main`, and [shut it down](Telemetry::shutdown) last.
///
/// # Errors
///
/// A tracer is installed already; `HOPLINE_SAMPLING` is not a plan; the endpoint for spans is unusable.
/// Other variables with bad values are announced and passed over.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = hopline::init("orders")?;
/// // … serve …
/// telemetry.shutdown().await?;
/// # Ok(())
/// # }
/// ```
pub fn init(service: &str) -> Result<Telemetry, InitError> {
    builder(service).init()
}

/// Begins telemetry for a service that wants more than [`init`].
///
/// # Examples
///
/// ```
/// use hopline::SamplingPlan;
///
/// let telemetry = hopline::builder("orders")
///     .plan(SamplingPlan::recommended())
///     .baggage_attributes(["tenant_id"])
///     .without_otlp()
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
        #[cfg(feature = "otlp")]
        otlp: true,
        shutdown_timeout: Duration::from_secs(5),
    }
}

/// What a service's telemetry is made of.
#[must_use = "a builder does nothing until `init` or `build`"]
#[derive(Debug)]
pub struct Builder {
    service: String,
    tracer: TracerBuilder,
    plan: Option<SamplingPlan>,
    override_plan: Option<SamplingPlan>,
    #[cfg(feature = "otlp")]
    otlp: bool,
    shutdown_timeout: Duration,
}

impl Builder {
    /// The sampling plan, unless a variable says another.
    pub fn plan(mut self, plan: SamplingPlan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// The sampling plan, whatever the variables say.
    pub fn override_plan(mut self, plan: SamplingPlan) -> Self {
        self.override_plan = Some(plan);
        self
    }

    /// Adds a receiver of finished spans.
    pub fn sink(self, sink: impl Sink) -> Self {
        self.configure(|tracer| tracer.sink(sink))
    }

    /// Baggage members that become an attribute of every span; no other member does.
    pub fn baggage_attributes<'a>(self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.configure(|tracer| tracer.baggage_attributes(keys))
    }

    /// Records the messages of errors given to `record_error`, which may hold values of requests.
    pub fn error_messages(self) -> Self {
        self.configure(TracerBuilder::error_messages)
    }

    /// Changes what else a tracer has: limits, clock, ids. Plan and resource are set here and by variables.
    pub fn configure(mut self, change: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        self.tracer = change(self.tracer);
        self
    }

    /// Sends nothing over OTLP, whatever the variables say.
    pub fn without_otlp(self) -> Self {
        Self {
            #[cfg(feature = "otlp")]
            otlp: false,
            ..self
        }
    }

    /// How long [`Telemetry::shutdown`] waits for spans to be written; 5 seconds if not said.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Makes the tracer and installs it for the whole process.
    ///
    /// # Errors
    ///
    /// As [`init`].
    pub fn init(self) -> Result<Telemetry, InitError> {
        if Tracer::installed().is_some() {
            return Err(AlreadyInstalled.into());
        }
        let telemetry = self.build()?;
        if let Some(tracer) = telemetry.tracer() {
            tracer.install()?;
        }
        Ok(telemetry)
    }

    /// Makes the tracer without installing it, for several services in one process.
    ///
    /// # Errors
    ///
    /// As [`init`], but for a tracer that is installed already.
    pub fn build(self) -> Result<Telemetry, InitError> {
        self.build_from(&|name| std::env::var(name).ok())
    }

    fn build_from(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Telemetry, InitError> {
        if variable("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        {
            notify("disabled", || {
                "OTEL_SDK_DISABLED: nothing is recorded, trace headers are passed on".to_owned()
            });
            return Ok(Telemetry::new(None, self.shutdown_timeout));
        }
        let said = match self.override_plan {
            Some(plan) => Some(plan),
            None => SamplingPlan::from_variables(variable).map_err(Problem::Plan)?,
        };
        let plan = said.or(self.plan).unwrap_or_default();
        let tracer = self.tracer.plan(plan);
        #[cfg(feature = "otlp")]
        let tracer = {
            let exporter = if self.otlp {
                hopline_otlp::Exporter::from_env().map_err(Problem::Otlp)?
            } else {
                None
            };
            let tracer = tracer.resource(hopline_otlp::resource_from_env(&self.service));
            match exporter {
                Some(exporter) => tracer.sink(exporter),
                None => tracer,
            }
        };
        #[cfg(not(feature = "otlp"))]
        let tracer = {
            let named = variable("OTEL_SERVICE_NAME").filter(|name| !name.trim().is_empty());
            tracer.service(named.as_deref().unwrap_or(&self.service))
        };
        Ok(Telemetry::new(Some(tracer.build()), self.shutdown_timeout))
    }
}

/// Telemetry could not start.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct InitError(#[from] Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("telemetry was started twice: {0}")]
    Installed(#[from] AlreadyInstalled),
    #[error("HOPLINE_SAMPLING is not a sampling plan: {0}")]
    Plan(#[source] ParsePlanError),
    #[cfg(feature = "otlp")]
    #[error("spans cannot be exported: {0}")]
    Otlp(#[source] hopline_otlp::ConfigError),
}

impl InitError {
    /// True if a tracer is installed already.
    pub fn is_already_installed(&self) -> bool {
        matches!(self.0, Problem::Installed(_))
    }
}

impl From<AlreadyInstalled> for InitError {
    fn from(error: AlreadyInstalled) -> Self {
        Self(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(builder: Builder, variables: &[(&str, &str)]) -> Result<Telemetry, InitError> {
        builder.without_otlp().build_from(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn samples(telemetry: &Telemetry) -> bool {
        let tracer = telemetry.tracer().unwrap();
        let incoming = hopline_core::Incoming::default();
        let root = hopline_core::SpanBuilder::new("root").start_root(
            Some(tracer),
            incoming,
            hopline_core::no_attrs,
        );
        root.span_context().unwrap().is_sampled()
    }

    #[test]
    fn code_that_insists_beats_variables_and_they_beat_the_plan() {
        let never = || SamplingPlan::always().others(0.0);
        let hopline = ("HOPLINE_SAMPLING", "* 0%");
        let otel = ("OTEL_TRACES_SAMPLER", "always_off");
        assert!(samples(&built(builder("a"), &[]).unwrap()));
        assert!(!samples(&built(builder("a").plan(never()), &[]).unwrap()));
        assert!(samples(
            &built(
                builder("a").plan(never()),
                &[("OTEL_TRACES_SAMPLER", "always_on")]
            )
            .unwrap()
        ));
        assert!(!samples(
            &built(
                builder("a"),
                &[hopline, ("OTEL_TRACES_SAMPLER", "always_on")]
            )
            .unwrap()
        ));
        assert!(samples(
            &built(
                builder("a").override_plan(SamplingPlan::always()),
                &[hopline, otel]
            )
            .unwrap()
        ));
    }

    #[test]
    fn a_plan_that_does_not_parse_stops_the_start() {
        let error = built(builder("a"), &[("HOPLINE_SAMPLING", "most of it")]).unwrap_err();
        assert!(error.to_string().contains("`most`"), "{error}");
        assert!(!error.is_already_installed());
    }

    #[test]
    fn disabled_means_no_tracer_and_no_error() {
        let telemetry = built(
            builder("a"),
            &[
                ("OTEL_SDK_DISABLED", "TRUE"),
                ("HOPLINE_SAMPLING", "nonsense"),
            ],
        )
        .unwrap();
        assert!(telemetry.tracer().is_none());
    }
}
