//! Variables of a real environment: this program starts itself anew with each set of them.
//!
//! As the child it starts telemetry, serves one request with a neighbour's headers, and prints the outcome.

#![expect(clippy::print_stdout, reason = "it is its own test harness")]

use std::collections::HashMap;
use std::process::{Command, Output};

use hopline::core::Incoming;
use hopline::{SpanBuilder, SpanKind};

use hopline_test_support::otlp::Receiver;

const CHILD: &str = "HOPLINE_VARIABLES_CHILD";

fn main() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let tests: &[(&str, fn())] = &[
        (
            "wrong_values_are_reported_at_the_start_and_never_later",
            wrong_values,
        ),
        ("impossible_settings_disable_the_export", what_cannot_work),
        ("several_exporters_at_once", several_exporters),
        #[cfg(feature = "metrics")]
        ("metrics_are_printed_on_the_console", metrics_on_the_console),
        ("disabled_records_nothing_and_passes_headers_on", disabled),
        ("propagators_are_chosen", propagators),
        #[cfg(feature = "metrics")]
        (
            "the_last_values_arrive_over_otlp_at_the_shutdown",
            last_values,
        ),
    ];
    println!("\nrunning {} tests", tests.len());
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {} passed", tests.len());
}

fn child() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let telemetry = match hopline::init("argument") {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("init failed: {error}");
            std::process::exit(3);
        }
    };
    eprintln!("-- started --");
    let came: HashMap<String, String> = HashMap::from([
        (
            "traceparent".to_owned(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        ),
        ("baggage".to_owned(), "k=v".to_owned()),
    ]);
    let span = SpanBuilder::new("GET /orders/{id}")
        .kind(SpanKind::Server)
        .parent(Incoming::extract(&came))
        .start();
    let mut goes = HashMap::new();
    span.context_ref().inject(&mut goes);
    let mut names: Vec<&String> = goes.keys().collect();
    names.sort();
    eprintln!("passed on: {names:?}");
    span.end();
    #[cfg(feature = "metrics")]
    if let Some(tracer) = telemetry.tracer() {
        use hopline::core::metrics::Instrument;

        static CARTS: Instrument = Instrument::counter("shop.carts", "{cart}");
        tracer.measure(&CARTS, 2.0, &[]);
        tracer.measure(&CARTS, 3.0, &[]);
    }
    #[cfg(feature = "metrics")]
    let metrics = telemetry.metrics_exporter().cloned();
    let result = runtime.block_on(telemetry.try_shutdown());
    eprintln!("shutdown: {result:?}");
    #[cfg(feature = "metrics")]
    if let Some(stats) = metrics.map(|exporter| exporter.stats()) {
        eprintln!("metrics: {} sent, {} lost", stats.sent, stats.lost());
    }
}

fn start(variables: &[(&str, &str)]) -> (Output, String, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("OTEL_") || text.starts_with("HOPLINE_") {
            command.env_remove(name);
        }
    }
    let output = command
        .env(CHILD, "1")
        // the receivers of these tests decode spans
        .env("OTEL_METRICS_EXPORTER", "none")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let (before, after) = said.split_once("-- started --").unwrap_or((&said, ""));
    let (before, after) = (before.to_owned(), after.to_owned());
    (output, before, after)
}

fn wrong_values() {
    let receiver = Receiver::start([]);
    let url = receiver.url();
    let wrong = [
        ("OTEL_SDK_DISABLED", "1"),
        ("OTEL_PROPAGATORS", "tracecontext,baggage,b3"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_EXPORTER", "otlp,zipkin"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "x"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "x"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "x"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-value"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        #[cfg(any(feature = "axum", feature = "reqwest", feature = "tower"))]
        (
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE",
            "age,.*",
        ),
    ];
    let all = [&wrong[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]].concat();
    let (output, before, after) = start(&all);
    assert!(output.status.success(), "{before}");
    for (name, _) in wrong {
        assert!(before.contains(name), "{name} is not in: {before}");
        assert!(!after.contains(name), "{name} is in: {after}");
    }
    assert!(
        before.contains(&format!("init: spans of argument go to {url}/v1/traces")),
        "{before}"
    );
    assert!(after.contains("shutdown: Ok"), "{after}");
    // and it works by the defaults
    assert_eq!(receiver.await_spans(1), ["GET /orders/{id}"]);
}

fn what_cannot_work() {
    for (name, value, why) in [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "localhost:4318",
            "not an absolute http or https URL",
        ),
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/nonexistent.pem",
            "/nonexistent.pem",
        ),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "/nonexistent.pem",
            "/nonexistent.pem",
        ),
        ("HOPLINE_SAMPLING", "most of it", "`most`"),
    ] {
        let nowhere = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
        let (output, before, after) = start(&[nowhere, (name, value)]);
        assert!(output.status.success(), "{name}: {before}");
        assert!(
            before.contains(why) && before.contains("; until then "),
            "{name}: {before}"
        );
        assert!(after.contains("passed on: "), "{name}: {after}");
    }
}

