//! Counts of the spans as they end: keeping them all would be growth of memory, which the run measures.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use hopline_core::{
    Batch, Sink, SpanId,
    export::{SpanView, ValueRef},
};
use parking_lot::Mutex;

use crate::Ledger;

/// The counts of the spans.
#[derive(Clone, Debug)]
pub struct Recorded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ledger: Arc<Ledger>,
    /// Spans in which a handler runs now. Held to insert or remove one; as many as handlers at a time.
    open: Mutex<HashSet<SpanId>>,
    publishes: AtomicUsize,
    failed: AtomicUsize,
    processes: AtomicUsize,
    redelivered: AtomicUsize,
    lost_settlements: AtomicUsize,
    wrong: AtomicUsize,
}

impl Recorded {
    /// Counts, and notes in the ledger what was published more than once.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self(Arc::new(Inner {
            ledger,
            open: Mutex::default(),
            publishes: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            processes: AtomicUsize::new(0),
            redelivered: AtomicUsize::new(0),
            lost_settlements: AtomicUsize::new(0),
            wrong: AtomicUsize::new(0),
        }))
    }

    /// A handler runs in this span.
    pub fn begun(&self, span: SpanId) {
        if !self.0.open.lock().insert(span) {
            self.0.wrong.fetch_add(1, SeqCst); // one span for two deliveries
        }
    }

    /// Publish spans that have ended.
    pub fn publishes(&self) -> usize {
        self.0.publishes.load(SeqCst)
    }

    /// Publish spans of messages that were not confirmed.
    pub fn failed(&self) -> usize {
        self.0.failed.load(SeqCst)
    }

    /// Process spans that have ended.
    pub fn processes(&self) -> usize {
        self.0.processes.load(SeqCst)
    }

    /// Process spans of repeated deliveries.
    pub fn redelivered(&self) -> usize {
        self.0.redelivered.load(SeqCst)
    }

    /// Those of deliveries that the broker did not hear of.
    pub fn lost_settlements(&self) -> usize {
        self.0.lost_settlements.load(SeqCst)
    }

    /// Spans without a delivery, or without an outcome, and deliveries with another's span.
    pub fn wrong(&self) -> usize {
        self.0.wrong.load(SeqCst)
    }

    /// Deliveries whose span has not ended.
    pub fn open(&self) -> usize {
        self.0.open.lock().len()
    }

    fn published(&self, span: &SpanView<'_>) {
        self.0.publishes.fetch_add(1, SeqCst);
        if span.is_error() {
            self.0.failed.fetch_add(1, SeqCst);
        }
        if attribute(span, "hopline.messaging.resend_count").is_none() {
            return;
        }
        match attribute(span, "messaging.message.id") {
            Some(ValueRef::Str(id)) if id.parse::<usize>().is_ok() => {
                self.0.ledger.resent(id.parse().unwrap_or_default());
            }
            _ => drop(self.0.wrong.fetch_add(1, SeqCst)),
        }
    }

    fn processed(&self, span: &SpanView<'_>) {
        self.0.processes.fetch_add(1, SeqCst);
        let known = self.0.open.lock().remove(&span.span_id());
        if !known || attribute(span, "hopline.messaging.outcome").is_none() {
            self.0.wrong.fetch_add(1, SeqCst);
        }
        if attribute(span, "hopline.messaging.redelivered").is_some() {
            self.0.redelivered.fetch_add(1, SeqCst);
        }
        if span.is_error() {
            self.0.lost_settlements.fetch_add(1, SeqCst);
        }
    }
}

impl Sink for Recorded {
    fn accept(&self, batch: &Arc<Batch>) {
        for span in batch.spans() {
            match span.name() {
                "publish.message" => self.published(&span),
                "process.message" => self.processed(&span),
                _ => {}
            }
        }
    }
}

fn attribute<'a>(span: &SpanView<'a>, key: &str) -> Option<ValueRef<'a>> {
    let mut attributes = span.attributes();
    attributes
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}
