//! Settings of the metrics from the environment's variables.
//!
//! The builder reads them. A wrong value is a warning, and its default is used.

use std::time::Duration;

use hopline_core::text::shown;
use hopline_core::variables::Variables;
use hopline_metrics::MetricsBuilder;
#[cfg(feature = "otlp")]
use hopline_metrics::otlp::Temporality;
use hopline_metrics::slo::Slo;

use super::prometheus::Address;

/// The outputs of the metrics, and what the variables change of their builder.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The kind of totals in OTLP requests; `None` for no export.
    #[cfg(feature = "otlp")]
    pub(crate) otlp: Option<Temporality>,
    /// The address of the listener; `None` for none.
    pub(crate) prometheus: Option<Address>,
    /// The time between two pages on the console; `None` for none.
    pub(crate) console: Option<Duration>,
    exemplars: bool,
    slos: Vec<Slo>,
}

/// The interval between two exports.
const INTERVAL: Duration = Duration::from_secs(60);

impl Settings {
    /// Reads the variables. Without `push` nothing is exported or printed, as `Builder::without_exporter` asks.
    pub(crate) fn read(variables: &mut Variables<'_>, push: bool) -> Self {
        let Outputs {
            otlp,
            prometheus,
            console,
        } = Outputs::read(variables);
        #[cfg(not(feature = "otlp"))]
        let _ = otlp;
        Self {
            #[cfg(feature = "otlp")]
            otlp: (otlp && push).then(|| temporality(variables)),
            prometheus: prometheus.then(|| address(variables)),
            console: (console && push).then(|| interval(variables)),
            exemplars: exemplars(variables),
            slos: slos(variables),
        }
    }

    /// Changes the builder of the metrics as the variables ask.
    pub(super) fn apply(&self, mut builder: MetricsBuilder) -> MetricsBuilder {
        if !self.exemplars {
            builder = builder.exemplars(false);
        }
        self.slos
            .iter()
            .fold(builder, |builder, slo| builder.slo(slo.clone()))
    }
}

/// The exporters in `OTEL_METRICS_EXPORTER`.
#[derive(Default)]
struct Outputs {
    otlp: bool,
    prometheus: bool,
    console: bool,
}

impl Outputs {
    fn read(variables: &mut Variables<'_>) -> Self {
        let default = Self {
            otlp: true,
            ..Self::default()
        };
        let Some(list) = variables.text("OTEL_METRICS_EXPORTER") else {
            return default;
        };
        let mut outputs = Self::default();
        let mut known = false;
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match name.to_ascii_lowercase().as_str() {
                "otlp" => outputs.otlp = true,
                "prometheus" => outputs.prometheus = true,
                "console" => outputs.console = true,
                "none" => {}
                _ => {
                    variables.warn(format!(
                        "OTEL_METRICS_EXPORTER names {}, which is none of otlp, prometheus, console and none, and is ignored",
                        quoted(name)
                    ));
                    continue;
                }
            }
            known = true;
        }
        // without a known name the default holds
        if known { outputs } else { default }
    }
}

fn address(variables: &mut Variables<'_>) -> Address {
    let host = variables.text("OTEL_EXPORTER_PROMETHEUS_HOST");
    let port = variables.number("OTEL_EXPORTER_PROMETHEUS_PORT");
    let small = port.and_then(|port| u16::try_from(port).ok());
    if port.is_some() && small.is_none() {
        variables.warn("OTEL_EXPORTER_PROMETHEUS_PORT is above 65535 and is ignored".to_owned());
    }
    Address {
        host: host.unwrap_or_else(|| "localhost".to_owned()),
        port: small.unwrap_or(9464),
    }
}

fn interval(variables: &mut Variables<'_>) -> Duration {
    let set = variables.millis("OTEL_METRIC_EXPORT_INTERVAL");
    set.filter(|interval| !interval.is_zero())
        .unwrap_or(INTERVAL)
}

