//! The use of a caller's context, and announcements of kept traces.

use std::convert::Infallible;

use bytes::Bytes;
use hopline_core::propagation::TraceState;
use hopline_core::{Context, Tracer};
use hopline_http::server_timing::is_kept;
use hopline_testing::{Spans, tracer_with};
use hopline_tower::{TraceLayer, Trust};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tower::{Layer, ServiceExt, service_fn};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn service(plan: &str) -> (TraceLayer, Tracer, Spans) {
    let (tracer, spans) = tracer_with(|tracer| tracer.service("svc").plan(plan.parse().unwrap()));
    (TraceLayer::new().tracer(tracer.clone()), tracer, spans)
}

/// Calls with a caller's context; the handler does this and answers with this status.
async fn call(
    layer: &TraceLayer,
    flags: &str,
    status: u16,
    handler: impl Fn() + Clone,
) -> Response<()> {
    let request = Request::builder()
        .header(
            "traceparent",
            format!("00-{TRACE}-00f067aa0ba902b7-{flags}"),
        )
        .header("tracestate", "vendor=1")
        .header("baggage", "tenant_id=acme")
        .header("x-from", flags)
        .body(Empty::<Bytes>::new())
        .unwrap();
    let service = service_fn(move |_: Request<_>| {
        handler();
        let answer = Response::builder()
            .status(status)
            .body(Empty::<Bytes>::new());
        async { Ok::<_, Infallible>(answer.unwrap()) }
    });
    let response = layer.layer(service).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    body.collect().await.unwrap();
    Response::from_parts(head, ())
}

fn nothing() {}

#[tokio::test]
async fn a_caller_is_continued_linked_or_not_known() {
    let (layer, _, spans) = service("* 100%");
    for (trust, continued, links, baggage) in [
        (Trust::Continue, true, 0, "tenant_id=acme"),
        (Trust::Link, false, 1, ""),
        (Trust::Restart, false, 0, ""),
    ] {
        let seen = || {
            let context = Context::current();
            assert_eq!(context.baggage().to_string(), baggage);
            let state = context.span_context().unwrap().tracestate().to_string();
            assert_eq!(state.contains("vendor=1"), continued, "{trust:?}");
        };
        call(&layer.clone().trust(trust), "01", 200, seen).await;
        let span = spans.take().remove(0);
        assert_eq!(span.trace_id.to_string() == TRACE, continued, "{trust:?}");
        assert_eq!(span.parent.is_some(), continued, "{trust:?}");
        assert_eq!(span.links.len(), links, "{trust:?}");
        let kept = span.links.iter().map(|link| link.span_context.tracestate());
        assert!(kept.clone().all(TraceState::is_empty), "{trust:?}");
    }
}

#[tokio::test]
async fn trust_can_be_chosen_by_request() {
    let (layer, _, spans) = service("* 100%");
    let layer = layer.trust_by(|headers, _| match headers["x-from"].as_bytes() {
        b"01" => Trust::Continue,
        _ => Trust::Restart,
    });
    for (flags, continued) in [("01", true), ("00", false)] {
        call(&layer, flags, 200, nothing).await;
        let span = spans.take().remove(0);
        assert_eq!(span.trace_id.to_string() == TRACE, continued);
    }
}

#[tokio::test]
async fn a_strangers_flag_neither_forces_nor_forbids() {
    let (layer, _, spans) = service("* 0%");
    call(&layer.clone().trust(Trust::Link), "01", 200, nothing).await;
    assert_eq!(spans.take(), []);
    let (layer, _, spans) = service("* 100%");
    call(&layer.trust(Trust::Link), "00", 200, nothing).await;
    assert_eq!(spans.take().len(), 1);
}

#[tokio::test]
async fn an_announced_trace_is_kept() {
    let trace = TRACE.parse().unwrap();
    let fail_inside = || hopline_core::span("step").fail("broken");
    let keep = || Context::current().keep();
    let (layer, _, spans) = service("* 100%; keep errors");
    let layer = layer.announce_kept();
    for (name, status, handler, announced) in [
        ("fine", 200, &nothing as &dyn Fn(), false),
        ("not found", 404, &nothing, false),
        ("status", 503, &nothing, true),
        ("a span inside", 200, &fail_inside, true),
        ("forced", 200, &keep, true),
    ] {
        let response = call(&layer, "00", status, handler).await;
        assert_eq!(is_kept(response.headers(), trace), announced, "{name}");
        assert_eq!(!spans.take().is_empty(), announced, "{name}: as announced");
    }
}

#[tokio::test]
async fn nothing_is_announced_without_the_option_or_without_being_kept() {
    let (layer, _, spans) = service("* 100%; keep errors");
    let response = call(&layer, "00", 503, nothing).await;
    assert!(response.headers().is_empty());
    assert_eq!(spans.take().len(), 1);

    let (layer, tracer, spans) = service("* 100%; keep errors 1/s");
    let layer = layer.announce_kept();
    let announced = |response: Response<()>| !response.headers().is_empty();
    assert!(announced(call(&layer, "00", 503, nothing).await));
    assert!(
        !announced(call(&layer, "00", 503, nothing).await),
        "one a second"
    );
    assert_eq!((spans.take().len(), tracer.stats().errors_let_go), (1, 1));

    let (layer, _, spans) = service("* 100%");
    assert!(!announced(
        call(&layer.announce_kept(), "00", 503, nothing).await
    ));
    assert_eq!(spans.take(), [], "the plan keeps no errors");
}

#[tokio::test]
async fn a_caller_learns_the_ids_of_a_restarted_trace() {
    let (layer, _, spans) = service("* 0%; keep errors");
    let layer = layer.trust(Trust::Restart).announce_kept();
    let response = call(&layer, "01", 500, nothing).await;
    let span = spans.take().remove(0);
    assert!(is_kept(response.headers(), span.trace_id));
    assert!(!is_kept(response.headers(), TRACE.parse().unwrap()));
}
