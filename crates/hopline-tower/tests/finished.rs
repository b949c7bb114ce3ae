//! Futures that are polled after they were ready panic, as those of `async` blocks do: no caller waits for ever.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hopline_testing::tracer;
use hopline_tower::{ClientLayer, TraceLayer, Trust};
use http::{Request, Response};
use tower::{Layer, Service, service_fn};

/// Polls a future that is ready at once a second time; returns the message of its panic.
fn poll_twice<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(cx).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx).is_ready()));
    let panic = again.expect_err("it was polled as if it had not finished");
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.unwrap_or_default()
}

fn request() -> Request<String> {
    Request::get("http://orders/7").body(String::new()).unwrap()
}

async fn answer(_: Request<String>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("order".to_owned()))
}

async fn fail(_: Request<String>) -> Result<Response<String>, &'static str> {
    Err("no order")
}

#[test]
fn a_finished_request_that_is_polled_again_panics_whether_it_is_recorded_or_not() {
    let (tracer, spans) = tracer("orders");
    for trust in [Trust::Continue, Trust::Ignore] {
        let layer = TraceLayer::new().tracer(tracer.clone()).trust(trust);
        let answered = layer.layer(service_fn(answer)).call(request());
        assert!(poll_twice(answered).contains("polled after it was ready"));
        let failed = layer.layer(service_fn(fail)).call(request());
        assert!(poll_twice(failed).contains("polled after it was ready"));
        // a layer inside another leaves the span to that one
        let twice = layer.layer(layer.layer(service_fn(answer))).call(request());
        assert!(poll_twice(twice).contains("polled after it was ready"));
    }
    let ends: Vec<_> = spans
        .all()
        .iter()
        .map(|span| span.text("error.type").map(str::to_owned))
        .collect();
    assert_eq!(ends.len(), 3);
    assert_eq!(
        ends.iter().flatten().collect::<Vec<_>>(),
        ["service_error"],
        "a span ends once"
    );
}

#[test]
fn a_finished_call_that_is_polled_again_panics() {
    let (tracer, spans) = tracer("orders");
    let layer = ClientLayer::new().tracer(tracer);
    let answered = layer.layer(service_fn(answer)).call(request());
    assert!(poll_twice(answered).contains("polled after it was ready"));
    let failed = layer.layer(service_fn(fail)).call(request());
    assert!(poll_twice(failed).contains("polled after it was ready"));
    assert_eq!(spans.all().len(), 2);
}

#[test]
fn a_body_that_is_polled_after_its_end_stays_at_its_end() {
    use http_body::Body;
    let (tracer, _spans) = tracer("orders");
    let layer = TraceLayer::new().tracer(tracer);
    let mut call = pin!(layer.layer(service_fn(answer)).call(request()));
    let cx = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = call.as_mut().poll(cx) else {
        panic!("an answer is ready at once");
    };
    let mut body = pin!(response.into_body());
    assert!(matches!(
        body.as_mut().poll_frame(cx),
        Poll::Ready(Some(Ok(_)))
    ));
    for _ in 0..3 {
        assert!(matches!(body.as_mut().poll_frame(cx), Poll::Ready(None)));
    }
}
