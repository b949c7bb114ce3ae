//! How a service starts its telemetry.

use std::time::Duration;

use hopline_core::{
    AlreadyInstalled, Limits, Notice, Propagators, SamplingPlan, Sink, Tracer, TracerBuilder,
    notify,
};

use crate::error::{InitError, Problem};
use crate::telemetry::Telemetry;
use crate::variables::Variables;

/// Starts telemetry for a service, as the environment says, and installs its tracer.
///
/// Keep what it returns until the end of `main`, and [shut it down](Telemetry::shutdown) last: telemetry ends when
/// it is dropped. A tracer that was dropped within a second of its start, or more than 10 seconds ago, gives a notice
/// when a trace begins on it: that is `let _ = hopline::init(…)`.
///
/// No variable keeps a service from starting. What this build cannot do, such as gRPC without its feature, gives a
/// notice with the remedy, and spans are not exported; a sampling plan that is none gives a notice, and the code's
/// plan or the default is used. [`Builder::strict`] makes them errors. Other variables with bad values give a notice
/// and are passed over. One notice shows where spans go and what the plan is.
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
        limits: None,
        sinks: 0,
        #[cfg(feature = "otlp")]
        otlp: Otlp::Variables,
        shutdown_timeout: Duration::from_secs(5),
        strict: false,
    }
}

/// Time that a start waits until its notices are written, as their hook may hang.
const NOTICES_WAIT: Duration = Duration::from_millis(250);

/// What a service's telemetry is made of.
#[must_use = "a builder does nothing until `init` or `build`"]
#[derive(Debug)]
pub struct Builder {
    service: String,
    tracer: TracerBuilder,
    plan: Option<SamplingPlan>,
    override_plan: Option<SamplingPlan>,
    limits: Option<Limits>,
    /// How many the application gave.
    sinks: usize,
    #[cfg(feature = "otlp")]
    otlp: Otlp,
    shutdown_timeout: Duration,
    strict: bool,
}

