//! Services of hopline.

use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use hopline_axum::TraceLayer;
use hopline_core::{SpanKind, Tracer};
use hopline_reqwest::{ClientWithMiddleware, Error};
use hopline_testing::Spans;
use tokio::net::TcpListener;

use crate::Result;
use crate::chain::Seen;

#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    tracer: Tracer,
    spans: Spans,
}

#[derive(Debug, serde::Deserialize)]
struct Relay {
    to: Option<String>,
}

impl Ours {
    pub(crate) async fn start(name: &'static str) -> Result<Self> {
        let spans = Spans::new();
        let tracer = Tracer::builder().service(name).sink(spans.sink()).build();
        let client = hopline_reqwest::ClientBuilder::new()
            .configure(|client| client.no_proxy())
            .build()?;
        let relay = |State(client), Query(relay), headers| relay_to(client, relay, headers);
        let app = Router::new()
            .route("/relay", get(relay))
            .layer(TraceLayer::new().tracer(tracer.clone()))
            .with_state(client);
        Ok(Self {
            name,
            url: serve(app).await?,
            tracer,
            spans,
        })
    }

    /// Its spans of a trace.
    pub(crate) async fn of(&self, trace_id: &str) -> Result<Vec<Seen>> {
        let tracer = self.tracer.clone();
        let flush = move || tracer.flush(Duration::from_secs(5));
        tokio::task::spawn_blocking(flush).await??;
        let spans = self.spans.all();
        let of_trace = spans
            .iter()
            .filter(|span| span.trace_id.to_string() == trace_id);
        let seen = of_trace.map(|span| Seen {
            service: self.name.to_owned(),
            name: span.name.clone(),
            id: span.span_id.to_string(),
            parent: span
                .parent
                .map(|parent| parent.to_string())
                .unwrap_or_default(),
            tracestate: span.tracestate.as_str().to_owned(),
            is_server: span.kind == SpanKind::Server,
        });
        Ok(seen.collect())
    }
}

async fn relay_to(
    client: ClientWithMiddleware,
    relay: Relay,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let Some(url) = relay.to else {
        return (StatusCode::OK, lines(&headers));
    };
    let answer = async { Ok::<_, Error>(client.get(url).send().await?.text().await?) };
    match answer.await {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
    }
}

fn lines(headers: &HeaderMap) -> String {
    let line = |(name, value): (_, &axum::http::HeaderValue)| {
        format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

/// Serves on a free port; gives the URL.
pub(crate) async fn serve(app: Router) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    // it ends with the process
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
