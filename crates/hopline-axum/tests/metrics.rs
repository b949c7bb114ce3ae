//! Metrics of requests: each is counted once, by its route and outcome, with the duration of its span.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::task::{Context as Cx, Waker};

use allocation_counter::measure;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::routing::get;
use hopline_axum::TraceLayer;
use hopline_core::{Context, SamplingPlan, Tracer};
use hopline_metrics::Metrics;
use hopline_test_support::sinks::Discard;
use hopline_testing::{Spans, tracer_with};
use http::{Method, Request, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};

fn metered(plan: &str) -> (Metrics, Tracer, Spans) {
    let metrics = Metrics::builder().build();
    let plan: SamplingPlan = plan.parse().unwrap();
    let (tracer, spans) = tracer_with(|tracer| tracer.plan(plan).meter(metrics.clone()));
    (metrics, tracer, spans)
}

fn app(tracer: &Tracer) -> Router {
    async fn fails() -> StatusCode {
        Context::current().fail("database");
        StatusCode::SERVICE_UNAVAILABLE
    }
    Router::new()
        .route(
            "/orders/{id}",
            get(|| async { "an order" }).delete(|| async { StatusCode::CONFLICT }),
        )
        .route("/fails", get(fails))
        .layer(TraceLayer::new().tracer(tracer.clone()).active_requests())
}

async fn send(app: &Router, method: &str, path: &str) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    to_bytes(response.into_body(), usize::MAX).await.unwrap();
}

/// The lines of an instrument, without its name.
fn lines<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.lines()
        .filter_map(|line| line.strip_prefix(name))
        .collect()
}

const COUNT: &str = "http_server_request_duration_seconds_count";

#[tokio::test]
async fn each_request_is_counted_once_under_every_plan() {
    for plan in ["* 100%", "* 1%", "* 0%", "/fails never; * 0%; keep errors"] {
        let (metrics, tracer, _) = metered(plan);
        let app = app(&tracer);
        for id in 0..50 {
            send(&app, "GET", &format!("/orders/{id}")).await;
        }
        send(&app, "DELETE", "/orders/7").await;
        send(&app, "GET", "/fails").await;
        for made_up in ["/made/up/1", "/made/up/2"] {
            send(&app, "GET", made_up).await;
        }
        send(&app, "BREW", "/orders/7").await;
        let page = metrics.render();
        let common = "network_protocol_version=\"1.1\",url_scheme=\"http\"}";
        assert_eq!(
            lines(&page, COUNT),
            [
                format!(
                    "{{error_type=\"503\",http_request_method=\"GET\",http_response_status_code=\"503\",http_route=\"/fails\",{common} 1"
                ),
                format!(
                    "{{http_request_method=\"DELETE\",http_response_status_code=\"409\",http_route=\"/orders/{{id}}\",{common} 1"
                ),
                format!(
                    "{{http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/orders/{{id}}\",{common} 50"
                ),
                format!(
                    "{{http_request_method=\"GET\",http_response_status_code=\"404\",{common} 2"
                ),
                format!(
                    "{{http_request_method=\"_OTHER\",http_response_status_code=\"405\",http_route=\"/orders/{{id}}\",{common} 1"
                ),
            ],
            "{plan}"
        );
        assert!(
            lines(&page, "http_server_active_requests")
                .iter()
                .all(|line| line.ends_with(" 0")),
            "{page}"
        );
    }
}

#[tokio::test]
async fn the_scheme_is_that_of_the_span_behind_a_proxy_too() {
    for (peer, scheme) in [([10, 0, 0, 1], "https"), ([192, 0, 2, 1], "http")] {
        let (metrics, tracer, spans) = metered("* 100%");
        let layer = TraceLayer::new()
            .tracer(tracer)
            .trusted_proxies(|address| address.to_string().starts_with("10."));
        let app = Router::new().route("/", get(|| async {})).layer(layer);
        let request = Request::get("/")
            .header("forwarded", "for=192.0.2.60;proto=https")
            .extension(ConnectInfo(SocketAddr::from((peer, 4000))));
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
        to_bytes(response.unwrap().into_body(), 0).await.unwrap();
        assert_eq!(spans.all()[0].text("url.scheme"), Some(scheme));
        let page = metrics.render();
        let counted = format!("url_scheme=\"{scheme}\"}} 1");
        assert!(lines(&page, COUNT)[0].ends_with(&counted), "{page}");
    }
}

#[tokio::test]
async fn the_duration_is_that_of_the_span() {
    let (metrics, tracer, spans) = metered("* 100%");
    send(&app(&tracer), "GET", "/orders/1").await;
    let span = spans.all().remove(0);
    let nanos = span.end_unix_nanos - span.start_unix_nanos;
    let page = metrics.page("application/openmetrics-text").body;
    let sum: f64 = lines(&page, "http_server_request_duration_seconds_sum")[0]
        .rsplit_once(' ')
        .unwrap()
        .1
        .parse()
        .unwrap();
    assert_eq!((sum * 1e9).round() as u64, nanos);
    let exemplar = format!(
        "# {{trace_id=\"{}\",span_id=\"{}\"}}",
        span.trace_id, span.span_id
    );
    assert!(page.contains(&exemplar), "{page}");
}

