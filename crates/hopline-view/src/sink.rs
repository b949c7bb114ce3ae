//! The sink that puts the spans of this process into the viewer.
//! A tracer calls `accept` at the end of each local trace, on the thread of the request. A thread of the viewer fills the
//! store, so that a request never waits for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hopline_core::export::{FlushError, Source};
use hopline_core::{Batch, Sink, notify};

use crate::printer::Printer;
use crate::view::{Shared, View};

/// Puts finished spans into a [`View`]; made by [`View::sink`], [`Terminal::sink`](crate::Terminal::sink) and
/// [`sink`](crate::sink).
///
/// It has one queue and one thread of its own.
#[derive(Debug)]
pub struct ViewSink(Option<Filling>);

/// The parts of a sink that is on. Absent from one that takes nothing.
#[derive(Debug)]
struct Filling {
    /// Bounded by [`WAITING`] batches; a batch that does not fit is dropped, so the sender never waits.
    ///
    /// A thread of its own reads it, so the sink needs no async runtime.
    queue: SyncSender<Job>,
    /// Weak, so that a tracer that outlives the viewer does not keep its memory.
    view: Weak<Shared>,
}

/// Work for the viewer's thread.
#[derive(Debug)]
enum Job {
    /// The spans of one local trace. Shared with the tracer's other sinks, not copied.
    Add(Arc<Batch>),
    /// Answered when all that was queued before is in the store.
    ///
    /// The sender has room for one message, so the answer never waits for its reader.
    Flush(SyncSender<()>),
}

/// Batches that wait, each of one local trace.
///
/// A batch beyond it is dropped and counted, and other sinks are not affected.
///
/// The room absorbs a burst while a reader holds the store's lock.
const WAITING: usize = 1024;

impl View {
    /// Creates a sink that puts a tracer's spans into this viewer: `Tracer::builder().sink(view.sink())`.
    ///
    /// It never delays the thread that ends a span: batches wait in a bounded queue for the viewer's own thread, and what
    /// does not fit is dropped and counted.
    pub fn sink(&self) -> ViewSink {
        ViewSink::new(self, None)
    }
}

impl ViewSink {
    /// Starts the thread that fills the store. It ends when the sink is dropped, and does not keep the viewer alive.
    ///
    /// Without a thread, for which the system may have no room, batches are dropped and counted, and a notice reports
    /// it.
    pub(crate) fn new(view: &View, printer: Option<Printer>) -> Self {
        let (queue, jobs) = sync_channel(WAITING);
        let shared = Arc::downgrade(&view.shared);
        let of_thread = Weak::clone(&shared);
        let started = std::thread::Builder::new()
            .name("hopline-view".to_owned())
            .spawn(move || fill(&jobs, &of_thread, printer));
        if started.is_err() {
            notify("view", || {
                "no thread could be started for the viewer; it shows nothing of this process"
                    .to_owned()
            });
        }
        Self(Some(Filling {
            queue,
            view: shared,
        }))
    }

    /// A sink that takes nothing. Used in a build without debug assertions, where the viewer is off by default.
    pub(crate) fn off() -> Self {
        Self(None)
    }
}

/// Fills the store, and prints if there is a printer. Ends when the sink or the viewer is dropped.
///
/// The viewer is upgraded for each job and not held between jobs, so that dropping the last `View` frees its memory
/// at once.
fn fill(jobs: &Receiver<Job>, view: &Weak<Shared>, mut printer: Option<Printer>) {
    loop {
        let job = match printer.as_ref().and_then(Printer::wait) {
            Some(wait) => jobs.recv_timeout(wait),
            None => jobs.recv().map_err(RecvTimeoutError::from),
        };
        let view = view.upgrade().map(|shared| View { shared });
        match (job, &view) {
            (Ok(Job::Add(batch)), Some(view)) => {
                let spans = batch.to_spans();
                view.add(&spans, &[]);
                if let (Some(printer), Some(span)) = (&mut printer, spans.first()) {
                    printer.changed(span.trace_id);
                }
            }
            (Ok(Job::Add(_)), None) => return,
            (Ok(Job::Flush(done)), _) => {
                if let (Some(printer), Some(view)) = (&mut printer, &view) {
                    printer.print_all(view);
                }
                // a send fails if the flush timed out meanwhile
                let _ = done.send(());
            }
            (Err(RecvTimeoutError::Timeout), _) => {}
            (Err(RecvTimeoutError::Disconnected), _) => {
                if let (Some(printer), Some(view)) = (&mut printer, &view) {
                    printer.print_all(view);
                }
                return;
            }
        }
        if let (Some(printer), Some(view)) = (&mut printer, &view) {
            printer.print_due(view);
        }
    }
}

impl Sink for ViewSink {
    /// Queues the batch, or drops and counts it. Takes an `Arc`, so no span is copied on the thread of the request.
    fn accept(&self, batch: &Arc<Batch>) {
        let Some(Filling { queue, view }) = &self.0 else {
            return;
        };
        let (Err(error), Some(view)) =
            (queue.try_send(Job::Add(Arc::clone(batch))), view.upgrade())
        else {
            return;
        };
        view.opened.count_dropped(batch.len() as u64);
        if matches!(error, TrySendError::Full(_)) {
            notify("view", || {
                format!(
                    "the viewer does not keep up: spans are missing from it, though not from other sinks (more than \
                     {WAITING} traces wait)"
                )
            });
        }
    }

    /// Keeps the source of running spans. It is a weak reference, and is removed when its tracer is gone.
    fn start(&self, source: Source) {
        if let Some(view) = self.0.as_ref().and_then(|filling| filling.view.upgrade()) {
            view.opened.add(source);
        }
    }

    /// Waits until all batches that were accepted before are in the store, at most `timeout`.
    ///
    /// # Errors
    ///
    /// Returns an error if the time is over, or if the thread is gone.
    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let Some(Filling { queue, view }) = &self.0 else {
            return Ok(());
        };
        let (done, answer) = sync_channel(1);
        let mut job = Job::Flush(done);
        let begun = Instant::now();
        // a full queue is emptied by the thread within the time
        while let Err(TrySendError::Full(back)) = queue.try_send(job) {
            if begun.elapsed() >= timeout {
                return Err(FlushError::timed_out());
            }
            std::thread::sleep(Duration::from_millis(1));
            job = back;
        }
        match answer.recv_timeout(timeout.saturating_sub(begun.elapsed())) {
            Ok(()) => Ok(()),
            // the viewer was dropped, and with it what it held
            Err(RecvTimeoutError::Disconnected) if view.strong_count() == 0 => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(FlushError::failed()),
            Err(RecvTimeoutError::Timeout) => Err(FlushError::timed_out()),
        }
    }
}
