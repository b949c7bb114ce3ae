//! The layer around any tower service: what axum never shows it.

use std::convert::Infallible;
use std::task::{Context as Cx, Poll};

use bytes::Bytes;
use hopline_core::{SpanKind, Tracer, semconv::OlderNames, span};
use hopline_testing::{Spans, assert_tree, tracer};
use hopline_tower::{RouteCell, TraceLayer};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

fn request(method: Method) -> Request<Empty<Bytes>> {
    Request::builder()
        .method(method)
        .uri("https://shop.example:8443/orders/7")
        .body(Empty::new())
        .unwrap()
}

fn ok(text: &'static str) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(text)))
}

fn layer() -> (TraceLayer, Tracer, Spans) {
    let (tracer, spans) = tracer("svc");
    (
        TraceLayer::new()
            .older_names(OlderNames::NONE)
            .tracer(tracer.clone()),
        tracer,
        spans,
    )
}

#[tokio::test]
async fn the_span_ends_with_the_body() {
    let (layer, _, spans) = layer();
    let service = layer.layer(service_fn(|_: Request<_>| async { ok("hello") }));
    let response = service.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(spans.all().len(), 0, "the body was not read yet");
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "hello"
    );
    spans
        .one("GET")
        .kind(SpanKind::Server)
        .succeeded()
        .attribute("url.scheme", "https")
        .attribute("server.address", "shop.example")
        .attribute("server.port", 8443)
        .no_attribute("http.route");
}

#[tokio::test]
async fn a_body_that_is_never_polled_ends_its_span_without_an_error() {
    let (layer, _, spans) = layer();
    let service = layer
        .clone()
        .layer(service_fn(|_: Request<_>| async { ok("hello") }));
    drop(service.oneshot(request(Method::GET)).await.unwrap());
    spans.one("GET").succeeded().no_attribute("error.type");
    spans.take();
    for (method, status) in [
        (Method::PUT, 200),
        (Method::HEAD, 200),
        (Method::DELETE, 204),
        (Method::CONNECT, 101),
        (Method::CONNECT, 200),
    ] {
        let body = if method == Method::PUT { "" } else { "hello" };
        let service = layer
            .clone()
            .layer(service_fn(move |_: Request<_>| async move {
                let status = StatusCode::from_u16(status).unwrap();
                ok(body).map(|mut response| {
                    *response.status_mut() = status;
                    response
                })
            }));
        drop(service.oneshot(request(method.clone())).await.unwrap());
        spans.one(method.as_str()).succeeded();
        spans.take();
    }
}

#[tokio::test]
async fn a_service_that_fails_is_an_error_without_its_text() {
    let (layer, _, spans) = layer();
    let failing = service_fn(|_: Request<_>| async {
        Err::<Response<Full<Bytes>>, _>(std::io::Error::other("hunter2"))
    });
    let error = layer
        .layer(failing)
        .oneshot(request(Method::GET))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "hunter2",
        "the caller's error is unchanged"
    );
    let span = spans.one("GET").failed("service_error");
    assert!(!format!("{:?}", *span).contains("hunter2"));
}

#[tokio::test]
async fn a_route_is_known_early_by_a_function_or_late_by_the_cell() {
    #[derive(Clone)]
    struct Route(&'static str);
    let (layer, _, spans) = layer();
    let early = layer
        .clone()
        .route(|_, extensions| extensions.get::<Route>().map(|route| route.0));
    let mut told = request(Method::GET);
    told.extensions_mut().insert(Route("/early/{id}"));
    early
        .layer(service_fn(|_: Request<_>| async { ok("") }))
        .oneshot(told)
        .await
        .unwrap();
    spans
        .one("GET /early/{id}")
        .attribute("http.route", "/early/{id}");

    let late = service_fn(|request: Request<Empty<Bytes>>| async move {
        RouteCell::fill(request.extensions(), "/late/{id}");
        RouteCell::fill(request.extensions(), "/later/{id}");
        ok("")
    });
    layer
        .layer(late)
        .oneshot(request(Method::GET))
        .await
        .unwrap();
    spans
        .one("GET /late/{id}")
        .attribute("http.route", "/late/{id}");
}

/// Does its work before it returns its future, and may panic there.
#[derive(Clone)]
struct Eager(bool);

impl Service<Request<Empty<Bytes>>> for Eager {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Cx<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        span("eager").end();
        assert!(!self.0, "a bug");
        std::future::ready(ok(""))
    }
}

#[tokio::test]
async fn the_context_is_current_in_the_call_itself() {
    let (layer, _, spans) = layer();
    layer
        .clone()
        .layer(Eager(false))
        .oneshot(request(Method::GET))
        .await
        .unwrap();
    assert_tree(&spans.take(), "GET ▸ svc  200\n└─ eager");
    let mut service = layer.layer(Eager(true));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(service.call(request(Method::GET)))
    }));
    assert!(panicked.is_err());
    spans.one("GET").failed("panic");
}
