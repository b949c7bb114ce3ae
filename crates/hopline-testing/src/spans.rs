//! The spans that a test's tracers have finished.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hopline_core::export::SpanData;
use hopline_core::{Batch, Sink};
use parking_lot::{Condvar, Mutex};

use crate::span_assert::SpanAssert;
use crate::tree::tree;

/// The spans that a test's tracers have finished, kept traces only.
///
/// Cloning it gives another view of the same spans. Several tracers may write into one, as the
/// services of a system do.
#[derive(Clone, Debug, Default)]
pub struct Spans(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    // Held for one copy; a test's spans are few, so nothing bounds them. The condition is that there are more.
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<SpanData>,
    wakers: Vec<Waker>,
}

impl Spans {
    /// Makes a view of no spans yet; give its [`sink`](Spans::sink) to one tracer or more.
    pub fn new() -> Self {
        Self::default()
    }

    /// What receives spans for it.
    pub fn sink(&self) -> impl Sink + use<> {
        Collector(self.clone())
    }

    /// All finished spans, in the order of their arrival.
    pub fn all(&self) -> Vec<SpanData> {
        self.0.state.lock().spans.clone()
    }

    /// All finished spans, which are forgotten here.
    pub fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut self.0.state.lock().spans)
    }

    /// Waits until there are as many, blocking the thread.
    ///
    /// # Panics
    ///
    /// If there are not in this time; the message shows what there is.
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

    /// Waits until there are as many, without blocking: for tests on a runtime of one thread.
    ///
    /// It has no time limit of its own; wrap it in the runtime's.
    pub fn wait(&self, count: usize) -> Wait {
        Wait {
            spans: self.clone(),
            count,
        }
    }

    /// The traces as trees without times and ids, to compare with.
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

    /// The only span of this name, to be looked at.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one; the message shows what there is.
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

/// Ready when there are enough spans; see [`Spans::wait`].
///
/// # Cancellation
///
/// Dropping it forgets about it.
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
