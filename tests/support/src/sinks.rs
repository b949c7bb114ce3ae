//! Sinks for tests that look at batches rather than at spans.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hopline_core::{
    Batch, Sink,
    export::{Batching, FlushError, Source},
};

/// Keeps batches as they are.
#[derive(Clone, Debug, Default)]
pub struct KeptBatches(Arc<Mutex<Vec<Arc<Batch>>>>);

impl KeptBatches {
    /// The batches received so far.
    pub fn batches(&self) -> Vec<Arc<Batch>> {
        self.0.lock().unwrap().clone()
    }
}

impl Sink for KeptBatches {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.lock().unwrap().push(Arc::clone(batch));
    }
}

/// Receives each trace in a batch of its own, and hands it to the inner sink, regardless of its batching.
#[derive(Debug)]
pub struct EachTrace<S>(pub S);

impl<S: Sink> Sink for EachTrace<S> {
    fn accept(&self, batch: &Arc<Batch>) {
        self.0.accept(batch);
    }

    fn start(&self, source: Source) {
        self.0.start(source);
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.0.shutdown(timeout)
    }
}

/// Drops the batches that it asks for.
#[derive(Clone, Copy, Debug)]
pub struct Discard(Batching);

impl Discard {
    /// Asks for each trace by itself, so that each is a batch.
    pub fn each_trace() -> Self {
        Self(Batching::EachTrace)
    }

    /// Asks for batches of hundreds of spans, as an exporter does.
    pub fn full_batches() -> Self {
        Self(Batching::Full)
    }
}

impl Sink for Discard {
    fn accept(&self, _: &Arc<Batch>) {}

    fn batching(&self) -> Batching {
        self.0
    }
}
