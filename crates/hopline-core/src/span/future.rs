//! Futures with a context: it is current exactly while the future is polled.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use crate::span::context::Context;
use crate::span::current;
use crate::span::handle::Span;

/// Extension of futures: a span or a context is current while the future is polled.
///
/// Between polls another task runs on the thread, so a guard held across an `.await` would leak into it; this cannot.
///
/// # Cancellation
///
/// A future that is dropped before it is ready is dropped with its context current, so the work of its destructors
/// (roll back, release) is part of the trace. Then its span ends.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use hopline_core::{FutureExt, span};
///
/// let work = async { 6 * 7 }.in_span(span("compute"));
/// assert_eq!(work.await, 42);
///
/// // a spawned task stays part of the request
/// tokio::spawn(async { /* … */ }.in_current_context()).await.unwrap();
/// # }
/// ```
pub trait FutureExt: Future + Sized {
    /// Makes the span current while this future is polled. The span ends with the future: when it is ready, or dropped.
    fn in_span(self, span: Span) -> InSpan<Self> {
        InSpan {
            future: Some(self),
            span: Some(span),
        }
    }

    /// Makes the context current while this future is polled. Ends no span.
    fn in_context(self, context: Context) -> InContext<Self> {
        InContext {
            future: Some(self),
            context,
        }
    }

    /// Makes the context that is current now current while this future is polled, on any thread.
    fn in_current_context(self) -> InContext<Self> {
        self.in_context(Context::current())
    }
}

impl<F: Future> FutureExt for F {}

pin_project! {
    /// The future of [`FutureExt::in_span`].
    ///
    /// # Cancellation
    ///
    /// Dropping it drops the inner future with the span current, and ends the span without an error.
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InSpan<F> {
        #[pin]
        future: Option<F>,
        span: Option<Span>,
    }

    impl<F> PinnedDrop for InSpan<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(span) = this.span {
                span.in_scope(|| this.future.set(None));
            }
        }
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(span) = this.span else {
            polled_after_ready()
        };
        let polled = span.in_scope(|| poll_once(this.future.as_mut(), cx));
        if polled.is_ready() {
            *this.span = None;
        }
        polled
    }
}

pin_project! {
    /// The future of [`FutureExt::in_context`].
    ///
    /// # Cancellation
    ///
    /// Dropping it drops the inner future with the context current.
    ///
    /// # Panics
    ///
    /// Panics if it is polled after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        #[pin]
        future: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            current::scope(this.context, || this.future.set(None));
        }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        current::scope(this.context, || poll_once(this.future.as_mut(), cx))
    }
}

/// Polls, and drops the future as soon as it is ready, while its context is still current.
#[inline]
fn poll_once<F: Future>(
    mut future: Pin<&mut Option<F>>,
    cx: &mut task::Context<'_>,
) -> Poll<F::Output> {
    let Some(inner) = future.as_mut().as_pin_mut() else {
        polled_after_ready()
    };
    let polled = inner.poll(cx);
    if polled.is_ready() {
        future.set(None);
    }
    polled
}

#[cold]
fn polled_after_ready() -> ! {
    panic!("a future was polled after it was ready")
}