/// Which exporter there is to be.
#[cfg(feature = "otlp")]
#[derive(Debug)]
enum Otlp {
    Variables,
    Given(hopline_otlp::Exporter),
    Without,
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
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks += 1;
        self.configure(|tracer| tracer.sink(sink))
    }

    /// Bounds on what is recorded, but for those that a variable sets.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Baggage members that become an attribute of every span; no other member does.
    pub fn baggage_attributes<'a>(self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.configure(|tracer| tracer.baggage_attributes(keys))
    }

    /// Records the messages of errors given to `record_error`, which may hold values of requests.
    pub fn error_messages(self) -> Self {
        self.configure(TracerBuilder::error_messages)
    }

    /// Changes what else a tracer has, as its clock and ids. Plan, limits and resource are set here and by
    /// variables.
    pub fn configure(mut self, change: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        self.tracer = change(self.tracer);
        self
    }

    /// Sends spans by this exporter, whatever the variables say.
    #[cfg(feature = "otlp")]
    pub fn exporter(self, exporter: hopline_otlp::Exporter) -> Self {
        Self {
            otlp: Otlp::Given(exporter),
            ..self
        }
    }

    /// Sends nothing over OTLP and prints nothing on the console, whatever the variables say.
    pub fn without_otlp(self) -> Self {
        Self {
            #[cfg(feature = "otlp")]
            otlp: Otlp::Without,
            ..self
        }
    }

    /// Returns an error from [`init`](Builder::init) and [`build`](Builder::build) where variables ask for what
    /// cannot be done; without it there is a notice, and the service starts without that.
    ///
    /// For a service that is rather not started than not traced, and for a test of a deployment's variables.
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

    /// Sets the time that [`Telemetry::shutdown`] waits for spans to be written. Defaults to 5 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Makes the tracer and installs it for the whole process.
    ///
    /// # Errors
    ///
    /// As [`init`], and as [`strict`](Builder::strict) asks.
    pub fn init(self) -> Result<Telemetry, InitError> {
        if Tracer::installed().is_some() {
            return Err(AlreadyInstalled.into());
        }
        let (telemetry, what) = self.build_from(&|name| std::env::var(name).ok())?;
        match telemetry.tracer() {
            Some(tracer) => tracer.install()?,
            None => Tracer::waive(),
        }
        notify("init", || what);
        // so that it comes before what the application prints
        Notice::flush(NOTICES_WAIT);
        Ok(telemetry)
    }

    /// Makes the tracer without installing it, for several services in one process.
    ///
    /// # Errors
    ///
    /// None, but as [`strict`](Builder::strict) asks.
    pub fn build(self) -> Result<Telemetry, InitError> {
        let (telemetry, _) = self.build_from(&|name| std::env::var(name).ok())?;
        Ok(telemetry)
    }

    /// The telemetry, and what there is to say about it.
    fn build_from(
        self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Telemetry, String), InitError> {
        let mut variables = Variables::new(variable);
        Propagators::from_variables(variable).install();
        let disabled = variables.is_true("OTEL_SDK_DISABLED");
        let limits = variables.limits(self.limits);
        variables.say_wrong();
        #[cfg(any(feature = "axum", feature = "reqwest", feature = "tower"))]
        hopline_http::Capture::read_variables();
        if disabled {
            let what = "OTEL_SDK_DISABLED: nothing is recorded, trace headers are passed on";
            return Ok((Telemetry::new(None, self.shutdown_timeout), what.to_owned()));
        }
        let said = match self.override_plan.clone() {
            Some(plan) => Some(plan),
            None => SamplingPlan::from_variables(variable).or_else(|cause| {
                let text = variables.text("HOPLINE_SAMPLING").unwrap_or_default();
                let plan = self.plan.clone().unwrap_or_default();
                let effect = || format!("until then the plan is {plan}");
                self.do_without(Problem::Plan { text, cause }, effect)
                    .map(|()| None)
            })?,
        };
        let plan = said.or_else(|| self.plan.clone()).unwrap_or_default();
        let shown_plan = plan.to_string();
        #[cfg(feature = "otlp")]
        let exporter = match &self.otlp {
            Otlp::Variables => self.exporter_of_variables(variable)?,
            Otlp::Given(exporter) => Some(exporter.clone()),
            Otlp::Without => None,
        };
        #[cfg(feature = "otlp")]
        let console = match &self.otlp {
            Otlp::Variables => self.console_asked_for(&variables)?,
            _ => None,
        };
        let mut tracer = self.tracer.plan(plan);
        if let Some(limits) = limits {
            tracer = tracer.limits(limits);
        }
        let mut places = Vec::new();
        #[cfg(feature = "otlp")]
        let tracer = {
            if let Some(sink) = console {
                places.push("the console".to_owned());
                tracer = tracer.sink(sink);
            }
            if let Some(exporter) = &exporter {
                places.push(exporter.to_string());
                tracer = tracer.sink(exporter.clone());
            }
            let resource = hopline_otlp::resource_from_variables(&self.service, variable);
            tracer.resource(resource)
        };
        #[cfg(not(feature = "otlp"))]
        let tracer = {
            let named = variables.text("OTEL_SERVICE_NAME");
            tracer.service(named.as_deref().unwrap_or(&self.service))
        };
        match self.sinks {
            0 => {}
            1 => places.push("a sink of the application".to_owned()),
            more => places.push(format!("{more} sinks of the application")),
        }
        let tracer = tracer.build();
        let service = tracer.resource().service_name();
        let what = match places.is_empty() {
            true => format!("spans of {service} go nowhere; plan: {shown_plan}"),
            false => format!(
                "spans of {service} go to {}; plan: {shown_plan}",
                places.join(" and ")
            ),
        };
        let telemetry = Telemetry::new(Some(tracer), self.shutdown_timeout);
        #[cfg(feature = "otlp")]
        let telemetry = telemetry.with_exporter(exporter);
        Ok((telemetry, what))
    }

    /// Goes on without what cannot be, after a notice of it and its effect; an error where that is asked for.
    fn do_without(
        &self,
        problem: Problem,
        effect: impl FnOnce() -> String,
    ) -> Result<(), InitError> {
        if self.strict {
            return Err(problem.into());
        }
        notify(problem.kind(), || format!("{problem}; {}", effect()));
        Ok(())
    }
}

