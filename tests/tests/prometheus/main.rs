//! A real Prometheus scrapes the five services of `checkout` under load, and is asked by its query API. Its answers are those of two
//! other counts: the answers that the clients got, and the spans that were exported.

mod expected;
mod load;
mod server;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use checkout::System;
use checkout::system::Settings;
use expected::{buckets, calls, counts, failed, quantiles, servers, statements};
use hopline_core::SpanKind;
use hopline_core::export::SpanData;
use hopline_core::metrics::{Instrument, Meter};
use hopline_metrics::Metrics;
use server::{Prometheus, Values};
use tokio::net::TcpListener;

const COUNT: &str = "http_server_request_duration_seconds_count";
const BUCKETS: &str = "http_server_request_duration_seconds_bucket";
const ANSWERS: [&str; 3] = [
    "http_request_method",
    "http_route",
    "http_response_status_code",
];

/// Starts `checkout`, and the Prometheus that scrapes it.
async fn start(plan: Option<&str>) -> (System, Prometheus) {
    let plan = plan.map(|plan| plan.parse().unwrap());
    let settings = Settings {
        plan,
        ..Settings::default()
    };
    let system = System::start(settings).await.unwrap();
    let prometheus = Prometheus::scraping(system.ports());
    (system, prometheus)
}

/// Waits until the worker has handled the message of each order that succeeded, and gives the spans that were exported.
async fn exported(system: &System, prometheus: &Prometheus, answers: &Values) -> Vec<SpanData> {
    let placed = |(key, count): (&Vec<String>, &f64)| (key[2] == "201").then_some(*count);
    let placed = answers.iter().filter_map(placed).sum();
    let query = "sum by (job) (messaging_process_duration_seconds_count)";
    let expected = Values::from([(vec!["worker".to_owned()], placed)]);
    prometheus.until(query, &["job"], &expected).await;
    for telemetry in system.telemetry() {
        let tracer = telemetry.tracer().unwrap();
        tracer.flush(Duration::from_secs(10)).unwrap();
    }
    system.collected().take()
}

fn sum(values: &Values) -> f64 {
    values.values().sum()
}

