//! Sizes of bodies over real sockets: counted as they pass, in streams too.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use hopline_axum::TraceLayer;
use hopline_metrics::Metrics;
use hopline_test_support::page::total;
use hopline_testing::tracer_with;
use reqwest::Client;
use tokio::net::TcpListener;
use tower::ServiceExt;

const REQUEST: &str = "http_server_request_body_size_bytes";
const RESPONSE: &str = "http_server_response_body_size_bytes";

/// A stream of three parts, 3,000 bytes in total.
fn parts() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::iter([500, 1_500, 1_000]).then(|length| async move {
        tokio::task::yield_now().await;
        Ok(Bytes::from(vec![b'x'; length]))
    })
}

async fn first_part(body: Body) {
    body.into_data_stream().next().await.unwrap().unwrap();
}

/// Serves with a plan; gives the metrics and the URL.
async fn serve(plan: &str) -> (Metrics, String) {
    let metrics = Metrics::builder().build();
    let plan = plan.parse().unwrap();
    let (tracer, _) = tracer_with(|tracer| tracer.plan(plan).meter(metrics.clone()));
    let app = Router::new()
        .route("/fixed", get(|| async { "seven b" }))
        .route("/none", get(|| async { StatusCode::NO_CONTENT }))
        .route("/stream", get(|| async { Body::from_stream(parts()) }))
        .route("/echo", post(|body: Body| async { body }))
        .route(
            "/reads",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route(
            "/refuses",
            post(|_: Body| async { StatusCode::PAYLOAD_TOO_LARGE }),
        )
        .route("/first-part", post(first_part))
        .route(
            "/endless",
            get(|| async {
                let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"first"))]);
                Body::from_stream(first.chain(stream::pending()))
            }),
        )
        .layer(TraceLayer::new().tracer(tracer).body_sizes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (metrics, url)
}

/// Number and sum of the sizes of a route.
fn sizes(page: &str, name: &str, route: &str) -> (f64, f64) {
    let route = format!("http_route=\"{route}\"");
    let total = |suffix| total(page, &format!("{name}_{suffix}"), &[&route]);
    (total("count"), total("sum"))
}

#[tokio::test]
async fn bytes_are_counted_as_they_pass_under_every_plan() {
    for plan in ["* 100%", "* 0%"] {
        let (metrics, url) = serve(plan).await;
        let client = Client::builder().no_proxy().build().unwrap();
        for path in ["fixed", "none", "stream"] {
            let response = client.get(format!("{url}/{path}")).send().await.unwrap();
            response.bytes().await.unwrap();
        }
        client.head(format!("{url}/fixed")).send().await.unwrap();
        for path in ["echo", "reads", "first-part", "refuses"] {
            let known = client.post(format!("{url}/{path}")).body("twelve bytes");
            known.send().await.unwrap().bytes().await.unwrap();
        }
        for path in ["echo", "reads"] {
            let body = reqwest::Body::wrap_stream(parts());
            let streamed = client.post(format!("{url}/{path}")).body(body);
            streamed.send().await.unwrap().bytes().await.unwrap();
        }
        let page = metrics.render();
        for (route, request, response) in [
            // with the HEAD, which has no body
            ("/fixed", (2.0, 0.0), (2.0, 7.0)),
            ("/none", (1.0, 0.0), (1.0, 0.0)),
            ("/stream", (1.0, 0.0), (1.0, 3_000.0)),
            ("/echo", (2.0, 3_012.0), (2.0, 3_012.0)),
            ("/reads", (2.0, 3_012.0), (2.0, 6.0)),
            ("/first-part", (1.0, 12.0), (1.0, 0.0)),
            // the service has read nothing of it
            ("/refuses", (1.0, 0.0), (1.0, 0.0)),
        ] {
            assert_eq!(sizes(&page, REQUEST, route), request, "{route}\n{page}");
            assert_eq!(sizes(&page, RESPONSE, route), response, "{route}\n{page}");
        }
    }
}

#[tokio::test]
async fn a_response_that_is_cut_off_has_the_bytes_so_far() {
    let (metrics, url) = serve("* 100%").await;
    let client = Client::builder().no_proxy().build().unwrap();
    let mut response = client.get(format!("{url}/endless")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    assert_eq!(sizes(&metrics.render(), RESPONSE, "/endless"), (0.0, 0.0));
    drop((response, client));
    for _ in 0..1_000 {
        if sizes(&metrics.render(), RESPONSE, "/endless").0 > 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let page = metrics.render();
    assert_eq!(sizes(&page, RESPONSE, "/endless"), (1.0, 5.0));
    let cancelled = total(
        &page,
        &format!("{RESPONSE}_count"),
        &["error_type=\"cancelled\""],
    );
    assert_eq!(cancelled, 1.0);
}

#[tokio::test]
async fn without_the_option_no_size_is_reported() {
    let metrics = Metrics::builder().build();
    let (tracer, _) = tracer_with(|tracer| tracer.meter(metrics.clone()));
    let app = Router::new().layer(TraceLayer::new().tracer(tracer));
    let request = Request::new(Body::from("body"));
    let response = app.oneshot(request).await.unwrap();
    to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let page = metrics.render();
    assert!(page.contains("http_server_request_duration_seconds_count"));
    assert!(!page.contains("body_size"), "{page}");
}