#[tokio::test]
async fn exemplars_are_of_kept_traces_alone() {
    let (metrics, tracer, spans) = metered("* 0%; keep errors");
    let app = app(&tracer);
    for _ in 0..20 {
        send(&app, "GET", "/orders/1").await;
    }
    send(&app, "GET", "/fails").await;
    let page = metrics.page("application/openmetrics-text").body;
    let exemplars: Vec<&str> = page
        .lines()
        .filter_map(|line| line.split("trace_id=\"").nth(1)?.get(..32))
        .collect();
    let kept: Vec<String> = spans
        .all()
        .iter()
        .map(|span| span.trace_id.to_string())
        .collect();
    assert_eq!(exemplars, kept);
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn requests_that_are_dropped_and_that_panic_are_counted() {
    for plan in ["* 100%", "* 0%"] {
        let (metrics, tracer, _) = metered(plan);
        let layer = || TraceLayer::new().tracer(tracer.clone()).active_requests();
        let mut hangs = layer().layer(service_fn(|_: Request<Body>| {
            std::future::pending::<Result<axum::response::Response, Infallible>>()
        }));
        let mut future = Box::pin(hangs.call(Request::new(Body::empty())));
        assert!(
            future
                .as_mut()
                .poll(&mut Cx::from_waker(Waker::noop()))
                .is_pending()
        );
        let page = metrics.render();
        assert!(
            lines(&page, "http_server_active_requests")[0].ends_with(" 1"),
            "{page}"
        );
        drop(future);
        let panics = layer().layer(service_fn(|_: Request<Body>| async {
            if true {
                panic!("a fault of the handler");
            }
            Ok::<_, Infallible>(axum::response::Response::new(Body::empty()))
        }));
        tokio::spawn(panics.oneshot(Request::new(Body::empty())))
            .await
            .unwrap_err();
        let page = metrics.render();
        let kinds = lines(&page, COUNT);
        assert_eq!(kinds.len(), 2, "{page}");
        assert!(
            kinds[0].starts_with("{error_type=\"cancelled\",") && kinds[0].ends_with(" 1"),
            "{page}"
        );
        assert!(
            kinds[1].starts_with("{error_type=\"panic\",") && kinds[1].ends_with(" 1"),
            "{page}"
        );
        assert!(
            lines(&page, "http_server_active_requests")[0].ends_with(" 0"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_grpc_call_is_counted_by_method_and_status() {
    use http_body_util::{BodyExt, Empty};

    let (metrics, tracer, _) = metered("* 0%");
    let layer = TraceLayer::new()
        .tracer(tracer.clone())
        .grpc_methods(["shop.Orders/Get"]);
    let serve = layer.layer(service_fn(|_: Request<Body>| async {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "14".parse().unwrap());
        let body = Empty::<bytes::Bytes>::new().with_trailers(async move { Some(Ok(trailers)) });
        let response = http::Response::builder()
            .header("content-type", "application/grpc")
            .body(body);
        Ok::<_, Infallible>(response.unwrap())
    }));
    for path in ["/shop.Orders/Get", "/made.Up/Method"] {
        let request = Request::post(path)
            .version(http::Version::HTTP_2)
            .header("content-type", "application/grpc");
        let response = serve
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        response.into_body().collect().await.unwrap();
    }
    let page = metrics.render();
    let labels = |method: &str| {
        format!(
            "{{error_type=\"UNAVAILABLE\",rpc_method=\"{method}\",rpc_response_status_code=\"UNAVAILABLE\",rpc_system_name=\"grpc\"}} 1"
        )
    };
    assert_eq!(
        lines(&page, "rpc_server_call_duration_seconds_count"),
        [labels("_OTHER"), labels("shop.Orders/Get")]
    );
    assert!(lines(&page, COUNT).is_empty());
}

#[test]
fn a_meter_allocates_nothing_for_a_request_once_warm() {
    for plan in ["* 0%", "* 100%"] {
        let count = |meter: Option<Metrics>| {
            let tracer = Tracer::builder()
                .plan(plan.parse::<SamplingPlan>().unwrap())
                .sink(Discard::full_batches());
            let tracer = match meter {
                Some(meter) => tracer.meter(meter).build(),
                None => tracer.build(),
            };
            let app = app(&tracer).with_state(());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let send = || {
                let request = Request::get("/orders/7").body(Body::empty()).unwrap();
                runtime.block_on(async {
                    let response = app.clone().call(request).await.unwrap();
                    to_bytes(response.into_body(), usize::MAX).await.unwrap();
                });
            };
            (0..2000).for_each(|_| send());
            measure(|| (0..100).for_each(|_| send())).count_total
        };
        // measured first: a process that has had a meter looks for one
        let without = count(None);
        assert_eq!(count(Some(Metrics::builder().build())), without, "{plan}");
    }
}
