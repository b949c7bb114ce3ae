//! Recording root spans to export.

use hopline_core::{Incoming, Limits, Name, Sink, SpanBuilder, Tracer, attr, export::FlushError};

/// A tracer of the service `orders` for one sink.
pub fn traced(sink: &(impl Sink + Clone)) -> Tracer {
    Tracer::builder()
        .service("orders")
        .sink(sink.clone())
        .build()
}

/// True if the flush timed out, false if spans were lost.
///
/// # Panics
///
/// If it succeeded.
pub fn is_timeout(result: Result<(), FlushError>) -> bool {
    result.unwrap_err().is_timeout()
}

/// Ends a root span of this name with a text of `bytes` bytes.
pub fn record_large(tracer: &Tracer, name: &str, bytes: usize) {
    let text = "x".repeat(bytes);
    SpanBuilder::new(Name::dynamic(name))
        .tracer(tracer)
        .parent(Incoming::default())
        .attributes(|| [attr("text", &text)])
        .start()
        .end();
}

/// A tracer whose spans may have texts of up to a megabyte.
pub fn roomy(sink: impl Sink) -> Tracer {
    let limits = Limits {
        value_bytes: 1 << 20,
        trace_bytes: 4 << 20,
        ..Limits::default()
    };
    Tracer::builder()
        .service("orders")
        .limits(limits)
        .sink(sink)
        .build()
}

/// Ends a failed root span of this name.
pub fn record_failed(tracer: &Tracer, name: &str) {
    let span = SpanBuilder::new(Name::dynamic(name))
        .tracer(tracer)
        .parent(Incoming::default())
        .start();
    span.fail("refused");
    span.end();
}

/// Ends a root span of this name.
pub fn record(tracer: &Tracer, name: &str) {
    SpanBuilder::new(Name::dynamic(name))
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
        .end();
}

/// Ends root spans named `0`, `1`, … and returns the names.
pub fn record_many(tracer: &Tracer, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    names.iter().for_each(|name| record(tracer, name));
    names
}
