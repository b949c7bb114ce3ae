//! The layer allocates nothing of its own: what is counted is what axum does for any layer that wraps the body.

use allocation_counter::measure;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request};
use axum::response::Response;
use axum::routing::get;
use hopline_axum::TraceLayer;
use hopline_core::{SamplingPlan, Tracer};
use hopline_test_support::sinks::Discard;
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tower::Service;
use tower::util::MapResponseLayer;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

/// An extension like those that hyper inserts in the extensions of each request.
#[derive(Clone, Copy)]
struct FromServer;

/// An extension like those of a layer outside: the peer's address, a request id.
#[derive(Clone, Copy)]
struct FromApplication;

fn routes() -> Router {
    async fn order(Path(id): Path<u64>) -> String {
        format!("order {id}")
    }
    Router::new().route("/orders/{id}", get(order))
}

fn in_empty_layer() -> Router {
    routes().layer(MapResponseLayer::new(|response: Response| {
        response.map(|body| body.map_err(|error| error))
    }))
}

fn traced(plan: SamplingPlan) -> Router {
    let tracer = Tracer::builder()
        .plan(plan)
        .sink(Discard::full_batches())
        .build();
    routes().layer(TraceLayer::new().tracer(tracer))
}

/// Requests to a router that is warm, each with this `traceparent`, and what each allocates.
struct Requests {
    router: Router,
    runtime: Runtime,
    traceparent: Option<String>,
}

impl Requests {
    fn to(router: Router, traceparent: Option<String>) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        // as `axum::serve` does: else handlers become routes with every request
        let router = router.with_state(());
        let mut requests = Self {
            router,
            runtime,
            traceparent,
        };
        (0..2000).for_each(|_| requests.send());
        requests
    }

    fn send(&mut self) {
        let mut request = Request::get("/orders/7")
            .header("host", "localhost")
            .header("user-agent", "test/1");
        if let Some(traceparent) = &self.traceparent {
            request = request.header("traceparent", traceparent);
        }
        let mut request = request.body(Body::empty()).unwrap();
        // with these two, and with any of axum's features, the layer's own mark is not what makes the table grow
        request.extensions_mut().insert(FromServer);
        request.extensions_mut().insert(FromApplication);
        self.runtime.block_on(async {
            let response = self.router.call(request).await.unwrap();
            let body = to_bytes(response.into_body(), 100).await.unwrap();
            assert_eq!(body, "order 7");
        });
    }

    fn allocations(&mut self) -> Vec<u64> {
        (0..200)
            .map(|_| measure(|| self.send()).count_total)
            .collect()
    }
}

/// Counts the requests, of 200, that allocate more in the layer than in an empty one, for a caller with these flags.
fn beyond_axum(plan: &SamplingPlan, flags: Option<&str>) -> usize {
    let traceparent = flags.map(|flags| format!("{PARENT}-{flags}"));
    let axum = Requests::to(in_empty_layer(), traceparent.clone()).allocations();
    let own = Requests::to(traced(plan.clone()), traceparent).allocations();
    assert!(axum.iter().all(|count| *count == axum[0]), "{axum:?}");
    own.iter().filter(|count| **count > axum[0]).count()
}

#[test]
fn a_sampled_request_allocates_nothing_beyond_what_axum_does() {
    for flags in [None, Some("01")] {
        let busy = beyond_axum(&SamplingPlan::new(), flags);
        assert!(
            busy <= 1,
            "a batch is allocated for 512 spans: {busy} of 200"
        );
    }
}

#[test]
fn a_request_that_is_not_recorded_allocates_nothing_beyond_what_axum_does() {
    for flags in [None, Some("00")] {
        assert_eq!(beyond_axum(&SamplingPlan::new().others(0.0), flags), 0);
    }
}

#[test]
fn a_request_that_is_discarded_at_its_end_allocates_nothing_beyond_what_axum_does() {
    for flags in [None, Some("00")] {
        let plan = SamplingPlan::new().others(0.0).keep_errors();
        assert_eq!(beyond_axum(&plan, flags), 0);
    }
}
