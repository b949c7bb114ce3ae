//! What the tests of this crate share: servers on real sockets, and clients of both versions of HTTP.

#![allow(dead_code, reason = "each test file uses its part")]

use axum::Router;
use axum::http::HeaderMap;
use hopline_core::{OlderNames, Tracer};
use hopline_reqwest::TraceMiddleware;
use reqwest::redirect::Policy;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

/// The versions of HTTP that everything is done in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

pub(crate) const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

impl Version {
    /// A client that speaks it, without looking for proxies or following redirects.
    pub(crate) fn client(self) -> reqwest::Client {
        self.configure(reqwest::Client::builder().redirect(Policy::none()))
            .build()
            .unwrap()
    }

    pub(crate) fn configure(self, client: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        match self {
            Self::Http1 => client.no_proxy().http1_only(),
            Self::Http2 => client.no_proxy().http2_prior_knowledge(),
        }
    }

    /// As spans say it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Http1 => "1.1",
            Self::Http2 => "2",
        }
    }
}

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

pub(crate) fn lines(headers: &HeaderMap) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\n", value.to_str().unwrap())
    };
    headers.iter().map(line).collect()
}
