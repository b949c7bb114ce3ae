//! After the move: hopline's bridge and layer. tower-http's layer may stay; its span repeats the request's, so the
//! bridge leaves it out.

use axum::Router;
use hopline::Tracer;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

/// Spans to hopline, log lines as JSON to `out`, with the ids of the trace.
pub fn subscriber<W>(out: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let spans = hopline::tracing::layer();
    let lines = fmt::layer()
        .json()
        .map_event_format(hopline::tracing::with_ids)
        .with_writer(out);
    registry()
        .with(spans)
        .with(lines.with_filter(EnvFilter::new("info")))
}

/// The service.
pub fn app(tracer: Tracer) -> Router {
    let span = DefaultMakeSpan::new().level(Level::INFO);
    crate::shop::routes()
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(hopline::axum::TraceLayer::new().tracer(tracer))
}
