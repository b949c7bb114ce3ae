//! Nothing on the export thread is recorded: a binary of its own with one test, since a process has one
//! subscriber of `tracing`.
#![cfg(feature = "grpc")]

use std::sync::atomic::{AtomicUsize, Ordering};

use hopline_core::{Context, Incoming, SpanBuilder, Tracer};
use hopline_otlp::Protocol;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use hopline_test_support::LONG;
use hopline_test_support::otlp::patient;
use hopline_test_support::otlp::{Receiver, record};

static SEEN: AtomicUsize = AtomicUsize::new(0);
static RECORDED: AtomicUsize = AtomicUsize::new(0);

/// Starts a span of hopline for each line printed on the export thread, as a bridge might.
struct Bridge;

impl Bridge {
    fn start_one() {
        if std::thread::current().name() != Some("hopline-export") {
            return;
        }
        SEEN.fetch_add(1, Ordering::Relaxed);
        let span = SpanBuilder::new("of the exporter")
            .child_of(&Context::current())
            .start();
        let root = SpanBuilder::new("of the exporter")
            .parent(Incoming::default())
            .start();
        if span.is_recording() || root.is_recording() {
            RECORDED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Subscriber for Bridge {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Self::start_one();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        Self::start_one();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn events_of_the_exporters_http_client_make_no_spans() {
    // HTTP/2, whose client logs much
    let receiver = Receiver::start([]);
    let exporter = patient(&receiver.url())
        .protocol(Protocol::Grpc)
        .build()
        .unwrap();
    let tracer = Tracer::builder()
        .service("orders")
        .sink(exporter.clone())
        .build();
    tracer.install().unwrap();
    tracing::subscriber::set_global_default(Bridge).unwrap();
    record(&tracer, "request");
    let _ = tracer.flush(LONG);
    assert!(SEEN.load(Ordering::Relaxed) > 0, "nothing was printed");
    assert_eq!(RECORDED.load(Ordering::Relaxed), 0);
    let _ = tracer.flush(LONG);
    assert_eq!(exporter.stats().given, 1);
}
