//! Where finished spans go.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::export::batch::Batch;
use crate::export::home::Home;

/// Receives finished spans.
///
/// A tracer may have several; all get the same [`Batch`], which each may hold as long as it needs.
///
/// What an implementation owes: [`accept`](Sink::accept) is called on the thread that ended a span,
/// mostly one that serves a request, so it must neither block nor do more than put the batch somewhere
/// bounded. What it cannot take it drops, counts and [announces](crate::notify).
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
    /// Takes finished spans. Called outside all locks, on any thread; must not block.
    fn accept(&self, batch: &Arc<Batch>);

    /// When it wants spans; at each local root's end, if it does not say.
    fn batching(&self) -> Batching {
        Batching::EachTrace
    }

    /// Called once when the tracer is built, with the means to ask for what waits.
    fn start(&self, source: Source) {
        let _ = source;
    }

    /// Waits until what was accepted is out.
    ///
    /// # Errors
    ///
    /// If it is not within `timeout`, or could not be written.
    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let _ = timeout;
        Ok(())
    }

    /// Flushes and takes nothing any more.
    ///
    /// # Errors
    ///
    /// As [`flush`](Sink::flush).
    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.flush(timeout)
    }
}

/// When a sink wants finished spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// At the end of each local root that is kept.
    EachTrace,
    /// When 512 have gathered, or when it asks through its [`Source`].
    Full,
}

/// A sink's way to ask its tracer for spans that wait; does not keep the tracer alive.
#[derive(Clone, Debug)]
pub struct Source(pub(crate) Weak<dyn Home>);

impl Source {
    /// Makes the tracer give what waits to all its sinks. False if the tracer is gone.
    pub fn hand_over(&self) -> bool {
        let home = self.0.upgrade();
        home.map(|home| home.hand_over()).is_some()
    }
}

/// Finished spans could not all be written in time.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", match self.0 {
    Reason::TimedOut => "not all spans were written in time; allow more time, or see the notices for what holds them up",
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
    /// It took too long; what is left may still be written.
    pub fn timed_out() -> Self {
        Self(Reason::TimedOut)
    }

    /// Spans were lost.
    pub fn failed() -> Self {
        Self(Reason::Failed)
    }

    /// True if it took too long.
    pub fn is_timeout(&self) -> bool {
        self.0 == Reason::TimedOut
    }
}
