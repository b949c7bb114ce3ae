//! The page over HTTP: formats, compression, and what caches need to know.
#![cfg(feature = "axum")]

use std::io::Read;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use flate2::read::GzDecoder;
use hopline_core::metrics::{Exemplar, Instrument, Meter};
use hopline_core::{SpanId, TraceId, attr};
use hopline_metrics::Metrics;
use http_body_util::BodyExt;
use tower::ServiceExt;

static REQUESTS: Instrument = Instrument::histogram("http.server.request.duration", "s");

async fn scrape(app: &Router, headers: &[(&str, &str)]) -> (HeaderMap, Bytes) {
    let mut request = Request::get("/metrics");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let (parts, body) = response.into_parts();
    (parts.headers, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn the_format_and_the_coding_are_those_that_the_scraper_accepts() {
    let metrics = Metrics::builder().service("orders").build();
    let exemplar = Exemplar {
        trace_id: TraceId::from_u128(7).unwrap(),
        span_id: SpanId::from_u64(9).unwrap(),
    };
    let route = [attr("http.route", "/orders")];
    metrics.record(&REQUESTS, 0.02, &route, Some(exemplar));
    let app = metrics.router();

    let text = "text/plain; version=0.0.4; charset=utf-8";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    // as Prometheus 2.42 sends it
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, kind) in [("", text), ("*/*", text), (text, text), (prometheus, open)] {
        let (headers, plain) = scrape(&app, &[("accept", accept)]).await;
        assert_eq!(headers["content-type"], kind, "{accept}");
        assert_eq!(headers["vary"], "accept, accept-encoding");
        assert!(!headers.contains_key("content-encoding"));
        let page = str::from_utf8(&plain).unwrap();
        let is_open = kind == open;
        assert_eq!(page.ends_with("# EOF\n"), is_open, "{page}");
        assert_eq!(page.contains("# {trace_id="), is_open, "{page}");
        assert!(
            page.contains("http_server_request_duration_seconds_count{http_route=\"/orders\"} 1\n")
        );

        let gzip = [("accept", accept), ("accept-encoding", "br, gzip")];
        let (headers, zipped) = scrape(&app, &gzip).await;
        assert_eq!(headers["content-encoding"], "gzip");
        let mut unzipped = Vec::new();
        GzDecoder::new(&*zipped).read_to_end(&mut unzipped).unwrap();
        assert_eq!(unzipped, plain);
        let (headers, _) = scrape(&app, &[("accept-encoding", "gzip;q=0")]).await;
        assert!(!headers.contains_key("content-encoding"));
    }
}

#[tokio::test]
async fn requests_without_a_route_stay_with_the_application_that_is_merged_into_the_page() {
    let missing = Router::new().fallback(|| async { "of the application" });
    let metrics = Metrics::builder().build();
    let app: Router = metrics.router().merge(missing);
    let request = Request::get("/made/up").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "of the application");
}
