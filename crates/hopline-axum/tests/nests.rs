//! A layer inside a nest, where axum hides the prefix of the path from it.

mod support;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use hopline_axum::TraceLayer;
use hopline_core::semconv::OlderNames;
use hopline_test_support::http::Version;
use hopline_testing::{tracer, tracer_with};
use support::{layer, one, serve};

/// `/api/v1/orders/{id}`, with the layer inside the nest.
fn nested(layer: TraceLayer) -> Router {
    let order = |Path(id): Path<String>| async move { id };
    let api = Router::new()
        .route("/orders/{id}", get(order))
        .route("/health", get(|| async {}))
        .layer(layer);
    Router::new().nest("/api/v1", api)
}

async fn ask(address: &str, path: &str) -> String {
    let call = Version::Http1
        .client()
        .get(format!("http://{address}{path}"));
    call.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_layer_in_a_nest_records_the_request_s_own_path() {
    let (tracer, all) = tracer("orders");
    let names = OlderNames {
        http: true,
        ..OlderNames::NONE
    };
    let address = serve(nested(layer(&tracer).older_names(names))).await;
    let answer = ask(&address, "/api/v1/orders/7?page=2").await;
    assert_eq!(answer, "7", "the handler sees what axum gives it");
    let span = one(&all).await;
    assert_eq!(span.name, "GET /api/v1/orders/{id}");
    let texts = ["url.path", "url.query", "http.route", "http.target"];
    assert_eq!(
        texts.map(|key| span.text(key)),
        [
            Some("/api/v1/orders/7"),
            Some("page=2"),
            Some("/api/v1/orders/{id}"),
            Some("/api/v1/orders/7?page=2")
        ]
    );
}

#[tokio::test]
async fn a_plan_s_path_is_the_request_s_own_in_a_nest() {
    let plan = "GET /api/v1/orders/* 100%; * 0%".parse().unwrap();
    let (tracer, all) = tracer_with(|tracer| tracer.plan(plan));
    let address = serve(nested(layer(&tracer))).await;
    ask(&address, "/api/v1/health").await;
    ask(&address, "/api/v1/orders/7").await;
    assert_eq!(one(&all).await.text("url.path"), Some("/api/v1/orders/7"));
}

#[tokio::test]
async fn filters_routes_and_hooks_see_the_request_s_own_path_in_a_nest() {
    let (tracer, all) = tracer("orders");
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let hook = Arc::clone(&seen);
    let layer = layer(&tracer)
        .filter(|_, uri| uri.path() != "/api/v1/health")
        .route(|uri, _| (uri.path() == "/api/v1/orders/7").then_some("/own/route"))
        .on_request(move |_, request| hook.lock().unwrap().push(request.uri.to_string()));
    let address = serve(nested(layer)).await;
    ask(&address, "/api/v1/health").await;
    assert_eq!(
        ask(&address, "/api/v1/orders/7?a=1").await,
        "7",
        "the service gets the URI that arrived"
    );
    assert_eq!(one(&all).await.name, "GET /own/route");
    assert_eq!(*seen.lock().unwrap(), ["/api/v1/orders/7?a=1"]);
}

#[tokio::test]
async fn a_layer_in_a_service_that_is_nested_records_the_request_s_own_path() {
    let (tracer, all) = tracer("orders");
    let inner = Router::new()
        .fallback(|| async { "any" })
        .layer(layer(&tracer));
    let app = Router::new().nest("/a", Router::new().nest_service("/b", inner));
    let address = serve(app).await;
    assert_eq!(ask(&address, "/a/b/c").await, "any");
    assert_eq!(one(&all).await.text("url.path"), Some("/a/b/c"));
}
