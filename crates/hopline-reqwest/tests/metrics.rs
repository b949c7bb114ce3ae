//! Metrics of calls: each attempt is counted once, by its host and outcome, with the duration of its span.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use hopline_core::{SamplingPlan, Tracer};
use hopline_metrics::Metrics;
use hopline_reqwest::TraceMiddleware;
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
