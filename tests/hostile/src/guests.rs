//! Code of an application that misbehaves inside its telemetry.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hopline::core::{
    Batch, Incoming, Sink,
    sampling::{Decision, Sampler, SamplingInput},
};
use hopline::{SpanBuilder, span};

/// A sink that panics.
#[derive(Debug)]
pub(crate) struct Panics;

impl Sink for Panics {
    fn accept(&self, _: &Arc<Batch>) {
        panic!("a sink's bug");
    }
}

/// A sink that is traced itself.
#[derive(Debug)]
pub(crate) struct Feedback;

impl Sink for Feedback {
    fn accept(&self, _: &Arc<Batch>) {
        span("feedback").end();
        SpanBuilder::new("feedback")
            .parent(Incoming::default())
            .start()
            .end();
    }
}

/// A sampler that samples all, is traced itself, and panics now and then.
#[derive(Debug, Default)]
pub(crate) struct Unsteady(AtomicU32);

impl Sampler for Unsteady {
    fn sample(&self, _: &SamplingInput<'_>) -> Decision {
        span("feedback").end();
        let calls = self.0.fetch_add(1, Relaxed);
        assert!(!calls.is_multiple_of(50), "a sampler's bug");
        Decision::Keep
    }
}

/// An error that cannot be printed.
#[derive(Debug)]
pub(crate) struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("an error's bug")
    }
}

impl Error for Unprintable {}

/// Starts a span when its thread ends.
pub(crate) struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        span("last").end();
        SpanBuilder::new("last")
            .parent(Incoming::default())
            .start()
            .end();
    }
}

thread_local! {
    pub(crate) static LAST: Last = const { Last };
}
