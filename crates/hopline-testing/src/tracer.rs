//! Tracers for tests, each with the collection of its spans.

use hopline_core::{IdGenerator, Tracer, TracerBuilder};

use crate::spans::Spans;

/// A tracer for a service of this name, and its finished spans.
///
/// Every trace is kept, and ids count from 1.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder};
///
/// let (tracer, spans) = hopline_testing::tracer("jobs");
/// SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start().end();
/// assert_eq!(spans.one("job").trace_id.to_string(), "00000000000000000000000000000001");
/// ```
pub fn tracer(service: &str) -> (Tracer, Spans) {
    tracer_with(|builder| builder.service(service))
}

/// The same with other settings of the tracer: a plan, limits, a clock.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use hopline_core::{Clock, Incoming, SpanBuilder, time::ManualClock};
///
/// let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
/// let (tracer, spans) = hopline_testing::tracer_with(|t| t.service("jobs").clock(Clock::Manual(clock.clone())));
/// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
/// clock.advance(Duration::from_secs(3));
/// job.end();
/// assert_eq!(spans.all()[0].duration_nanos(), 3_000_000_000);
/// ```
pub fn tracer_with(configure: impl FnOnce(TracerBuilder) -> TracerBuilder) -> (Tracer, Spans) {
    let spans = Spans::new();
    let builder = Tracer::builder()
        .ids(IdGenerator::Sequence)
        .sink(spans.sink());
    (configure(builder).build(), spans)
}
