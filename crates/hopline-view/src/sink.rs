//! The sink that puts the spans of this process into the viewer.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hopline_core::{Batch, FlushError, Sink, SpanData, notify};
use parking_lot::Mutex;

use crate::view::{Shared, View};

/// Puts finished spans into a [`View`]; made by [`View::sink`].
#[derive(Debug)]
pub struct ViewSink {
    /// Bounded by [`WAITING`] batches; a batch that does not fit is dropped, so the sender never waits.
    queue: SyncSender<Job>,
    view: Weak<Shared>,
}

/// Work for the viewer's thread.
#[derive(Debug)]
enum Job {
    Add(Arc<Batch>),
    /// Answered when all that was queued before is in the store.
    Flush(SyncSender<()>),
}

/// Batches that wait, each of one local trace.
const WAITING: usize = 1024;

impl ViewSink {
    /// Starts the thread that fills the store. It ends when the sink is dropped, and does not keep the viewer alive.
    pub(crate) fn new(view: &View) -> Self {
        let (queue, jobs) = sync_channel(WAITING);
        let shared = Arc::downgrade(&view.shared);
        let of_thread = Weak::clone(&shared);
        let started = std::thread::Builder::new()
            .name("hopline-view".to_owned())
            .spawn(move || fill(&jobs, &of_thread));
        if started.is_err() {
            notify("view", || {
                "no thread could be started for the viewer; it shows nothing of this process"
                    .to_owned()
            });
        }
        Self {
            queue,
            view: shared,
        }
    }
}

fn fill(jobs: &Receiver<Job>, view: &Weak<Shared>) {
    for job in jobs {
        match (job, view.upgrade()) {
            (Job::Add(batch), Some(shared)) => View { shared }.add(&batch.to_spans(), &[]),
            (Job::Add(_), None) => return,
            (Job::Flush(done), _) => {
                // nobody waits any more if this fails
                let _ = done.send(());
            }
        }
    }
}

impl Sink for ViewSink {
    fn accept(&self, batch: &Arc<Batch>) {
        let Err(error) = self.queue.try_send(Job::Add(Arc::clone(batch))) else {
            return;
        };
        if let Some(view) = self.view.upgrade() {
            view.opened.dropped.fetch_add(batch.len() as u64, Relaxed);
        }
        if matches!(error, TrySendError::Full(_)) {
            notify("view", || {
                format!(
                    "the viewer does not keep up: spans are missing from it, though not from other sinks (more than {WAITING} traces wait)"
                )
            });
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let (done, answer) = sync_channel(1);
        // a full queue is emptied by the thread within the time
        let mut job = Job::Flush(done);
        let begun = std::time::Instant::now();
        while let Err(TrySendError::Full(back)) = self.queue.try_send(job) {
            if begun.elapsed() >= timeout {
                return Err(FlushError::timed_out());
            }
            std::thread::sleep(Duration::from_millis(1));
            job = back;
        }
        answer
            .recv_timeout(timeout.saturating_sub(begun.elapsed()))
            .map_err(|_| FlushError::timed_out())
    }
}

/// Where the spans that have not ended are found: the tracers of the viewer's sinks.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Locked to add a tracer and to look at all; one for each sink.
    sources: Mutex<Vec<hopline_core::Source>>,
    dropped: AtomicU64,
}

impl Opened {
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// `None` if there is no tracer.
    pub(crate) fn spans(&self) -> Option<Vec<SpanData>> {
        let sources = self.sources.lock();
        (!sources.is_empty()).then(Vec::new)
    }
}
