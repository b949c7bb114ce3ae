//! Callers that make up paths, methods and hosts, and a service that calls them: the number of series and the memory are bounded.

use std::convert::Infallible;

use hopline_core::Tracer;
use hopline_metrics::Metrics;
use hopline_test_support::page::total;
use hopline_testing::tracer_with;
use hopline_tower::{ClientLayer, TraceLayer};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Held by each test, since the memory that it measures is that of the process.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const SERVED: &str = "http_server_request_duration_seconds_count";
const CALLED: &str = "http_client_request_duration_seconds_count";

fn metered() -> (Metrics, Tracer) {
    let metrics = Metrics::builder().build();
    let plan = "* 0%".parse().unwrap();
    let (tracer, _) = tracer_with(|tracer| tracer.plan(plan).meter(metrics.clone()));
    (metrics, tracer)
}

/// Sends requests that differ in path, method and host. Memory may grow during the first tenth alone.
async fn send<B, S>(mut service: S, requests: usize)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Error = Infallible>,
{
    let mut at = 0;
    let mut some = async |number: usize| {
        for _ in 0..number {
            let request = Request::builder()
                .method(&*format!("M{at}"))
                .uri(format!("http://host-{at}.example/made/up/{at}"))
                .body(())
                .unwrap();
            let response = service.ready().await.unwrap().call(request).await.unwrap();
            drop(response.into_body().collect().await);
            at += 1;
        }
    };
    some(requests / 10).await;
    let before = resident();
    some(requests - requests / 10).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes");
}

/// The memory of the process in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}

/// The number of series of a histogram.
fn series(page: &str, name: &str) -> usize {
    let of_name = |line: &&str| line.starts_with(name);
    page.lines().filter(of_name).count()
}

async fn answer(_: Request<()>) -> Result<Response<Empty<&'static [u8]>>, Infallible> {
    Ok(Response::new(Empty::new()))
}

#[tokio::test]
async fn made_up_requests_are_one_series_and_with_paths_as_routes_as_many_as_the_bound() {
    let _alone = ALONE.lock().await;
    let (metrics, tracer) = metered();
    let service = TraceLayer::new().tracer(tracer).layer(service_fn(answer));
    send(service, 100_000).await;
    let page = metrics.render();
    assert_eq!(
        series(&page, SERVED),
        1,
        "methods are _OTHER, and there is no route"
    );
    assert_eq!(total(&page, SERVED, &["\"_OTHER\""]), 100_000.0);
    assert_eq!(metrics.overflowed(), 0);

    // the fault of an application
    let (metrics, tracer) = metered();
    let layer = TraceLayer::new()
        .tracer(tracer)
        .route(|uri, _| Some(uri.path()));
    send(layer.layer(service_fn(answer)), 30_000).await;
    let page = metrics.render();
    assert_eq!(series(&page, SERVED), 2_001);
    assert_eq!(total(&page, SERVED, &[]), 30_000.0);
    let overflow = total(&page, SERVED, &["otel_metric_overflow=\"true\""]);
    assert_eq!((overflow, metrics.overflowed()), (28_000.0, 28_000));
}

#[tokio::test]
async fn made_up_hosts_of_calls_are_series_up_to_their_bound() {
    let _alone = ALONE.lock().await;
    let (metrics, tracer) = metered();
    let service = ClientLayer::new().tracer(tracer).layer(service_fn(answer));
    send(service, 100_000).await;
    let page = metrics.render();
    assert_eq!(series(&page, CALLED), 201);
    assert_eq!(total(&page, CALLED, &[]), 100_000.0);
    let other = total(&page, CALLED, &["server_address=\"_OTHER\""]);
    assert_eq!(other, 99_800.0);
}
