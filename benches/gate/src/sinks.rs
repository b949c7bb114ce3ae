//! Sinks for measuring.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hopline_core::{
    Batch, Sink,
    export::{Batching, FlushError},
};
use hopline_otlp::encode_protobuf;

/// Batches that may wait for their encoding.
const WAITING: usize = 16;

/// Takes full batches and lets them go.
#[derive(Clone, Copy, Debug)]
pub struct Discard;

impl Sink for Discard {
    fn accept(&self, _batch: &Arc<Batch>) {}

    fn batching(&self) -> Batching {
        Batching::Full
    }
}

/// Takes full batches and keeps them.
// a plain lock: one thread fills it, and then reads it
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Capture {
    /// The received batches.
    pub fn batches(&self) -> Vec<Arc<Batch>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Sink for Capture {
    fn accept(&self, batch: &Arc<Batch>) {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.push(Arc::clone(batch));
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }
}

/// Encodes what it takes as OTLP on a thread of its own, and lets it go.
#[derive(Clone, Debug)]
pub struct Encoding(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Bounded: the thread that ends a span must not wait, so what does not fit is refused and counted.
    queue: SyncSender<Task>,
    encoded: Arc<AtomicU64>,
    refused: AtomicU64,
}

enum Task {
    Encode(Arc<Batch>),
    Answer(SyncSender<()>),
}

impl Encoding {
    /// Starts the thread. It ends, after what it was given, when the last handle is dropped.
    pub fn start() -> Self {
        let (queue, tasks) = sync_channel(WAITING);
        let encoded = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&encoded);
        thread::spawn(move || {
            for task in tasks {
                match task {
                    Task::Encode(batch) => {
                        black_box(encode_protobuf(std::slice::from_ref(&batch)));
                        count.fetch_add(batch.len() as u64, Relaxed);
                    }
                    // who asked may have stopped waiting
                    Task::Answer(to) => drop(to.send(())),
                }
            }
        });
        let refused = AtomicU64::new(0);
        Self(Arc::new(Inner {
            queue,
            encoded,
            refused,
        }))
    }

    /// Spans that became bytes.
    pub fn encoded(&self) -> u64 {
        self.0.encoded.load(Relaxed)
    }

    /// Spans for which there was no room.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }
}

impl Sink for Encoding {
    fn accept(&self, batch: &Arc<Batch>) {
        if self
            .0
            .queue
            .try_send(Task::Encode(Arc::clone(batch)))
            .is_err()
        {
            self.0.refused.fetch_add(batch.len() as u64, Relaxed);
        }
    }

    fn batching(&self) -> Batching {
        Batching::Full
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let (to, answer) = sync_channel(1);
        let asked = self.0.queue.send(Task::Answer(to));
        asked.map_err(|_| FlushError::failed())?;
        answer
            .recv_timeout(timeout)
            .map_err(|_| FlushError::timed_out())
    }
}
