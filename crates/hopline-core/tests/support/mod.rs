//! A sink that keeps what it gets, and short ways to begin.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use hopline_core::{
    Batch, Clock, IdGenerator, Incoming, ManualClock, SamplingPlan, Sink, Span, SpanBuilder,
    SpanData, SpanKind, Tracer, TracerBuilder,
};

/// Keeps what it gets.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<SpanData>>>);

impl Memory {
    pub fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn names(&self) -> Vec<String> {
        self.take().into_iter().map(|span| span.name).collect()
    }
}

impl Sink for Memory {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.lock().unwrap().extend(batch.to_spans());
    }
}

pub fn traced(configure: impl FnOnce(TracerBuilder) -> TracerBuilder) -> (Tracer, Memory) {
    let memory = Memory::default();
    (
        configure(
            Tracer::builder()
                .ids(IdGenerator::Sequence)
                .sink(memory.clone()),
        )
        .build(),
        memory,
    )
}

/// A clock that only moves when told, and a tracer on it.
pub fn clocked(plan: &str) -> (Tracer, ManualClock, Memory) {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let (tracer, memory) = traced(|builder| {
        builder
            .ids(IdGenerator::Seeded(7))
            .clock(Clock::Manual(clock.clone()))
            .plan(plan.parse().unwrap())
    });
    (tracer, clock, memory)
}

pub fn root(tracer: &Tracer, name: &'static str) -> Span {
    SpanBuilder::new(name)
        .kind(SpanKind::Server)
        .tracer(tracer)
        .parent(Incoming::default())
        .start()
}

pub fn unsampled() -> SamplingPlan {
    SamplingPlan::always().others(0.0)
}

pub const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub fn incoming(parent: &str) -> Incoming {
    Incoming {
        parent: Some(parent.parse().unwrap()),
        ..Incoming::default()
    }
}
