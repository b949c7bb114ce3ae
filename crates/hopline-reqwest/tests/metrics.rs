//! Metrics of calls: each attempt is counted once, by its host and outcome, with the duration of its span.

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use hopline_core::{SamplingPlan, Tracer};
use hopline_metrics::Metrics;
use hopline_reqwest::TraceMiddleware;
use hopline_test_support::page::total;
use hopline_testing::{Spans, tracer_with};
use reqwest_middleware::ClientBuilder;
use tokio::net::TcpListener;

fn metered(plan: &str) -> (Metrics, Tracer, Spans) {
    let metrics = Metrics::builder().build();
    let plan: SamplingPlan = plan.parse().unwrap();
    let (tracer, spans) = tracer_with(|tracer| tracer.plan(plan).meter(metrics.clone()));
    (metrics, tracer, spans)
}

/// The port of a server.
async fn serve() -> u16 {
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/404", get(|| async { StatusCode::NOT_FOUND }))
        .route("/hangs", get(std::future::pending::<StatusCode>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    port
}

fn counts(metrics: &Metrics) -> Vec<String> {
    let page = metrics.render();
    let lines = page.lines();
    lines
        .filter_map(|line| {
            line.strip_prefix("http_client_request_duration_seconds_count")
                .map(str::to_owned)
        })
        .collect()
}

#[tokio::test]
async fn each_call_is_counted_once_under_every_plan() {
    let port = serve().await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for plan in ["* 100%", "* 0%"] {
        for until_body_end in [false, true] {
            let (metrics, tracer, _) = metered(plan);
            let client = TraceMiddleware::new().tracer(tracer);
            let client = if until_body_end {
                client.until_body_end()
            } else {
                client
            };
            let client = ClientBuilder::new(reqwest::Client::new())
                .with(client)
                .build();
            let call =
                |port: u16, path: &str| client.get(format!("http://127.0.0.1:{port}{path}")).send();
            for _ in 0..20 {
                assert_eq!(
                    call(port, "/").await.unwrap().text().await.unwrap(),
                    "hello"
                );
            }
            call(port, "/404").await.unwrap().text().await.unwrap();
            call(closed, "/").await.unwrap_err();
            let hangs = call(port, "/hangs");
            tokio::time::timeout(std::time::Duration::from_millis(200), hangs)
                .await
                .unwrap_err();
            let response = format!(
                "network_protocol_version=\"1.1\",server_address=\"127.0.0.1\",server_port=\"{port}\"}}"
            );
            let mut expected = [
                format!(
                    "{{error_type=\"404\",http_request_method=\"GET\",http_response_status_code=\"404\",{response} 1"
                ),
                format!(
                    "{{error_type=\"connection_refused\",http_request_method=\"GET\",server_address=\"127.0.0.1\",server_port=\"{closed}\"}} 1"
                ),
                format!(
                    "{{http_request_method=\"GET\",http_response_status_code=\"200\",{response} 20"
                ),
                format!(
                    "{{http_request_method=\"GET\",server_address=\"127.0.0.1\",server_port=\"{port}\"}} 1"
                ),
            ];
            expected.sort();
            assert_eq!(counts(&metrics), expected, "{plan}");
        }
    }
}

#[tokio::test]
async fn the_duration_is_that_of_the_span() {
    let port = serve().await;
    let (metrics, tracer, spans) = metered("* 100%");
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(TraceMiddleware::new().tracer(tracer))
        .build();
    client
        .get(format!("http://127.0.0.1:{port}/"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let span = spans.all().remove(0);
    let page = metrics.render();
    let sum = page
        .lines()
        .find(|line| line.starts_with("http_client_request_duration_seconds_sum"))
        .unwrap();
    let sum: f64 = sum.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert_eq!(
        (sum * 1e9).round() as u64,
        span.end_unix_nanos - span.start_unix_nanos
    );
}

const REQUEST_SIZE: &str = "http_client_request_body_size_bytes";
const RESPONSE_SIZE: &str = "http_client_response_body_size_bytes";

/// Number and sum of the sizes.
fn sizes(metrics: &Metrics, name: &str) -> (f64, f64) {
    let page = metrics.render();
    let total = |suffix| total(&page, &format!("{name}_{suffix}"), &[]);
    (total("count"), total("sum"))
}

/// Serves `/echo`, which sends each part back when it has come.
async fn serve_echo() -> String {
    let app = Router::new().route("/echo", axum::routing::post(|body: Body| async { body }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/echo", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn bytes_of_bodies_are_counted_as_they_pass() {
    let url = serve_echo().await;
    for plan in ["* 100%", "* 0%"] {
        for until_body_end in [false, true] {
            let (metrics, tracer, spans) = metered(plan);
            let mut trace = TraceMiddleware::new().tracer(tracer).body_sizes();
            if until_body_end {
                trace = trace.until_body_end();
            }
            let client = ClientBuilder::new(reqwest::Client::new())
                .with(trace)
                .build();
            let response = client.post(&url).body("twelve bytes").send().await.unwrap();
            // the size of the response is no reason for a longer span
            let ended = usize::from(plan == "* 100%" && !until_body_end);
            assert_eq!(spans.all().len(), ended);
            assert_eq!(sizes(&metrics, RESPONSE_SIZE), (0.0, 0.0));
            assert_eq!(response.text().await.unwrap(), "twelve bytes");
            assert_eq!(sizes(&metrics, REQUEST_SIZE), (1.0, 12.0));
            assert_eq!(sizes(&metrics, RESPONSE_SIZE), (1.0, 12.0));

            let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
            let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
                Some((receiver.recv().await?, receiver))
            });
            let part = |length: usize| {
                sender
                    .send(Ok::<_, std::io::Error>(vec![b'x'; length]))
                    .unwrap()
            };
            part(1_000);
            let body = reqwest::Body::wrap_stream(stream);
            let mut response = client.post(&url).body(body).send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap().len(), 1_000);
            part(2_000);
            assert_eq!(response.chunk().await.unwrap().unwrap().len(), 2_000);
            // dropped before its end
            drop(response);
            assert_eq!(sizes(&metrics, RESPONSE_SIZE), (2.0, 3_012.0));
            assert_eq!(sizes(&metrics, REQUEST_SIZE), (2.0, 3_012.0), "{plan}");
        }
    }
}

#[tokio::test]
async fn active_calls_are_those_that_await_the_end_of_their_span() {
    let port = serve().await;
    let (metrics, tracer, _) = metered("* 0%");
    let trace = TraceMiddleware::new().tracer(tracer).active_requests();
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(trace)
        .build();
    let active = || {
        let port = format!("server_port=\"{port}\"");
        total(
            &metrics.render(),
            "http_client_active_requests",
            &["http_request_method=\"GET\"", &port],
        )
    };
    let call = tokio::spawn(client.get(format!("http://127.0.0.1:{port}/hangs")).send());
    while active() < 1.0 {
        tokio::task::yield_now().await;
    }
    client
        .get(format!("http://127.0.0.1:{port}/"))
        .send()
        .await
        .unwrap();
    assert_eq!(active(), 1.0);
    call.abort();
    call.await.unwrap_err();
    assert_eq!(active(), 0.0);
    assert!(metrics.render().contains("http_client_active_requests{"));
}
