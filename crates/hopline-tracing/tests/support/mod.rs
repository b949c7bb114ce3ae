//! One subscriber for the test program, and a tracer for each test.

#![allow(dead_code, reason = "each test program uses a part")]

use std::sync::OnceLock;

use hopline_core::{Incoming, Span, SpanBuilder, Tracer};
use hopline_testing::Spans;
use tracing_subscriber::layer::SubscriberExt as _;

/// Installs the bridge for the whole program; callsites are then registered once.
pub(crate) fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let subscriber = tracing_subscriber::registry().with(hopline_tracing::layer());
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// A request's span of a tracer of its own, with the bridge installed.
pub(crate) fn request() -> (Span, Spans) {
    install();
    let (tracer, spans) = hopline_testing::tracer("shop");
    (root(&tracer), spans)
}

pub(crate) fn root(tracer: &Tracer) -> Span {
    SpanBuilder::new("GET /")
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}
