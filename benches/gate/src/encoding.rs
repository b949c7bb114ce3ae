//! Finished spans to OTLP bytes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Batch, Clock, Tracer};
use hopline_otlp::encode_protobuf;

use crate::case::{Case, Work};
use crate::sinks::Capture;
use crate::trace::{Values, trace};

/// Spans that are encoded together.
pub const BATCH: u64 = 512;

/// Encodes spans with six attributes each, of traces of a root and seven children; an operation is a span, so it is
/// run by multiples of [`BATCH`].
pub fn encoding(clock: &Clock) -> Work {
    let batches = batches(clock);
    Work::new(move |times| {
        for _ in 0..times / BATCH {
            black_box(encode_protobuf(black_box(&batches)));
        }
    })
}

/// [`BATCH`] finished spans.
pub fn batches(clock: &Clock) -> Vec<Arc<Batch>> {
    let capture = Capture::default();
    let tracer = Tracer::builder()
        .service("bench")
        .clock(clock.clone())
        .sink(capture.clone())
        .build();
    (0..BATCH / 8).for_each(|_| trace(&tracer, &Values::unknown(), 7));
    // its only sink answers at once
    let flushed = tracer.flush(Duration::ZERO);
    let batches = capture.batches();
    let spans: usize = batches.iter().map(|batch| batch.len()).sum();
    assert!(flushed.is_ok() && spans as u64 == BATCH, "{spans} spans");
    batches
}

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("otlp/span", encoding).times(4 * BATCH)]
}
