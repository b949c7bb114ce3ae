//! Requests to an axum router, in process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use hopline_axum::TraceLayer;
use hopline_core::Clock;
use hopline_metrics::Metrics;
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tower::Service;
use tower::util::MapResponseLayer;

use crate::case::{Case, Work};
use crate::trace::Fate;

/// A caller that sampled.
pub const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// A caller that did not.
pub const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// `GET /hello/{id}`, and nothing around it.
pub fn routes() -> Router {
    async fn hello(Path(id): Path<u64>) -> String {
        format!("hello {id}")
    }
    Router::new().route("/hello/{id}", get(hello))
}

/// The same in a layer that wraps the body and does nothing: what axum itself takes for such a layer.
pub fn in_empty_layer() -> Router {
    routes().layer(MapResponseLayer::new(|response: Response| {
        response.map(|body| body.map_err(|error| error))
    }))
}

/// The same in hopline's layer.
pub fn traced(fate: Fate, clock: &Clock) -> Router {
    routes().layer(TraceLayer::new().tracer(fate.tracer(clock)))
}

/// The same, with metrics of each request.
pub fn metered(fate: Fate, clock: &Clock) -> Router {
    let tracer = fate.builder(clock).meter(Metrics::builder().build());
    routes().layer(TraceLayer::new().tracer(tracer.build()))
}

/// Requests to this router, from a caller that sends this `traceparent` or none.
pub fn requests(router: Router, traceparent: Option<&'static str>) -> Work {
    let runtime = runtime();
    // as `axum::serve` does: else handlers become routes with every request
    let mut router: Router = router.with_state(());
    Work::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                request(&mut router, traceparent).await;
            }
        });
    })
}

async fn request(router: &mut Router, traceparent: Option<&'static str>) {
    let request = Request::get("/hello/42")
        .header("host", "localhost:8080")
        .header("user-agent", "bench/1.0 (hopline)")
        .header("accept", "*/*");
    // cannot fail: the parts are constants that are valid
    let mut request = request.body(Body::empty()).expect("a request");
    request.extensions_mut().insert(FromServer);
    if let Some(traceparent) = traceparent {
        let headers = request.headers_mut();
        headers.insert("traceparent", HeaderValue::from_static(traceparent));
    }
    let Ok(response) = router.call(request).await;
    let body = to_bytes(response.into_body(), 1024).await;
    assert_eq!(body.unwrap_or_default(), "hello 42");
}

/// A substitute for what hyper leaves in the extensions of each request. With it and what axum leaves there, a layer's
/// own mark needs no larger table.
#[derive(Clone, Copy, Debug)]
struct FromServer;

/// A runtime on this thread.
pub fn runtime() -> Runtime {
    // fails where the operating system gives no more files, which ends a measurement rightly
    Builder::new_current_thread().build().expect("a runtime")
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("axum/bare", |_| requests(routes(), None)),
        Case::new("axum/bare, traceparent", |_| {
            requests(routes(), Some(SAMPLED))
        }),
        Case::new("axum/empty layer", |_| requests(in_empty_layer(), None)).over("axum/bare"),
    ];
    for fate in Fate::ALL {
        let without = move |clock: &Clock| requests(traced(fate, clock), None);
        // a plan that follows parents would keep what the caller sampled
        let parent = if fate == Fate::Kept {
            SAMPLED
        } else {
            UNSAMPLED
        };
        let with = move |clock: &Clock| requests(traced(fate, clock), Some(parent));
        let name = format!("axum/{}", fate.name());
        cases.push(Case::new(name.clone(), without).over("axum/bare"));
        cases.push(Case::new(name + ", traceparent", with).over("axum/bare, traceparent"));
        let with_metrics = move |clock: &Clock| requests(metered(fate, clock), None);
        let name = format!("axum/{}, metrics", fate.name());
        cases.push(Case::new(name, with_metrics).over("axum/bare"));
    }
    cases
}
