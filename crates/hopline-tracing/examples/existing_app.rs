//! An application that uses `tracing`: its spans and events join the trace, and its log lines carry the ids.
//!
//! ```sh
//! cargo run -p hopline-tracing --example existing_app
//! ```
//!
//! ```text
//!  INFO reserve{sku="cup" quantity=2}: existing_app: reserved left=4 trace_id=00000000000000000000000000000001 span_id=0000000000000003
//! POST /reserve ▸ inventory
//! └─ reserve
//!       · reserved level=INFO target=existing_app left=4
//! ```

#![expect(clippy::print_stdout, reason = "it shows the trace")]

use hopline_core::{FutureExt, Incoming, SpanBuilder};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

/// The application's code, as it was.
#[tracing::instrument]
async fn reserve(sku: &str, quantity: u32) {
    tracing::info!(left = 4, "reserved");
}

#[tokio::main]
async fn main() {
    let lines = fmt::layer()
        .with_ansi(false)
        .event_format(hopline_tracing::with_ids(
            fmt::format().without_time().with_ansi(false),
        ))
        .with_filter(EnvFilter::new("info"));
    registry().with(hopline_tracing::layer()).with(lines).init();

    // a test's tracer, so that the spans can be shown; services leave it out and call `hopline::init`
    let (tracer, spans) = hopline_testing::tracer("inventory");
    // the server layer does this for each request
    let request = SpanBuilder::new("POST /reserve")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    reserve("cup", 2).in_span(request).await;

    print!("{}", spans.tree());
}
