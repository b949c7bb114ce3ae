//! Assembles telemetry from a builder and the environment's variables.
//!
//! Called by [`Builder::init`] and [`Builder::build`]. A variable's value that asks for something this build cannot do
//! gives a notice, and telemetry starts without it; with [`Builder::strict`] it is an error.

#[cfg(feature = "otlp")]
use hopline_core::TracerBuilder;
use hopline_core::propagation::Propagators;
use hopline_core::variables::Variables;
use hopline_core::{Resource, SamplingPlan, notify};
#[cfg(feature = "otlp")]
use hopline_otlp::{Exporter, FileSink};

use crate::builder::Builder;
#[cfg(feature = "otlp")]
use crate::builder::Otlp;
use crate::error::{InitError, Problem};
use crate::limits::limits;
#[cfg(feature = "metrics")]
use crate::metering::{Metering, Settings};
use crate::telemetry::Telemetry;

/// A function that looks an environment variable up.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Builder {
    /// The telemetry, and a sentence for a notice: the destination of spans and the plan.
    pub(crate) fn start(
        #[cfg_attr(not(feature = "metrics"), expect(unused_mut))] mut self,
        lookup: Lookup<'_>,
    ) -> Result<(Telemetry, String), InitError> {
        let mut variables = Variables::new(lookup);
        Propagators::from_variables(lookup).install();
        let disabled = variables.is_true("OTEL_SDK_DISABLED");
        let limits = limits(&mut variables, self.limits);
        variables.notify("variables");
        #[cfg(any(feature = "axum", feature = "reqwest", feature = "tower"))]
        hopline_http::HeaderCapture::read_variables();
        let resource = resource(&self.service, lookup);
        if disabled {
            let summary = "OTEL_SDK_DISABLED: nothing is recorded, trace headers are passed on";
            let telemetry = Telemetry::new(
                None,
                #[cfg(feature = "metrics")]
                Metering::new(self.metrics, resource),
                self.shutdown_timeout,
            );
            return Ok((telemetry, summary.to_owned()));
        }
        let plan = self.chosen_plan(&variables, lookup)?;
        #[cfg(feature = "otlp")]
        let outputs = self.outputs(&variables, lookup)?;
        #[cfg(feature = "metrics")]
        let metering = self.metering(resource.clone(), lookup)?;
        let mut destinations = Vec::new();
        let mut tracer = self.tracer.plan(plan.clone());
        if let Some(limits) = limits {
            tracer = tracer.limits(limits);
        }
        #[cfg(feature = "otlp")]
        {
            tracer = outputs.add_to(tracer, &mut destinations);
        }
        tracer = tracer.resource(resource);
        #[cfg(feature = "metrics")]
        {
            tracer = metering.add_to(tracer);
        }
        match self.sinks {
            0 => {}
            1 => destinations.push("a sink of the application".to_owned()),
            more => destinations.push(format!("{more} sinks of the application")),
        }
        let tracer = tracer.build();
        let summary = summary(tracer.resource().service_name(), &destinations, &plan);
        #[cfg(feature = "metrics")]
        let summary = match metering.destinations() {
            none if none.is_empty() => summary,
            several => format!("{summary}; metrics go to {}", several.join(" and ")),
        };
        let telemetry = Telemetry::new(
            Some(tracer),
            #[cfg(feature = "metrics")]
            metering,
            self.shutdown_timeout,
        );
        #[cfg(feature = "otlp")]
        let telemetry = telemetry.with_exporter(outputs.exporter);
        Ok((telemetry, summary))
    }

    /// The plan in force: `override_plan`, else the variables', else the code's, else the default.
    fn chosen_plan(
        &self,
        variables: &Variables<'_>,
        lookup: Lookup<'_>,
    ) -> Result<SamplingPlan, InitError> {
        if let Some(plan) = &self.override_plan {
            return Ok(plan.clone());
        }
        let own = || self.plan.clone().unwrap_or_default();
        match SamplingPlan::from_variables(lookup) {
            Ok(plan) => Ok(plan.unwrap_or_else(own)),
            Err(cause) => {
                let text = variables.text("HOPLINE_SAMPLING").unwrap_or_default();
                let effect = || format!("until then the plan is {}", own());
                self.start_without(Problem::Plan { text, cause }, effect)?;
                Ok(own())
            }
        }
    }

    /// The metrics with the outputs of the variables.
    #[cfg(feature = "metrics")]
    fn metering(&mut self, resource: Resource, lookup: Lookup<'_>) -> Result<Metering, InitError> {
        let mut variables = Variables::new(lookup);
        #[cfg(feature = "otlp")]
        let push = matches!(self.otlp, Otlp::FromVariables);
        #[cfg(not(feature = "otlp"))]
        let push = true;
        let settings = Settings::read(&mut variables, push);
        variables.notify("metrics-variables");
        let builder = std::mem::replace(&mut self.metrics, hopline_metrics::Metrics::builder());
        let (metering, problem) = Metering::start(
            builder,
            resource,
            settings,
            #[cfg(feature = "otlp")]
            lookup,
        );
        if let Some(problem) = problem {
            self.start_without(problem, || "until then no metrics are exported".to_owned())?;
        }
        Ok(metering)
    }

    /// Gives a notice of a problem and its effect; returns it as an error with `strict`.
    fn start_without(
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

/// The sinks that the variables or the builder choose.
#[cfg(feature = "otlp")]
struct Outputs {
    exporter: Option<Exporter>,
    console: Option<FileSink>,
}

#[cfg(feature = "otlp")]
impl Outputs {
    /// Adds the sinks, and their names to `destinations`.
    fn add_to(&self, mut tracer: TracerBuilder, destinations: &mut Vec<String>) -> TracerBuilder {
        if let Some(console) = &self.console {
            destinations.push("the console".to_owned());
            tracer = tracer.sink(console.clone());
        }
        if let Some(exporter) = &self.exporter {
            destinations.push(exporter.to_string());
            tracer = tracer.sink(exporter.clone());
        }
        tracer
    }
}

#[cfg(feature = "otlp")]
impl Builder {
    fn outputs(&self, variables: &Variables<'_>, lookup: Lookup<'_>) -> Result<Outputs, InitError> {
        Ok(match &self.otlp {
            Otlp::FromVariables => Outputs {
                exporter: self.exporter_from_variables(lookup)?,
                console: self.console_from_variables(variables)?,
            },
            Otlp::Given(exporter) => Outputs {
                exporter: Some(exporter.clone()),
                console: None,
            },
            Otlp::None => Outputs {
                exporter: None,
                console: None,
            },
        })
    }

    /// The exporter; without its spool if that folder cannot be used, since that is no reason to export nothing.
    fn exporter_from_variables(&self, lookup: Lookup<'_>) -> Result<Option<Exporter>, InitError> {
        let error = match Exporter::from_variables(lookup) {
            Ok(exporter) => return Ok(exporter),
            Err(error) => error,
        };
        let without_spool = |name: &str| lookup(name).filter(|_| name != "HOPLINE_SPOOL");
        let exporter = match error.is_spool() && !self.strict {
            true => Exporter::from_variables(&without_spool).ok().flatten(),
            false => None,
        };
        let effect = match exporter {
            Some(_) => "until then spans are exported, but those of a long outage are lost",
            None => "until then no spans are exported",
        };
        self.start_without(Problem::Otlp(error), || effect.to_owned())?;
        Ok(exporter)
    }

    /// The sink for `console` in `OTEL_TRACES_EXPORTER`. The exporter reports other words of the list.
    fn console_from_variables(
        &self,
        variables: &Variables<'_>,
    ) -> Result<Option<FileSink>, InitError> {
        let list = variables.text("OTEL_TRACES_EXPORTER").unwrap_or_default();
        let mut names = list.split(',').map(str::trim);
        if !names.any(|name| name.eq_ignore_ascii_case("console")) {
            return Ok(None);
        }
        #[cfg(feature = "console")]
        let problem = match crate::console::console() {
            Ok(console) => return Ok(Some(console)),
            Err(error) => Problem::Console(error),
        };
        #[cfg(not(feature = "console"))]
        let problem = Problem::Console;
        self.start_without(problem, || "until then none are".to_owned())?;
        Ok(None)
    }
}

#[cfg(feature = "otlp")]
fn resource(service: &str, lookup: Lookup<'_>) -> Resource {
    hopline_otlp::resource_from_variables(service, lookup)
}

#[cfg(not(feature = "otlp"))]
fn resource(service: &str, lookup: Lookup<'_>) -> Resource {
    let named = Variables::new(lookup).text("OTEL_SERVICE_NAME");
    Resource::new(named.as_deref().unwrap_or(service))
}

fn summary(service: &str, destinations: &[String], plan: &SamplingPlan) -> String {
    match destinations {
        [] => format!("spans of {service} are not exported; plan: {plan}"),
        several => format!(
            "spans of {service} go to {}; plan: {plan}",
            several.join(" and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use hopline_core::InstallError;

    use super::*;
    use crate::builder::builder;

    fn built(builder: Builder, variables: &[(&str, &str)]) -> Result<Telemetry, InitError> {
        started(builder.without_exporter(), variables).map(|(telemetry, _)| telemetry)
    }

    fn started(
        builder: Builder,
        variables: &[(&str, &str)],
    ) -> Result<(Telemetry, String), InitError> {
        builder.start(&|name| {
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
    fn override_plan_wins_over_variables_and_they_win_over_plan() {
        let never = || SamplingPlan::new().others(0.0);
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
                builder("a").override_plan(SamplingPlan::new()),
                &[hopline, otel]
            )
            .unwrap()
        ));
    }

    #[test]
    fn with_a_plan_that_does_not_parse_the_codes_plan_holds_and_strict_is_an_error() {
        let wrong = [("HOPLINE_SAMPLING", "most of it")];
        let never = || SamplingPlan::new().others(0.0);
        assert!(samples(&built(builder("a"), &wrong).unwrap()));
        assert!(!samples(
            &built(builder("a").plan(never()), &wrong).unwrap()
        ));
        let error = built(builder("a").strict(), &wrong).unwrap_err();
        assert!(error.to_string().contains("`most`"), "{error}");
        assert!(!error.is_already_installed());
    }

    #[test]
    fn an_error_prints_its_cause_and_remedy_once() {
        let wrong = [("HOPLINE_SAMPLING", " most of it ")];
        let error = built(builder("a").strict(), &wrong).unwrap_err();
        let error: Box<dyn std::error::Error> = error.into();
        let printed = format!("{error:?}");
        let begin =
            "HOPLINE_SAMPLING is `most of it`, which is not a sampling plan: `most` at 1: expected";
        assert!(printed.starts_with(begin), "{printed}");
        assert!(printed.ends_with("; correct it or unset it"), "{printed}");
        assert_eq!(printed, error.to_string());
        assert!(error.source().is_none(), "the text has that of its cause");
        let error = InitError::from(InstallError::already_installed());
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
    fn the_destination_of_spans_is_shown_without_secrets() {
        let endpoint = (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://user:s3cret@127.0.0.1:9",
        );
        let plan = ("HOPLINE_SAMPLING", "* 5%; keep errors");
        let name = ("OTEL_SERVICE_NAME", "orders");
        let metrics = ("OTEL_METRICS_EXPORTER", "none");
        let (_, what) = started(builder("a"), &[endpoint, plan, name, metrics]).unwrap();
        assert_eq!(
            what,
            "spans of orders go to http://127.0.0.1:9/v1/traces (http/protobuf); plan: * 5%; keep errors"
        );
        let (_, what) =
            started(builder("a"), &[("OTEL_TRACES_EXPORTER", "none"), metrics]).unwrap();
        assert_eq!(what, "spans of a are not exported; plan: * 100%");
    }

    #[cfg(feature = "console")]
    #[test]
    fn several_places_are_several_sinks() {
        let (telemetry, what) = started(
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
        let (telemetry, _) = started(builder("a"), &[("OTEL_TRACES_EXPORTER", "console")]).unwrap();
        assert!(telemetry.exporter().is_none());
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn what_this_build_cannot_do_is_an_error_by_choice_and_else_not_exported() {
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
            let error = started(builder("a").strict(), &set).unwrap_err();
            assert!(error.to_string().contains(why), "{variable}: {error}");
            let (telemetry, what) = started(builder("a"), &set).unwrap();
            assert_eq!(
                telemetry.exporter().is_none(),
                what.contains("not exported")
            );
        }
    }
}
