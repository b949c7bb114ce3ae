//! Metrics of one service: the meter of its tracer, and the outputs that the operator's variables select.
//!
//! The builder starts it beside the tracer; `Telemetry` holds it and ends it.

mod console;
mod prometheus;
mod sdk;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hopline_core::{Resource, TracerBuilder};
use hopline_metrics::{Metrics, MetricsBuilder};

use console::Console;
use prometheus::Listener;
pub(crate) use settings::Settings;

use crate::error::Problem;

/// The metrics of a service and their outputs.
#[derive(Debug)]
pub(crate) struct Metering {
    metrics: Metrics,
    #[cfg(feature = "otlp")]
    exporter: Option<hopline_otlp::MetricsExporter>,
    console: Option<Console>,
    listener: Option<Listener>,
}

impl Metering {
    /// Metrics without an output.
    pub(crate) fn new(builder: MetricsBuilder, resource: Resource) -> Self {
        Self {
            metrics: builder.resource(resource).build(),
            #[cfg(feature = "otlp")]
            exporter: None,
            console: None,
            listener: None,
        }
    }

    /// Metrics with the outputs of the settings. One that cannot start is left out: the listener gives a notice, the
    /// exporter's problem is returned.
    pub(crate) fn start(
        builder: MetricsBuilder,
        resource: Resource,
        settings: Settings,
        #[cfg(feature = "otlp")] lookup: &dyn Fn(&str) -> Option<String>,
    ) -> (Self, Option<Problem>) {
        let mut metering = Self::new(settings.apply(builder), resource);
        let metrics = &metering.metrics;
        #[cfg(all(feature = "metrics-process", target_os = "linux"))]
        metrics.observe_process();
        metering.console = settings
            .console
            .and_then(|interval| Console::start(metrics.clone(), interval));
        metering.listener = settings
            .prometheus
            .and_then(|address| Listener::start(metrics, &address));
        #[cfg(feature = "otlp")]
        if let Some(temporality) = settings.otlp {
            let mut reader = metrics.otlp(temporality);
            let delta = temporality == hopline_metrics::otlp::Temporality::Delta;
            // of differences each is in one request alone, so one that did not arrive is sent again
            let request = move |unsent: Option<Vec<u8>>| match unsent {
                Some(unsent) if delta => unsent,
                _ => reader.request(),
            };
            match hopline_otlp::MetricsExporter::from_variables(lookup, request) {
                Ok(exporter) => metering.exporter = Some(exporter),
                Err(error) => return (metering, Some(Problem::OtlpMetrics(error))),
            }
        }
        (metering, None)
    }

    /// Makes the metrics the tracer's meter.
    pub(crate) fn add_to(&self, tracer: TracerBuilder) -> TracerBuilder {
        tracer.meter(self.metrics.clone())
    }

    /// The destinations for the notice of a start.
    pub(crate) fn destinations(&self) -> Vec<String> {
        let mut destinations = Vec::new();
        if self.console.is_some() {
            destinations.push("the console".to_owned());
        }
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.exporter {
            destinations.push(exporter.to_string());
        }
        if let Some(listener) = &self.listener {
            destinations.push(listener.to_string());
        }
        destinations
    }

    /// Adds the values of the tracer with this number in the list of live ones.
    pub(crate) fn observe(&self, place: u64) {
        sdk::observe(&self.metrics, place);
    }

    /// Adds the values of the exporter of spans.
    #[cfg(feature = "otlp")]
    pub(crate) fn observe_exporter(&self, exporter: hopline_otlp::Exporter) {
        sdk::observe_exporter(&self.metrics, exporter);
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The exporter over OTLP.
    #[cfg(feature = "otlp")]
    pub(crate) fn exporter(&self) -> Option<&hopline_otlp::MetricsExporter> {
        self.exporter.as_ref()
    }

    /// Begins the last export, and returns the rest of the shutdown, which blocks for up to `timeout`.
    pub(crate) fn close(&mut self, timeout: Duration) -> impl FnOnce() + Send + 'static + use<> {
        let begun = std::time::Instant::now();
        #[cfg(feature = "otlp")]
        let exporter = self.exporter.clone();
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &exporter {
            exporter.close(timeout);
        }
        let console = self.console.take().map(Console::close);
        let listener = self.listener.take();
        move || {
            let left = || timeout.saturating_sub(begun.elapsed());
            #[cfg(feature = "otlp")]
            if let Some(exporter) = &exporter {
                // a loss gives a notice of its own
                let _ = exporter.shutdown(left());
            }
            if let Some(done) = console {
                done.wait(left());
            }
            // serves scrapes until the last moment
            drop(listener);
        }
    }
}
