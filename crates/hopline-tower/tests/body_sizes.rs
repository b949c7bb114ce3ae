//! Sizes of bodies without a framework: of a request by its head, of a response as it passes.

use std::convert::Infallible;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream;
use hopline_core::Tracer;
use hopline_metrics::Metrics;
use hopline_test_support::page::total;
use hopline_testing::tracer_with;
use hopline_tower::{ClientLayer, TraceLayer};
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

fn metered() -> (Metrics, Tracer) {
    let metrics = Metrics::builder().build();
    let (tracer, _) = tracer_with(|tracer| tracer.meter(metrics.clone()));
    (metrics, tracer)
}

/// Number and sum of the sizes.
fn sizes(metrics: &Metrics, name: &str) -> (f64, f64) {
    let page = metrics.render();
    let total = |suffix| total(&page, &format!("{name}_body_size_bytes_{suffix}"), &[]);
    (total("count"), total("sum"))
}

#[tokio::test]
async fn a_server_measures_what_the_head_announces_and_what_is_sent() {
    for (version, length, request) in [
        (Version::HTTP_11, Some("12"), (1.0, 12.0)),
        (Version::HTTP_2, Some("12"), (1.0, 12.0)),
        (Version::HTTP_2, Some("many"), (0.0, 0.0)),
        // HTTP/1 has no body without a length, HTTP/2 may have
        (Version::HTTP_11, None, (1.0, 0.0)),
        (Version::HTTP_2, None, (0.0, 0.0)),
    ] {
        let (metrics, tracer) = metered();
        let layer = TraceLayer::new().tracer(tracer).body_sizes();
        let service = layer.layer(service_fn(|_: Request<()>| async {
            let parts = ["three", "parts", ""].map(|part| Frame::data(Bytes::from(part)));
            let body = StreamBody::new(stream::iter(parts.map(Ok::<_, Infallible>)));
            Ok::<_, Infallible>(Response::new(body))
        }));
        let mut builder = Request::builder().version(version);
        if let Some(length) = length {
            builder = builder.header("content-length", length);
        }
        let response = service.oneshot(builder.body(()).unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(
            sizes(&metrics, "http_server_request"),
            request,
            "{version:?}"
        );
        assert_eq!(sizes(&metrics, "http_server_response"), (1.0, 10.0));
    }
}

#[tokio::test]
async fn a_client_measures_the_response_until_its_body_ends() {
    let app = Router::new().route("/", any(|| async { "seven b" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let (metrics, tracer) = metered();
    let hyper = Client::builder(TokioExecutor::new()).build_http();
    let layer = ClientLayer::new()
        .tracer(tracer)
        .body_sizes()
        .active_requests();
    let client = layer.layer(hyper);
    let active = || total(&metrics.render(), "http_client_active_requests", &[]);
    for (method, expected) in [("POST", (1.0, 7.0)), ("HEAD", (2.0, 7.0))] {
        let request = Request::builder().method(method).uri(&url);
        let request = request.header("content-length", "12");
        let body = Full::new(Bytes::from_static(b"twelve bytes"));
        let call = client.clone().oneshot(request.body(body).unwrap());
        assert_eq!(active(), 0.0);
        let response = call.await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(sizes(&metrics, "http_client_response"), expected);
        assert_eq!(sizes(&metrics, "http_client_request").1, 12.0 * expected.0);
    }
    assert_eq!(active(), 0.0);
    assert!(metrics.render().contains("http_client_active_requests{"));
}