fn several_exporters() {
    let receiver = Receiver::start([]);
    let url = receiver.url();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    let (output, _, after) = start(&[endpoint, ("OTEL_TRACES_EXPORTER", "console,otlp")]);
    assert!(after.contains("shutdown: Ok"), "{after}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("GET /orders/{id}"), "{printed}");
    assert_eq!(receiver.await_spans(1), ["GET /orders/{id}"]);

    let (output, before, _) = start(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]);
    assert!(
        output.status.success() && before.contains("are not exported"),
        "{before}"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[cfg(feature = "metrics")]
fn metrics_on_the_console() {
    let none = ("OTEL_TRACES_EXPORTER", "none");
    let (output, _, after) = start(&[none, ("OTEL_METRICS_EXPORTER", "console")]);
    assert!(after.contains("shutdown: Ok"), "{after}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("# TYPE hopline_tracer_spans_total counter"),
        "{printed}"
    );

    let (output, _, _) = start(&[none, ("OTEL_METRICS_EXPORTER", "none")]);
    assert!(output.stdout.is_empty(), "{output:?}");
}

fn disabled() {
    let receiver = Receiver::start([]);
    let (output, before, after) = start(&[
        ("OTEL_SDK_DISABLED", "True"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url()),
    ]);
    assert!(output.status.success());
    assert!(
        before.contains("OTEL_SDK_DISABLED: nothing is recorded"),
        "{before}"
    );
    assert!(
        after.contains(r#"passed on: ["baggage", "traceparent"]"#),
        "{after}"
    );
    assert!(!after.contains("no-tracer"), "it is meant: {after}");
    assert!(receiver.received().is_empty());
}

fn propagators() {
    for (list, expected) in [
        ("tracecontext,baggage", r#"["baggage", "traceparent"]"#),
        ("tracecontext", r#"["traceparent"]"#),
        ("baggage", r#"["baggage"]"#),
        ("none", "[]"),
    ] {
        let none = ("OTEL_TRACES_EXPORTER", "none");
        let (_, _, after) = start(&[("OTEL_PROPAGATORS", list), none]);
        assert!(
            after.contains(&format!("passed on: {expected}")),
            "{list}: {after}"
        );
    }
}

#[cfg(feature = "metrics")]
fn last_values() {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
    use prost::Message as _;

    for (preference, temporality) in [("cumulative", 2), ("delta", 1)] {
        let receiver = Receiver::start([]);
        let (_, before, after) = start(&[
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url()),
            (
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                preference,
            ),
        ]);
        assert!(
            before.contains("; metrics go to http://")
                && before.contains("/v1/metrics (http/protobuf)"),
            "{before}"
        );
        assert!(after.contains("metrics: 1 sent, 0 lost"), "{after}");
        let received = receiver.received();
        let body = received.iter().find(|one| one.uri.path() == "/v1/metrics");
        let request = ExportMetricsServiceRequest::decode(body.unwrap().body.clone()).unwrap();
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        let carts = metrics.iter().find(|metric| metric.name == "shop.carts");
        let Some(Data::Sum(sum)) = &carts.unwrap().data else {
            panic!("{carts:?}")
        };
        assert_eq!(sum.data_points[0].value, Some(Value::AsDouble(5.0)));
        assert_eq!(sum.aggregation_temporality, temporality);
        assert!(
            metrics
                .iter()
                .any(|metric| metric.name == "otel.sdk.exporter.span.exported")
        );
    }
}
