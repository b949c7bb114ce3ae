//! Tracers, roots and parents for tests of the engine.

use std::time::SystemTime;

use hopline_core::{
    Clock, IdGenerator, Incoming, SamplingPlan, Span, SpanBuilder, SpanKind, Tracer,
    time::ManualClock,
};
use hopline_testing::{Spans, tracer_with};

/// A sampled remote parent.
pub const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A tracer of this plan on a clock that only the test moves, with random ids that are the same in each run.
pub fn clocked(plan: &str) -> (Tracer, ManualClock, Spans) {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let (tracer, spans) = tracer_with(|builder| {
        builder
            .ids(IdGenerator::Seeded(7))
            .clock(Clock::Manual(clock.clone()))
            .plan(plan.parse().unwrap())
    });
    (tracer, clock, spans)
}

/// Starts a server span without a parent.
pub fn root(tracer: &Tracer, name: &'static str) -> Span {
    SpanBuilder::new(name)
        .kind(SpanKind::Server)
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}

/// A plan that samples nothing.
pub fn unsampled() -> SamplingPlan {
    SamplingPlan::new().others(0.0)
}

/// The context of a request with this `traceparent`.
///
/// # Panics
///
/// If it is invalid.
pub fn incoming(parent: &str) -> Incoming {
    Incoming {
        parent: Some(parent.parse().unwrap()),
        ..Incoming::default()
    }
}

/// Takes the finished spans, and returns their names in the order of arrival.
pub fn names(spans: &Spans) -> Vec<String> {
    spans.take().into_iter().map(|span| span.name).collect()
}
