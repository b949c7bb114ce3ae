//! As it was: tracing-opentelemetry, and tower-http's span for each request.

use axum::Router;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

/// Spans to OpenTelemetry, log lines as JSON to `out`.
pub fn subscriber<W>(provider: &SdkTracerProvider, out: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    let lines = fmt::layer().json().with_writer(out);
    registry()
        .with(spans)
        .with(lines.with_filter(EnvFilter::new("info")))
}

/// The service.
pub fn app() -> Router {
    let span = DefaultMakeSpan::new().level(Level::INFO);
    crate::shop::routes().layer(TraceLayer::new_for_http().make_span_with(span))
}
