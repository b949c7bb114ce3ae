//! Options of the layer: trust, hooks, and trace headers in responses.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::get;
use hopline_axum::{TraceContext, TraceLayer, Trust};
use hopline_core::{SamplingPlan, SpanContext};
use hopline_test_support::http::{BOTH, Version};
use hopline_testing::{Spans, tracer, tracer_with};
use support::{PARENT, layer, one, serve, spans};

/// Responds with the headers that a call would have: traceparent, tracestate, baggage.
async fn passed_on(TraceContext(context): TraceContext) -> String {
    let mut headers = std::collections::BTreeMap::<String, String>::new();
    context.inject(&mut headers);
    let line = |name: &str| headers.get(name).cloned().unwrap_or_default();
    ["traceparent", "tracestate", "baggage"].map(line).join("|")
}

fn app(layer: TraceLayer) -> Router {
    Router::new()
        .route("/", get(passed_on))
        .route("/503", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .layer(layer)
}

async fn ask(address: &str, trust: &str) -> String {
    let call = Version::Http1.client().get(format!("http://{address}/"));
    let call = call
        .header("traceparent", PARENT)
        .header("tracestate", "a=1")
        .header("baggage", "tenant_id=acme")
        .header("x-trust", trust);
    call.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn trust_is_a_choice_of_each_request() {
    let (tracer, all) = tracer("orders");
    let choose = |headers: &HeaderMap| match headers["x-trust"].as_bytes() {
        b"continue" => Trust::Continue,
        b"link" => Trust::Link,
        b"restart" => Trust::Restart,
        _ => Trust::Ignore,
    };
    let layer = layer(&tracer).trust_by(move |headers, _| choose(headers));
    let address = serve(app(layer)).await;
    let (trace, parent) = (&PARENT[3..35], &PARENT[36..52]);

    let passed = ask(&address, "continue").await;
    assert!(
        passed.contains(trace) && passed.ends_with("|a=1|tenant_id=acme"),
        "{passed}"
    );
    let span = all.take().remove(0);
    assert_eq!(span.parent.unwrap().to_string(), parent);

    let passed = ask(&address, "link").await;
    assert!(
        !passed.contains(trace) && passed.ends_with("|ot=th:0|"),
        "{passed}"
    );
    let span = all.take().remove(0);
    assert_eq!(span.parent, None);
    assert_eq!(span.links[0].span_context.to_string(), PARENT);

    let passed = ask(&address, "restart").await;
    assert!(
        !passed.contains(trace) && passed.ends_with("|ot=th:0|"),
        "{passed}"
    );
    let span = all.take().remove(0);
    assert_eq!((span.parent, span.links.len()), (None, 0));

    let passed = ask(&address, "ignore").await;
    assert!(
        !passed.contains(trace) && passed.ends_with("-02||"),
        "{passed}: a new trace that is not sampled"
    );
    assert_eq!(all.all().len(), 0);
}

#[tokio::test]
async fn the_last_setting_of_trust_is_used() {
    let (tracer, all) = tracer("orders");
    let layer = layer(&tracer)
        .trust_by(|_, _| Trust::Ignore)
        .trust(Trust::Restart);
    let address = serve(app(layer)).await;
    ask(&address, "ignore").await;
    assert_eq!(one(&all).await.parent, None);
}

#[tokio::test]
async fn hooks_add_to_the_span_and_their_panics_are_contained() {
    for version in BOTH {
        let (tracer, all) = tracer("orders");
        let layer = layer(&tracer)
            .on_request(|span, request| {
                span.set("shop.tenant", request.headers["x-tenant"].to_str().unwrap());
            })
            .on_response(|span, response| {
                let code = response.status.as_u16();
                span.set("shop.answer", code);
                assert_ne!(code, 503, "a hook's bug");
                span.set("shop.headers", response.headers.len());
            });
        let address = serve(app(layer)).await;
        let client = version.client();
        for path in ["", "503"] {
            let call = client.get(format!("http://{address}/{path}"));
            let answer = call.header("x-tenant", "acme").send().await.unwrap();
            assert_eq!(answer.status(), if path.is_empty() { 200 } else { 503 });
            assert!(
                answer.headers().contains_key("content-length"),
                "the answer is whole"
            );
        }
        // the first hook panics: there is no such header
        let call = client.get(format!("http://{address}/")).send();
        assert_eq!(call.await.unwrap().status(), 200);
        let seen = spans(&all, 3).await;
        let shown: Vec<_> = seen
            .iter()
            .map(|span| {
                (
                    span.text("shop.tenant"),
                    support::integer(span, "shop.answer"),
                )
            })
            .collect();
        let acme = Some("acme");
        assert_eq!(
            shown,
            [(acme, Some(200)), (acme, Some(503)), (None, Some(200))]
        );
        assert!(support::integer(&seen[0], "shop.headers").unwrap() > 0);
    }
}

#[tokio::test]
async fn hooks_are_not_run_for_unrecorded_requests() {
    let (tracer, _all) = tracer_with(|tracer| tracer.plan(SamplingPlan::new().others(0.0)));
    let runs = Arc::new(AtomicU32::new(0));
    let (one, two) = (runs.clone(), runs.clone());
    let count = move |runs: &AtomicU32| {
        runs.fetch_add(1, Relaxed);
    };
    let layer = layer(&tracer)
        .on_request(move |_, _| count(&one))
        .on_response(move |_, _| count(&two));
    let address = serve(app(layer)).await;
    let call = Version::Http1.client().get(format!("http://{address}/"));
    call.send().await.unwrap();
    assert_eq!(runs.load(Relaxed), 0);
}

async fn answer_headers(layer: TraceLayer, path: &str) -> HeaderMap {
    let address = serve(app(layer)).await;
    let call = Version::Http1
        .client()
        .get(format!("http://{address}/{path}"));
    call.send().await.unwrap().headers().clone()
}

/// The value of `Server-Timing` for the only span.
async fn timing(all: &Spans) -> String {
    let span = one(all).await;
    let context = SpanContext::new(span.trace_id, span.span_id, span.flags);
    format!("trace;desc={context}")
}

#[tokio::test]
async fn a_response_names_its_trace_only_with_the_option() {
    let (tracer, all) = tracer("orders");
    let headers = answer_headers(layer(&tracer), "").await;
    for name in ["server-timing", "x-trace-id", "traceparent", "tracestate"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    all.take();
    let headers = answer_headers(layer(&tracer).server_timing(), "").await;
    assert_eq!(headers["server-timing"], timing(&all).await.as_str());
    assert!(!headers.contains_key("x-trace-id"));
    all.take();
    let headers = answer_headers(layer(&tracer).trace_id_header(), "").await;
    assert_eq!(
        headers["x-trace-id"],
        one(&all).await.trace_id.to_string().as_str()
    );
    assert!(!headers.contains_key("server-timing"));
}

#[tokio::test]
async fn the_header_of_an_unsampled_trace_is_unsampled_and_that_of_a_kept_one_sampled() {
    let never = SamplingPlan::new().others(0.0);
    let (tracer, _all) = tracer_with(|tracer| tracer.plan(never.clone()));
    let headers = answer_headers(layer(&tracer).server_timing().trace_id_header(), "").await;
    let timing = headers["server-timing"].to_str().unwrap();
    assert!(timing.ends_with("-00"), "{timing}");
    assert!(
        timing.contains(headers["x-trace-id"].to_str().unwrap()),
        "{timing}"
    );

    let (tracer, all) = tracer_with(|tracer| tracer.plan(never.keep_errors()));
    let headers = answer_headers(layer(&tracer).server_timing().announce_kept(), "503").await;
    let announced: Vec<&HeaderValue> = headers.get_all("server-timing").iter().collect();
    assert_eq!(announced.len(), 1, "{announced:?}");
    let value = announced[0].to_str().unwrap();
    assert!(value.ends_with("-01"), "{value}");
    one(&all).await;
}

#[tokio::test]
async fn the_callers_id_is_not_returned_for_filtered_requests() {
    let (tracer, all) = tracer("orders");
    let layer = layer(&tracer)
        .server_timing()
        .trace_id_header()
        .filter(|_, _| false);
    let address = serve(app(layer)).await;
    let call = Version::Http1
        .client()
        .get(format!("http://{address}/"))
        .header("traceparent", PARENT);
    let answer = call.send().await.unwrap();
    assert!(!answer.headers().contains_key("x-trace-id"));
    assert!(!answer.headers().contains_key("server-timing"));
    assert_eq!(all.all().len(), 0);
}
