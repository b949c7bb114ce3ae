//! Support of this crate's tests: a server on a real socket, clients of both versions, spans that are awaited.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hopline_axum::TraceLayer;
use hopline_core::export::SpanData;
use hopline_core::{Tracer, semconv::OlderNames};
use hopline_testing::Spans;
use tokio::net::TcpListener;

/// A caller that is sampled.
pub(crate) const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Serves on a free port; gives its address.
pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// Awaits `count` spans, for up to 20 s.
pub(crate) async fn spans(spans: &Spans, count: usize) -> Vec<SpanData> {
    let waited = tokio::time::timeout(Duration::from_secs(20), spans.wait(count)).await;
    waited.unwrap_or_else(|_| panic!("waited for {count} spans, there are:\n{}", spans.tree()))
}

/// The only span there is.
pub(crate) async fn one(all: &Spans) -> SpanData {
    let mut seen = spans(all, 1).await;
    assert_eq!(seen.len(), 1, "{}", all.tree());
    seen.remove(0)
}

pub(crate) fn layer(tracer: &Tracer) -> TraceLayer {
    TraceLayer::new()
        .tracer(tracer.clone())
        .older_names(OlderNames::NONE)
}

pub(crate) fn integer(span: &SpanData, key: &str) -> Option<i64> {
    span.attribute(key).and_then(|value| value.as_i64())
}