/// Compares values that differ by no more than the rounding of a few additions.
#[track_caller]
fn assert_close(values: &Values, expected: &Values) {
    assert_eq!(
        values.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (key, value) in values {
        let expected = expected[key];
        assert!(
            (value - expected).abs() <= expected * 1e-12,
            "{key:?}: {value}, not {expected}"
        );
    }
}

async fn assert_exemplars_are_exported(prometheus: &Prometheus, spans: &[SpanData], jobs: &[&str]) {
    let exported: BTreeSet<String> = spans.iter().map(|span| span.trace_id.to_string()).collect();
    let exemplars = prometheus.exemplars("{__name__=~\".+_bucket\"}").await;
    for (job, id) in &exemplars {
        assert!(exported.contains(id), "{job}: {id} was not exported");
    }
    for job in jobs {
        let has_one = exemplars.iter().any(|(of, _)| of == job);
        assert!(has_one, "{job} has no exemplar");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_answers_as_the_clients_and_the_spans_count() {
    let (system, prometheus) = start(None).await;
    let answers = load::load(system.urls()).await;
    assert_eq!(sum(&answers), 240.0);
    let gateway = format!("{COUNT}{{job=\"gateway\"}}");
    prometheus.until(&gateway, &ANSWERS, &answers).await;
    let spans = exported(&system, &prometheus, &answers).await;

    // requests and errors of each service
    let keys = [
        "http.request.method",
        "http.route",
        "http.response.status_code",
    ];
    let labels = ["job", ANSWERS[0], ANSWERS[1], ANSWERS[2]];
    prometheus
        .until(COUNT, &labels, &counts(servers(&spans), &keys))
        .await;
    let errors = format!("sum by (job) ({COUNT}{{error_type!=\"\"}})");
    prometheus
        .until(
            &errors,
            &["job"],
            &counts(servers(&spans).filter(failed), &[]),
        )
        .await;

    // each bucket, and the quantiles that are made of them
    let by_bound = format!("sum by (job, le) ({BUCKETS})");
    prometheus
        .until(
            &by_bound,
            &["job", "le"],
            &buckets(servers(&spans).collect::<Vec<_>>().into_iter()),
        )
        .await;
    for quantile in [0.5, 0.9, 0.99] {
        let query = format!("histogram_quantile({quantile}, sum by (job, le) ({BUCKETS}))");
        let values = prometheus.values(&query, &["job"]).await;
        assert_close(
            &values,
            &quantiles(servers(&spans).collect::<Vec<_>>().into_iter(), quantile),
        );
    }

    // the other edges
    let client = "http_client_request_duration_seconds_count";
    let labels = ["job", "http_response_status_code", "server_port"];
    prometheus
        .until(
            client,
            &labels,
            &counts(calls(&spans), &["http.response.status_code", "server.port"]),
        )
        .await;
    let database = "sum by (job) (db_client_operation_duration_seconds_count)";
    prometheus
        .until(database, &["job"], &counts(statements(&spans), &[]))
        .await;
    let of_kind = |kind| {
        spans
            .iter()
            .filter(move |span: &&SpanData| span.kind == kind)
    };
    let sent = "messaging_client_sent_messages_total";
    prometheus
        .until(sent, &["job"], &counts(of_kind(SpanKind::Producer), &[]))
        .await;
    let handled = "sum by (job) (messaging_process_duration_seconds_count)";
    prometheus
        .until(handled, &["job"], &counts(of_kind(SpanKind::Consumer), &[]))
        .await;

    assert_exemplars_are_exported(&prometheus, &spans, &checkout::service::NAMES).await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn under_one_percent_all_requests_are_counted_and_exemplars_are_of_exported_traces() {
    let (system, prometheus) = start(Some("* 1%; keep errors")).await;
    let answers = load::load(system.urls()).await;
    let gateway = format!("{COUNT}{{job=\"gateway\"}}");
    prometheus.until(&gateway, &ANSWERS, &answers).await;
    let spans = exported(&system, &prometheus, &answers).await;

    // the services behind the gateway: one call for each order and list of products
    let answered = |method: &str, path: &str, status: &[&str]| {
        let matches = |key: &&Vec<String>| {
            key[0] == method && key[1] == path && status.contains(&key[2].as_str())
        };
        answers
            .iter()
            .filter(|(key, _)| matches(key))
            .map(|(_, count)| count)
            .sum::<f64>()
    };
    let orders = answered("POST", "/checkout", &["201", "503"]);
    let products = answered("GET", "/products", &["200"]);
    let inventory = orders + products;
    let expected = [
        ("gateway", 240.0),
        ("inventory", inventory),
        ("orders", orders),
        ("payments", orders),
    ];
    let expected = expected
        .map(|(job, count)| (vec![job.to_owned()], count))
        .into();
    prometheus
        .until(&format!("sum by (job) ({COUNT})"), &["job"], &expected)
        .await;

    let traces: BTreeSet<_> = servers(&spans).map(|span| span.trace_id).collect();
    let failures = answered("POST", "/checkout", &["503"]);
    let kept = traces.len() as f64;
    assert!(
        (failures..failures + 30.0).contains(&kept),
        "{failures} failed, {kept} were kept"
    );
    // inventory and worker decide by their own part, which does not fail
    assert_exemplars_are_exported(&prometheus, &spans, &["gateway", "orders", "payments"]).await;
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_the_page_of_each_service() {
    let (system, prometheus) = start(None).await;
    load::load(system.urls()).await;
    drop(prometheus);
    for telemetry in system.telemetry() {
        let page = telemetry.metrics().render();
        assert!(page.contains("hopline_tracer_spans_total"), "{page}");
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is missing: `cargo xtask services` installs it");
        promtool
            .stdin
            .take()
            .unwrap()
            .write_all(page.as_bytes())
            .unwrap();
        let output = promtool.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}\n{page}");
    }
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_a_service_is_a_reset_of_its_totals() {
    static WAITS: Instrument = Instrument::histogram("shop.wait", "s");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let prometheus = Prometheus::scraping([("shop", port)].into_iter());
    let mut listener = Some(listener);
    for waits in [10, 3] {
        let metrics = Metrics::builder().service("shop").build();
        for wait in 0..waits {
            metrics.record(&WAITS, f64::from(wait), &[], None);
        }
        let listener = match listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(("127.0.0.1", port)).await.unwrap(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let server = axum::serve(listener, metrics.router::<()>());
        let server = tokio::spawn(server.with_graceful_shutdown(stopped).into_future());
        let expected = Values::from([(vec!["shop".to_owned()], f64::from(waits))]);
        for series in [
            "shop_wait_seconds_count",
            "shop_wait_seconds_bucket{le=\"+Inf\"}",
        ] {
            prometheus.until(series, &["job"], &expected).await;
        }
        drop(stop);
        server.await.unwrap().unwrap();
    }
    let resets = prometheus
        .values("resets(shop_wait_seconds_count[5m])", &["job"])
        .await;
    assert_eq!(resets, Values::from([(vec!["shop".to_owned()], 1.0)]));
}
