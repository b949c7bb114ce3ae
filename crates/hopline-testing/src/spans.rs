//! Finished spans of a test: a sink, and queries on what it received.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hopline_core::export::SpanData;
use hopline_core::{Batch, Sink};
use parking_lot::{Condvar, Mutex};

use crate::span_assert::SpanAssert;
use crate::tree::tree;

/// The finished spans of a test's tracers, of kept traces only.
///
/// A clone shows the same spans. Several tracers can share one, like the services of a system.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder, Tracer};
/// use hopline_testing::Spans;
///
/// let spans = Spans::new();
/// for service in ["gateway", "orders"] {
///     let tracer = Tracer::builder().service(service).sink(spans.sink()).build();
///     SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start().end();
/// }
/// assert_eq!(spans.named("job").len(), 2);
/// assert_eq!(spans.take().len(), 2);
/// assert!(spans.all().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spans(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    // Held for one copy. Nothing bounds the spans: a test has few. The condition is signalled for each batch.
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<SpanData>,
    wakers: Vec<Waker>,
}

impl Spans {
    /// An empty collection; its [`sink`](Spans::sink) is added to one or more tracers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that adds spans to this collection.
    pub fn sink(&self) -> impl Sink + use<> {
        Collector(self.clone())
    }

    /// All finished spans, in the order of their arrival.
    pub fn all(&self) -> Vec<SpanData> {
        self.0.state.lock().spans.clone()
    }

    /// Removes and returns all finished spans.
    pub fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut self.0.state.lock().spans)
    }

    /// Blocks until there are `count` spans.
    ///
    /// # Panics
    ///
    /// Panics if there are fewer after `limit`; the message shows them as a tree.
    #[track_caller]
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<SpanData> {
        let deadline = Instant::now() + limit;
        let mut state = self.0.state.lock();
        while state.spans.len() < count {
            if self.0.more.wait_until(&mut state, deadline).timed_out() {
                let (seen, there) = (state.spans.len(), tree(&state.spans));
                drop(state);
                panic!("waited for {count} spans, there are {seen} after {limit:?}:\n{there}");
            }
        }
        state.spans.clone()
    }

    /// A future that is ready once there are `count` spans, for tests on a single-threaded runtime.
    ///
    /// It has no time limit; wrap it in the runtime's.
    pub fn wait(&self, count: usize) -> Wait {
        Wait {
            spans: self.clone(),
            count,
        }
    }

    /// The traces as trees without times and ids, to compare with expected text.
    pub fn tree(&self) -> String {
        tree(&self.0.state.lock().spans)
    }

    /// The spans of this name.
    pub fn named(&self, name: &str) -> Vec<SpanData> {
        let state = self.0.state.lock();
        state
            .spans
            .iter()
            .filter(|span| span.name == name)
            .cloned()
            .collect()
    }

    /// The only span of this name, for assertions.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or more than one; the message shows the spans as a tree.
    #[track_caller]
    pub fn one(&self, name: &str) -> SpanAssert {
        let named = self.named(name);
        match <[SpanData; 1]>::try_from(named) {
            Ok([span]) => SpanAssert::new(span, self.all()),
            Err(named) => panic!(
                "there are {} spans named `{name}`, not one:\n{}",
                named.len(),
                self.tree()
            ),
        }
    }
}

/// The future of [`Spans::wait`].
///
/// # Cancellation
///
/// Dropping it has no effect on the spans.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder};
///
/// let (tracer, spans) = hopline_testing::tracer("jobs");
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// tokio::spawn(async move { SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start().end() });
/// assert_eq!(spans.wait(1).await[0].name, "job");
/// # });
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Wait {
    spans: Spans,
    count: usize,
}

impl Future for Wait {
    type Output = Vec<SpanData>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<SpanData>> {
        let mut state = self.spans.0.state.lock();
        if state.spans.len() >= self.count {
            return Poll::Ready(state.spans.clone());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

struct Collector(Spans);

impl Sink for Collector {
    fn accept(&self, batch: &Arc<Batch>) {
        let shared = &*self.0.0;
        let mut state = shared.state.lock();
        state.spans.extend(batch.to_spans());
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        shared.more.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}
