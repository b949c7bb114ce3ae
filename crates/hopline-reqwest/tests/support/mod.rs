//! Support of this crate's tests: servers on real sockets, and clients of both versions of HTTP.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod outcome;

use axum::Router;
use axum::http::HeaderMap;
use hopline_core::{Tracer, semconv::OlderNames};
use hopline_reqwest::TraceMiddleware;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use hopline_test_support::http::Version;

pub(crate) fn trace(tracer: &Tracer) -> TraceMiddleware {
    TraceMiddleware::new()
        .tracer(tracer.clone())
        .older_names(OlderNames::NONE)
}

pub(crate) fn client(version: Version, trace: TraceMiddleware) -> ClientWithMiddleware {
    ClientBuilder::new(version.client()).with(trace).build()
}

/// Serves on a free port; gives its URL.
pub(crate) async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// Answers with the headers it got, one a line.
pub(crate) fn echo() -> Router {
    Router::new().fallback(|headers: HeaderMap| async move { lines(&headers) })
}

/// The sorted lines of a text, to compare headers in any order.
pub(crate) fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

pub(crate) fn lines(headers: &HeaderMap) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\n", value.to_str().unwrap())
    };
    headers.iter().map(line).collect()
}