#[cfg(feature = "otlp")]
fn temporality(variables: &mut Variables<'_>) -> Temporality {
    const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    let text = variables.text(NAME).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "" | "cumulative" => Temporality::Cumulative,
        "delta" | "lowmemory" => Temporality::Delta,
        _ => {
            variables.warn(format!(
                "{NAME} is {}, which is none of cumulative, delta and lowmemory; cumulative is used",
                quoted(&text)
            ));
            Temporality::Cumulative
        }
    }
}

fn exemplars(variables: &mut Variables<'_>) -> bool {
    const NAME: &str = "OTEL_METRICS_EXEMPLAR_FILTER";
    let text = variables.text(NAME).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "always_off" => false,
        // an exemplar names a trace that is kept, so there are none beyond these
        "" | "trace_based" | "always_on" => true,
        _ => {
            variables.warn(format!(
                "{NAME} is {}, which is none of trace_based, always_on and always_off; trace_based is used",
                quoted(&text)
            ));
            true
        }
    }
}

fn slos(variables: &mut Variables<'_>) -> Vec<Slo> {
    let text = variables.text("HOPLINE_SLO").unwrap_or_default();
    Slo::parse_all(&text).unwrap_or_else(|error| {
        variables.warn(format!(
            "HOPLINE_SLO is {}, which is no list of objectives, and is ignored: {error}",
            quoted(&text)
        ));
        Vec::new()
    })
}

/// The start of a value, escaped for a notice.
fn quoted(text: &str) -> String {
    format!("`{}`", shown(text, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> (Settings, usize) {
        let lookup = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut variables = Variables::new(&lookup);
        let settings = Settings::read(&mut variables, true);
        (settings, variables.warnings().len())
    }

    #[test]
    fn the_exporters_of_a_list_are_read_and_unknown_ones_warn() {
        let outputs = |list: &str| {
            let lookup = |_: &str| Some(list.to_owned());
            let mut variables = Variables::new(&lookup);
            let read = Outputs::read(&mut variables);
            let warnings = variables.warnings().len();
            (read.otlp, read.prometheus, read.console, warnings)
        };
        assert_eq!(outputs(""), (true, false, false, 0));
        assert_eq!(outputs("none"), (false, false, false, 0));
        assert_eq!(outputs("Prometheus, console"), (false, true, true, 0));
        assert_eq!(outputs("zipkin"), (true, false, false, 1));
        assert_eq!(outputs("zipkin,otlp,prometheus"), (true, true, false, 1));
    }

    #[test]
    fn wrong_values_warn_and_defaults_hold() {
        let (settings, warnings) = read(&[
            ("OTEL_METRICS_EXPORTER", "prometheus,console,otlp"),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", "94640"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "often"),
            ("OTEL_METRICS_EXEMPLAR_FILTER", "some"),
            ("HOPLINE_SLO", "SLO always"),
            #[cfg(feature = "otlp")]
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both"),
        ]);
        assert_eq!(warnings, if cfg!(feature = "otlp") { 5 } else { 4 });
        let address = settings.prometheus.unwrap();
        assert_eq!((address.host.as_str(), address.port), ("localhost", 9464));
        assert_eq!(settings.console, Some(INTERVAL));
        assert!(settings.exemplars && settings.slos.is_empty());
    }

    #[test]
    fn right_values_are_taken() {
        let (settings, warnings) = read(&[
            ("OTEL_METRICS_EXPORTER", "prometheus,console,otlp"),
            ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0"),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", "9000"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1500"),
            ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off"),
            ("HOPLINE_SLO", "SLO POST /checkout 99.9% < 500ms over 30d"),
            (
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                "LowMemory",
            ),
        ]);
        assert_eq!(warnings, 0);
        let address = settings.prometheus.unwrap();
        assert_eq!((address.host.as_str(), address.port), ("0.0.0.0", 9000));
        assert_eq!(settings.console, Some(Duration::from_millis(1500)));
        assert!(!settings.exemplars);
        assert_eq!(settings.slos.len(), 1);
        #[cfg(feature = "otlp")]
        assert_eq!(settings.otlp, Some(Temporality::Delta));
    }
}
