//! The troubleshooting page: each entry names what reproduces it. Entries without a test elsewhere have theirs here: the
//! symptom first, then the remedy.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use hopline::axum::{HoplineLayer, RouteLayer, TraceLayer};
use hopline::core::Incoming;
use hopline::prelude::*;
use hopline::{Context, SpanBuilder, span};
use hopline_test_support::pages::read;
use hopline_testing::{Spans, assert_tree, tracer};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tower::util::ServiceExt as _;
use tower::{Layer as _, Service};

const PAGE: &str = "docs/guide/troubleshooting.md";

#[test]
fn each_entry_names_what_reproduces_it() {
    let page = read(&root().join(PAGE));
    let entries: Vec<&str> = page.split("\n### ").skip(1).collect();
    assert!(entries.len() > 25, "{} entries were read", entries.len());
    let wrong: Vec<&str> = entries
        .iter()
        .filter(|entry| !is_reproduced(entry))
        .map(|entry| entry.lines().next().unwrap_or_default())
        .collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn an_entry_without_a_test_or_with_one_that_is_gone_is_not_reproduced() {
    let named = |test: &str| format!("Symptom\n\n<!-- reproduced by {test} -->\n");
    assert!(is_reproduced(&named(
        "`tests/book/tests/troubleshooting.rs`: `root`, `is_reproduced`"
    )));
    assert!(is_reproduced(&named("`tests/refused/acquire_of_sqlx.rs`")));
    assert!(!is_reproduced("Symptom\n\nCause.\n"));
    assert!(!is_reproduced(&named("`tests/refused/gone.rs`")));
    assert!(!is_reproduced(&named(
        "`tests/book/tests/troubleshooting.rs`: `is_gone`"
    )));
}

/// True if the entry's comment names files that exist, and functions in them.
fn is_reproduced(entry: &str) -> bool {
    let comment = entry.split_once("<!-- reproduced by ");
    let Some((names, _)) = comment.and_then(|(_, rest)| rest.split_once(" -->")) else {
        return false;
    };
    names.split("; ").all(|of_one_file| {
        let mut names = of_one_file.split('`').skip(1).step_by(2);
        let file = root().join(names.next().unwrap_or_default());
        let source = std::fs::read_to_string(file).unwrap_or_default();
        !source.is_empty() && names.all(|name| source.contains(&format!("fn {name}(")))
    })
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Sends a request, and reads the response to its end.
async fn send<S, B>(app: S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let body = Body::new(app.oneshot(request).await.unwrap().into_body());
    axum::body::to_bytes(body, 1024).await.unwrap();
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// A request of a caller with this sampled flag.
fn request_of(flags: &str) -> Request<Body> {
    let mut request = request("/orders/7");
    let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    request
        .headers_mut()
        .insert("traceparent", parent.parse().unwrap());
    request
}

fn routes() -> Router {
    Router::new().route("/orders/{id}", get(async || "order"))
}

#[tokio::test]
async fn a_caller_that_did_not_sample_hides_requests_from_a_layer_that_trusts_it() {
    let (tracer, spans) = tracer("orders");
    let app = routes().layer(TraceLayer::new().tracer(tracer.clone()));
    send(app, request_of("00")).await;
    assert_eq!(spans.all().len(), 0);

    let app = routes().layer(TraceLayer::public().tracer(tracer));
    send(app, request_of("00")).await;
    spans
        .one("GET /orders/{id}")
        .attribute("hopline.sampling.rule", "* 100%");
}

#[tokio::test]
async fn a_public_layer_between_own_services_begins_a_second_trace() {
    let (tracer, spans) = tracer("orders");
    let trace_of = |spans: &Spans| spans.take()[0].trace_id.to_string();
    send(
        routes().layer(TraceLayer::public().tracer(tracer.clone())),
        request_of("01"),
    )
    .await;
    assert_ne!(trace_of(&spans), "4bf92f3577b34da6a3ce929d0e0e4736");

    send(
        routes().layer(TraceLayer::new().tracer(tracer)),
        request_of("01"),
    )
    .await;
    assert_eq!(trace_of(&spans), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn a_task_that_is_spawned_without_the_context_is_not_in_the_trace() {
    async fn order() {
        let mail = async { span("mail.send").end() };
        tokio::spawn(mail).await.unwrap();
        hopline::spawn(async { span("audit.write").end() })
            .await
            .unwrap();
    }
    let (tracer, spans) = tracer("orders");
    let app = Router::new()
        .route("/order", get(order))
        .layer(TraceLayer::new().tracer(tracer));
    send(app, request("/order")).await;
    assert_tree(&spans.all(), "GET /order ▸ orders  200\n└─ audit.write");
}

#[tokio::test]
async fn a_layer_outside_of_the_router_knows_no_route_without_a_route_layer() {
    let (tracer, spans) = tracer("orders");
    let outside = TraceLayer::new().tracer(tracer);
    send(outside.layer(routes()), request("/orders/7")).await;
    send(
        outside.layer(routes().layer(RouteLayer::new())),
        request("/orders/7"),
    )
    .await;
    let names: Vec<String> = spans.all().iter().map(|span| span.name.clone()).collect();
    assert_eq!(names, ["GET", "GET /orders/{id}"]);
}

#[tokio::test]
async fn a_router_that_is_merged_last_takes_the_fallback_out_of_the_layer() {
    let (tracer, spans) = tracer("orders");
    let app = routes().layer(TraceLayer::new().tracer(tracer));
    let page = || Router::new().route("/metrics", get(async || "page"));
    send(app.clone().merge(page()), request("/unknown")).await;
    assert_eq!(spans.all().len(), 0);

    send(page().merge(app), request("/unknown")).await;
    spans.one("GET").attribute("http.response.status_code", 404);
}

#[tokio::test]
async fn without_connect_info_there_is_no_client_address() {
    let (tracer, spans) = tracer("orders");
    let app = routes().layer(TraceLayer::new().tracer(tracer));
    send(app.clone(), request("/orders/7")).await;
    let mut known = request("/orders/7");
    // what `into_make_service_with_connect_info` adds to each request
    known
        .extensions_mut()
        .insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711))));
    send(app, known).await;
    let addresses: Vec<Option<String>> = spans
        .all()
        .iter()
        .map(|span| span.text("client.address").map(str::to_owned))
        .collect();
    assert_eq!(addresses, [None, Some("192.0.2.7".to_owned())]);
}

#[tokio::test]
async fn both_trace_layers_apply_under_two_names() {
    use tower_http::trace::TraceLayer;

    let (tracer, spans) = tracer("orders");
    let app = routes()
        .layer(TraceLayer::new_for_http())
        .layer(HoplineLayer::public().tracer(tracer));
    send(app, request("/orders/7")).await;
    assert_tree(&spans.all(), "GET /orders/{id} ▸ orders  200");
}

#[tokio::test]
async fn a_loop_over_a_consumer_is_outside_of_the_message_s_span() {
    let broker = hopline_testing::amqp::Broker::start().unwrap();
    let (tracer, spans) = tracer("shop");
    let channel = hopline_book::channel(&broker.url(), tracer).await.unwrap();
    let (options, arguments) = (QueueDeclareOptions::default(), FieldTable::default());
    channel
        .queue_declare("orders".into(), options, arguments)
        .await
        .unwrap();
    for body in [b"1", b"2"] {
        channel.publish("", "orders", body).await.unwrap();
    }
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut orders = channel
        .basic_consume("orders".into(), "".into(), options, arguments)
        .await
        .unwrap();
    let ship = async || span("order.ship").end();

    let delivery = orders.next().await.unwrap().unwrap();
    ship().await;
    delivery.ack(BasicAckOptions::default()).await.unwrap();
    let delivery = orders.next().await.unwrap().unwrap();
    ship().in_context(delivery.context()).await;
    delivery.ack(BasicAckOptions::default()).await.unwrap();

    let all = spans.wait(5).await;
    let shipped: Vec<_> = all
        .iter()
        .filter(|span| span.name == "order.ship")
        .collect();
    assert_eq!(shipped.len(), 1, "the first was in no trace");
    spans.one("order.ship").child_of("process.message");
}

#[test]
fn a_client_without_the_builder_sends_trace_headers_and_no_baggage() {
    let (tracer, _spans) = tracer("orders");
    let root = SpanBuilder::new("job")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let baggage = root.context().baggage().with("tenant_id", "acme").unwrap();
    let context = root.context().with_baggage(baggage);
    let headers: HeaderMap = context.scope(|| {
        assert_eq!(Context::current().baggage().get("tenant_id"), Some("acme"));
        hopline::reqwest::TraceMiddleware::new().headers()
    });
    assert!(headers.contains_key("traceparent") && !headers.contains_key("baggage"));
}
