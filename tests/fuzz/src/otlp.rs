//! `otlp` and `otlp_json`: the input is the body of a request to a viewer, in Protocol Buffers or in JSON.

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt as _;
use hopline_analysis::{TreeOptions, traces};
use hopline_core::TraceId;
use hopline_view::decode::{Decoded, Signal, file, protobuf};
use hopline_view::export::{json_line, otlp_json as write};
use hopline_view::{View, ViewLimits};
use http::Request;
use tower::ServiceExt as _;

/// Any body is refused, or its spans are stored within the bounds, shown, and written and read again as they are.
pub fn otlp(data: &[u8]) {
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        if let Ok(decoded) = protobuf(signal, data) {
            shown(&decoded);
        }
    }
}

/// The same for text.
pub fn otlp_json(data: &[u8]) {
    let text = std::str::from_utf8(data).ok();
    if let Some(decoded) = text.and_then(|text| file(text).ok()) {
        shown(&decoded);
    }
}

fn shown(decoded: &Decoded) {
    const BYTES: usize = 100_000;
    let view = View::with_limits(
        ViewLimits::default()
            .bytes(BYTES)
            .traces(8)
            .spans_per_trace(100),
    );
    view.add(&decoded.spans, &decoded.logs);
    let counts = view.counts();
    assert!(counts.bytes <= BYTES && counts.traces <= 8, "{counts:?}");
    let app: Router = view.router();
    let found = view.find(&Default::default());
    for path in ["traces", "scatter", "services", "map", "why", "traces?q=a"] {
        answered(&app, path);
    }
    for spans in found {
        for trace in traces(&spans) {
            let line = json_line(&trace);
            assert!(!line.contains('\n') && line.starts_with('{'), "{line}");
            assert!(trace.tree(&TreeOptions::default()).ends_with('\n'));
        }
        let written = write(&spans, &[]);
        let again = file(&written).expect("what is written is read");
        assert_eq!(again.spans.len(), spans.len());
        assert_eq!(write(&again.spans, &[]), written);
        page(&app, spans[0].trace_id);
    }
}

/// Asks for all that the page shows of a trace.
fn page(app: &Router, id: TraceId) {
    for part in [
        "",
        "/logs",
        "/map",
        "/otlp.json",
        "/perfetto.json",
        "/search?q=a",
    ] {
        answered(app, &format!("traces/{id}{part}"));
    }
    answered(app, &format!("diff?a={id}&b={id}"));
}

fn answered(app: &Router, path: &str) {
    let request = Request::builder()
        .uri(format!("/_trace/api/{path}"))
        .header("host", "localhost")
        .body(Body::empty())
        .expect("ids and words are valid in a path");
    // no route of these waits for anything
    let response = app.clone().oneshot(request).now_or_never();
    let response = response.expect("a route waits").expect("no route fails");
    assert_eq!(response.status(), 200, "{path}");
}