#[cfg(feature = "otlp")]
impl Builder {
    fn exporter_of_variables(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<hopline_otlp::Exporter>, InitError> {
        use hopline_otlp::Exporter;
        let error = match Exporter::from_variables(variable) {
            Ok(exporter) => return Ok(exporter),
            Err(error) => error,
        };
        // another process has it, or its disk is full: no reason to export nothing
        let without_spool = |name: &str| variable(name).filter(|_| name != "HOPLINE_SPOOL");
        let exporter = match error.is_spool() && !self.strict {
            true => Exporter::from_variables(&without_spool).ok().flatten(),
            false => None,
        };
        let effect = match exporter {
            Some(_) => "until then spans are exported, but those of a long outage are lost",
            None => "until then no spans are exported",
        };
        self.do_without(Problem::Otlp(error), || effect.to_owned())?;
        Ok(exporter)
    }

    /// The sink for `console` in `OTEL_TRACES_EXPORTER`; the exporter reports what else is wrong with the list.
    fn console_asked_for(&self, variables: &Variables<'_>) -> Result<Option<impl Sink>, InitError> {
        let list = variables.text("OTEL_TRACES_EXPORTER").unwrap_or_default();
        let mut names = list.split(',').map(str::trim);
        let asked = names.any(|name| name.eq_ignore_ascii_case("console"));
        #[cfg(feature = "console")]
        return match asked.then(crate::console::console).transpose() {
            Ok(sink) => Ok(sink),
            Err(error) => {
                let effect = || "until then none are".to_owned();
                self.do_without(Problem::Console(error), effect)
                    .map(|()| None)
            }
        };
        #[cfg(not(feature = "console"))]
        {
            if asked {
                self.do_without(Problem::Console, || "until then none are".to_owned())?;
            }
            Ok(None::<hopline_otlp::FileSink>)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(builder: Builder, variables: &[(&str, &str)]) -> Result<Telemetry, InitError> {
        said(builder.without_otlp(), variables).map(|(telemetry, _)| telemetry)
    }

    fn said(
        builder: Builder,
        variables: &[(&str, &str)],
    ) -> Result<(Telemetry, String), InitError> {
        builder.build_from(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn samples(telemetry: &Telemetry) -> bool {
        let tracer = telemetry.tracer().unwrap();
        let incoming = hopline_core::Incoming::default();
        let root = hopline_core::SpanBuilder::new("root")
            .tracer(tracer)
            .parent(incoming)
            .start();
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
    fn a_plan_that_does_not_parse_is_the_codes_plan_and_an_error_by_choice() {
        let wrong = [("HOPLINE_SAMPLING", "most of it")];
        let never = || SamplingPlan::always().others(0.0);
        assert!(samples(&built(builder("a"), &wrong).unwrap()));
        assert!(!samples(
            &built(builder("a").plan(never()), &wrong).unwrap()
        ));
        let error = built(builder("a").strict(), &wrong).unwrap_err();
        assert!(error.to_string().contains("`most`"), "{error}");
        assert!(!error.is_already_installed());
    }

    #[test]
    fn an_error_that_main_returns_prints_its_sentence_and_remedy_once() {
        let wrong = [("HOPLINE_SAMPLING", " most of it ")];
        let error = built(builder("a").strict(), &wrong).unwrap_err();
        let error: Box<dyn std::error::Error> = error.into();
        let printed = format!("{error:?}");
        let begin =
            "HOPLINE_SAMPLING is `most of it`, which is not a sampling plan: `most` at 1: expected";
        assert!(printed.starts_with(begin), "{printed}");
        assert!(printed.ends_with("; correct it or unset it"), "{printed}");
        assert_eq!(printed, error.to_string());
        assert!(error.source().is_none(), "its sentence is within");
        let error = InitError::from(AlreadyInstalled);
        assert_eq!(format!("{error:?}"), error.to_string());
        assert!(error.to_string().contains("started twice"), "{error}");
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
        let telemetry = built(builder("a"), &[("OTEL_SDK_DISABLED", "1")]).unwrap();
        assert!(telemetry.tracer().is_some(), "only `true` is true");
    }

    #[test]
    fn limits_of_variables_hold() {
        let limits = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1");
        let telemetry = built(builder("a"), &[limits]).unwrap();
        let tracer = telemetry.tracer().unwrap();
        let root = hopline_core::SpanBuilder::new("root")
            .tracer(tracer)
            .parent(hopline_core::Incoming::default())
            .start();
        root.set("a", 1);
        root.set("b", 2);
        assert_eq!(tracer.stats().lost_details, 1);
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn where_spans_go_is_said_in_a_line_without_secrets() {
        let endpoint = (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://user:s3cret@127.0.0.1:9",
        );
        let plan = ("HOPLINE_SAMPLING", "* 5%; keep errors");
        let name = ("OTEL_SERVICE_NAME", "orders");
        let (_, what) = said(builder("a"), &[endpoint, plan, name]).unwrap();
        assert_eq!(
            what,
            "spans of orders go to http://127.0.0.1:9/v1/traces (http/protobuf); plan: * 5%; keep errors"
        );
        let (_, what) = said(builder("a"), &[("OTEL_TRACES_EXPORTER", "none")]).unwrap();
        assert_eq!(what, "spans of a go nowhere; plan: * 100%");
    }

    #[cfg(feature = "console")]
    #[test]
    fn several_places_are_several_sinks() {
        let (telemetry, what) = said(
            builder("a").sink(crate::console().unwrap()),
            &[
                ("OTEL_TRACES_EXPORTER", "console,otlp"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
            ],
        )
        .unwrap();
        assert!(
            what.contains(
                "the console and http://127.0.0.1:9/v1/traces (http/protobuf) and a sink"
            ),
            "{what}"
        );
        assert_eq!(telemetry.exporter().unwrap().stats().given, 0);
        let (telemetry, _) = said(builder("a"), &[("OTEL_TRACES_EXPORTER", "console")]).unwrap();
        assert!(telemetry.exporter().is_none());
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn case_30_what_cannot_work_is_an_error_by_choice_and_else_not_exported() {
        for (variable, value, why) in [
            ("HOPLINE_SAMPLING", "most", "`most`"),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "localhost:4318",
                "not an absolute http or https URL",
            ),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "unix:///x",
                "not an absolute http or https URL",
            ),
            (
                "OTEL_EXPORTER_OTLP_CERTIFICATE",
                "/nonexistent",
                "/nonexistent",
            ),
            #[cfg(not(feature = "otlp-grpc"))]
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC", "`otlp-grpc`"),
            #[cfg(not(feature = "otlp-tls"))]
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://collector:4318",
                "`otlp-tls`",
            ),
        ] {
            let set = [(variable, value)];
            let error = said(builder("a").strict(), &set).unwrap_err();
            assert!(error.to_string().contains(why), "{variable}: {error}");
            let (telemetry, what) = said(builder("a"), &set).unwrap();
            assert_eq!(telemetry.exporter().is_none(), what.contains("nowhere"));
        }
    }
}
