//! Spans of this process: in the viewer before and after they end.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use hopline_core::{Incoming, SpanBuilder, Tracer};
use hopline_view::View;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

async fn answer(app: &Router, path: &str) -> Value {
    let request = Request::builder()
        .uri(format!("/_trace{path}"))
        .header(header::HOST, "localhost")
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn a_span_is_shown_while_it_runs_and_once_it_has_ended() {
    let view = View::new();
    let tracer = Tracer::builder().sink(view.sink()).build();
    let app: Router = view.router();
    let request = SpanBuilder::new("GET /orders")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    let part = |name: &'static str| {
        SpanBuilder::new(name)
            .child_of(request.context_ref())
            .start()
    };
    part("done").end();
    let running = part("running");

    let list = answer(&app, "/api/traces?q=is:open").await;
    assert_eq!(
        (&list["matched"], &list["traces"][0]["open"]),
        (&Value::from(1), &Value::from(2))
    );
    let id = list["traces"][0]["id"].as_str().unwrap().to_owned();
    let rows = answer(&app, &format!("/api/traces/{id}")).await;
    let rows: Vec<(&str, bool)> = rows["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["open"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [("GET /orders", true), ("done", false), ("running", true)]
    );

    running.set("rows", 3);
    running.end();
    request.end();
    tracer.flush(Duration::from_secs(10)).unwrap();
    assert_eq!(view.counts().spans, 3);
    let list = answer(&app, "/api/traces").await;
    assert_eq!(
        (&list["traces"][0]["open"], &list["traces"][0]["spans"]),
        (&Value::from(0), &Value::from(3))
    );
    let span = &view.find(&"rows:3".parse().unwrap())[0];
    assert_eq!(span.len(), 3);
}

#[tokio::test]
async fn a_running_trace_that_is_not_kept_is_gone_at_its_end() {
    let view = View::new();
    let plan = "* 0%; keep errors"
        .parse::<hopline_core::SamplingPlan>()
        .unwrap();
    let tracer = Tracer::builder().plan(plan).sink(view.sink()).build();
    let app: Router = view.router();
    let request = SpanBuilder::new("GET /health")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    assert_eq!(answer(&app, "/api/traces").await["total"], 1);
    request.end();
    assert_eq!(answer(&app, "/api/traces").await["total"], 0);
}

#[test]
fn a_viewer_that_is_gone_harms_no_tracer() {
    let view = View::new();
    let tracer = Tracer::builder().sink(view.sink()).build();
    drop(view);
    SpanBuilder::new("GET /")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start()
        .end();
    tracer.shutdown(Duration::from_secs(10)).unwrap();
}
