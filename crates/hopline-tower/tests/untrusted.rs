//! Headers of strangers at the public edge, and headers of calls in requests that are not recorded.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hopline_core::{SpanContext, Tracer};
use hopline_testing::{Spans, tracer_with};
use hopline_tower::{ClientLayer, TraceLayer, Trust};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-ffffffffffffffff-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const FORGED: &str = "ot=th:ffffffffffffff;rv:ffffffffffffff,vendor=1";

type Body = Empty<Bytes>;
type Sent = Arc<Mutex<Vec<HeaderMap>>>;

fn layer(plan: &str) -> (TraceLayer, Tracer, Spans) {
    let (tracer, spans) = tracer_with(|tracer| tracer.service("edge").plan(plan.parse().unwrap()));
    (TraceLayer::new().tracer(tracer.clone()), tracer, spans)
}

fn forged(flags: &str) -> Request<Body> {
    let parent = PARENT.replace("-01", flags);
    let request = Request::get("/health").header("traceparent", parent);
    let request = request.header("tracestate", FORGED);
    let request = request.header("baggage", "tenant_id=acme");
    request.body(Body::new()).unwrap()
}

/// A proxy that copies all headers of its request to two calls, made by a client that is traced or not.
async fn proxied(layer: &TraceLayer, request: Request<Body>, traced: bool) -> Vec<HeaderMap> {
    let sent = Sent::default();
    let network = {
        let sent = Arc::clone(&sent);
        service_fn(move |call: Request<Body>| {
            sent.lock().unwrap().push(call.headers().clone());
            async { Ok::<_, Infallible>(Response::new(Body::new())) }
        })
    };
    let proxy = service_fn(move |request: Request<Body>| {
        let plain = network.clone();
        let client = ServiceBuilder::new().layer(ClientLayer::new());
        let client = client.service(network.clone());
        async move {
            for _ in 0..2 {
                let mut call = Request::get("http://10.0.0.7/stock").body(Body::new());
                *call.as_mut().unwrap().headers_mut() = request.headers().clone();
                if traced {
                    client.clone().oneshot(call.unwrap()).await?;
                } else {
                    plain.clone().oneshot(call.unwrap()).await?;
                }
            }
            Ok::<_, Infallible>(Response::new(Body::new()))
        }
    });
    run(layer, proxy, request).await;
    std::mem::take(&mut *sent.lock().unwrap())
}

async fn run<S>(layer: &TraceLayer, service: S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let answer = layer.layer(service).oneshot(request).await.unwrap();
    answer.into_body().collect().await.unwrap();
}

fn parent(headers: &HeaderMap) -> SpanContext {
    headers["traceparent"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_request_that_is_not_recorded_sends_a_trace_that_is_not_sampled() {
    let (plain, _, spans) = layer("* 100%; keep errors");
    let filtered = plain.clone().filter(|_, uri| uri.path() != "/health");
    let own = || Request::get("/health").body(Body::new()).unwrap();
    for (name, layer, request) in [
        ("filtered", filtered.clone(), own()),
        ("public", filtered.clone().trust(Trust::Link), forged("-01")),
        ("new", filtered.clone().trust(Trust::Restart), forged("-01")),
        ("ignored", plain.clone().trust(Trust::Ignore), forged("-01")),
        ("ignored", plain.clone().trust(Trust::Ignore), own()),
    ] {
        let calls = proxied(&layer, request, true).await;
        let [one, two] = [0, 1].map(|call| parent(&calls[call]));
        assert!(!one.is_sampled() && one.flags().is_random(), "{name}");
        assert_ne!(one.trace_id().to_string(), TRACE, "{name}");
        assert_eq!(one.trace_id(), two.trace_id(), "{name}: one request");
        assert_ne!(one.span_id(), two.span_id(), "{name}: two calls");
        for call in &calls {
            assert!(!call.contains_key("tracestate"), "{name}");
            assert!(!call.contains_key("baggage"), "{name}");
        }
    }
    assert_eq!(spans.take(), []);
}

#[tokio::test]
async fn a_trusted_request_that_is_not_recorded_passes_its_context_on() {
    let (layer, _, spans) = layer("* 100%");
    let layer = layer.filter(|_, uri| uri.path() != "/health");
    for call in proxied(&layer, forged("-01"), true).await {
        assert_eq!(call["traceparent"], PARENT);
        assert_eq!(call["tracestate"], FORGED);
        assert_eq!(call["baggage"], "tenant_id=acme");
    }
    assert_eq!(spans.take(), []);
}

#[tokio::test]
async fn a_proxy_that_copies_headers_passes_none_of_a_stranger_on() {
    let (layer, ..) = layer("* 100%");
    for trust in [Trust::Link, Trust::Restart, Trust::Ignore] {
        for call in proxied(&layer.clone().trust(trust), forged("-01"), false).await {
            assert_eq!(call, HeaderMap::new(), "{trust:?}, a client of its own");
        }
        for call in proxied(&layer.clone().trust(trust), forged("-01"), true).await {
            assert_ne!(parent(&call).trace_id().to_string(), TRACE, "{trust:?}");
            let state = call
                .get("tracestate")
                .map_or(b"".as_slice(), |s| s.as_bytes());
            assert!(!state.windows(6).any(|part| part == b"vendor"), "{trust:?}");
            assert!(!call.contains_key("baggage"), "{trust:?}");
        }
    }
}

/// A flood from the internet: a public layer samples one request in a hundred, with any forged headers.
#[tokio::test]
async fn forged_headers_neither_fill_nor_empty_a_public_edge() {
    for flags in ["-01", "-00"] {
        let (layer, tracer, spans) = layer("* 1%");
        let layer = layer.trust(Trust::Link);
        let answer = service_fn(|_| async { Ok(Response::new(Body::new())) });
        for _ in 0..2000 {
            run(&layer, answer, forged(flags)).await;
        }
        let kept = spans.take();
        assert!((2..=45).contains(&kept.len()), "{} of 2000", kept.len());
        let counted: f64 = kept.iter().map(|span| span.adjusted_count().unwrap()).sum();
        assert!((counted / kept.len() as f64 - 100.0).abs() < 0.1);
        assert_eq!(tracer.stats().lost_spans, 0);

        let (layer, _, spans) = self::layer("* 100%");
        run(&layer.trust(Trust::Link), answer, forged(flags)).await;
        assert_eq!(spans.take().len(), 1, "a stranger's -00 hides nothing");
    }
}
