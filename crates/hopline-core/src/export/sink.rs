//! Sinks: the receivers of finished spans.
//! Implemented by exporters and tests; the engine hands batches to them.

use std::fmt::Debug;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::export::batch::Batch;

/// A receiver of finished spans.
///
/// A tracer may have several. All receive the same [`Batch`], which each may hold as long as it needs.
///
/// Requirements: [`accept`](Sink::accept) is called on the thread that ended a span, mostly one that serves a request, so
/// it must not block, and only put the batch into a bounded queue. It must drop and count batches that do not fit, and
/// report the loss by [`notify`](crate::notify). Its panics are contained; spans that it starts are not recorded.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::sync::Arc;
/// use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer};
///
/// struct Count(Arc<AtomicUsize>);
///
/// impl Sink for Count {
///     fn accept(&self, batch: &Arc<Batch>) {
///         self.0.fetch_add(batch.len(), Ordering::Relaxed);
///     }
/// }
///
/// let count = Arc::new(AtomicUsize::new(0));
/// let tracer = Tracer::builder().sink(Count(Arc::clone(&count))).build();
/// SpanBuilder::new("work").tracer(&tracer).parent(Incoming::default()).start().end();
/// assert_eq!(count.load(Ordering::Relaxed), 1);
/// ```
pub trait Sink: Send + Sync + 'static {
    /// Receives finished spans. Called outside all locks, on any thread; must not block.
    fn accept(&self, batch: &Arc<Batch>);

    /// The moment at which it receives spans. Defaults to [`Batching::EachTrace`].
    fn batching(&self) -> Batching {
        Batching::EachTrace
    }

    /// Called once when the tracer is built, with a handle to request spans that wait. Defaults to nothing.
    fn start(&self, source: Source) {
        let _ = source;
    }

    /// Waits until accepted spans are written. Defaults to success.
    ///
    /// # Errors
    ///
    /// Returns an error if they are not written within `timeout`, or if spans were lost.
    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let _ = timeout;
        Ok(())
    }

    /// Flushes, and drops spans that it receives later. Defaults to [`flush`](Sink::flush).
    ///
    /// # Errors
    ///
    /// The same as [`flush`](Sink::flush).
    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.flush(timeout)
    }
}

/// The moment at which a sink receives finished spans.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use hopline_core::{Batch, Sink};
/// use hopline_core::export::Batching;
///
/// struct Writer;
///
/// impl Sink for Writer {
///     fn accept(&self, _: &Arc<Batch>) {}
///
///     fn batching(&self) -> Batching {
///         Batching::Full
///     }
/// }
/// assert_eq!(Writer.batching(), Batching::Full);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Batching {
    /// At the end of each local root that is kept.
    EachTrace,
    /// When 512 spans have gathered, or when it requests them through its [`Source`].
    Full,
}

/// The handle by which a sink requests spans that wait in its tracer. It does not keep the tracer alive.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use hopline_core::export::{Batching, Source};
/// use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer};
///
/// #[derive(Clone, Default)]
/// struct Patient(Arc<Mutex<(usize, Option<Source>)>>);
///
/// impl Sink for Patient {
///     fn accept(&self, batch: &Arc<Batch>) {
///         self.0.lock().unwrap().0 += batch.len();
///     }
///     fn batching(&self) -> Batching {
///         Batching::Full
///     }
///     fn start(&self, source: Source) {
///         self.0.lock().unwrap().1 = Some(source);
///     }
/// }
///
/// let sink = Patient::default();
/// let tracer = Tracer::builder().sink(sink.clone()).build();
/// SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start().end();
/// assert_eq!(sink.0.lock().unwrap().0, 0);
/// let source = sink.0.lock().unwrap().1.clone().unwrap();
/// assert!(source.hand_over());
/// assert_eq!(sink.0.lock().unwrap().0, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Source(pub(crate) Weak<dyn SourceTracer>);

/// The tracer of a sink, which does not keep it alive.
pub(crate) trait SourceTracer: Debug + Send + Sync {
    /// Gives what has finished to the sinks, outside all locks.
    fn hand_over(self: Arc<Self>);

    /// Copies the spans of traces that go on, up to about `max`.
    fn running(self: Arc<Self>, max: usize) -> Batch;
}

impl Source {
    /// Makes the tracer hand the spans that wait to all of its sinks. Returns false if the tracer is dropped.
    pub fn hand_over(&self) -> bool {
        let tracer = self.0.upgrade();
        tracer.map(|tracer| tracer.hand_over()).is_some()
    }

    /// Copies the spans of local traces that have not ended, those with no open span left out: for a sink that shows what
    /// runs. `None` if the tracer is gone.
    ///
    /// Takes up to about `max` spans, whole local traces each. An [open](crate::export::SpanView::is_open) span ends at the moment
    /// of the copy. A local trace that is not kept is among them while it runs. Locks each local trace for the time of its
    /// copy, so it is for a few looks in a second, not for each span.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, OnceLock};
    /// use hopline_core::export::Source;
    /// use hopline_core::{Batch, Incoming, Sink, SpanBuilder, Tracer};
    ///
    /// struct Look(Arc<OnceLock<Source>>);
    ///
    /// impl Sink for Look {
    ///     fn accept(&self, _: &Arc<Batch>) {}
    ///
    ///     fn start(&self, source: Source) {
    ///         let _ = self.0.set(source);
    ///     }
    /// }
    ///
    /// let source = Arc::new(OnceLock::new());
    /// let tracer = Tracer::builder().sink(Look(Arc::clone(&source))).build();
    /// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
    /// let running = source.get().unwrap().running(100).unwrap();
    /// let names: Vec<_> = running.spans().map(|span| (span.name(), span.is_open())).collect();
    /// assert_eq!(names, [("job", true)]);
    /// job.end();
    /// assert!(source.get().unwrap().running(100).unwrap().is_empty());
    /// ```
    pub fn running(&self, max: usize) -> Option<Batch> {
        self.0.upgrade().map(|tracer| tracer.running(max))
    }
}

/// The error of a flush: not all finished spans were written in time, or some were lost.
///
/// # Examples
///
/// ```
/// use hopline_core::export::FlushError;
///
/// assert!(FlushError::timed_out().is_timeout());
/// assert!(!FlushError::failed().is_timeout());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", match self.0 {
    Reason::TimedOut => "not all spans were written in time; allow more time, or see the notices for the cause",
    Reason::Failed => "not all spans could be written; see the notices for the cause",
})]
pub struct FlushError(Reason);

crate::debug_as_display!(FlushError);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    TimedOut,
    Failed,
}

impl FlushError {
    /// The error of a timeout. The rest may still be written.
    pub fn timed_out() -> Self {
        Self(Reason::TimedOut)
    }

    /// The error of lost spans.
    pub fn failed() -> Self {
        Self(Reason::Failed)
    }

    /// True if time ran out, false if spans were lost.
    pub fn is_timeout(&self) -> bool {
        self.0 == Reason::TimedOut
    }
}
