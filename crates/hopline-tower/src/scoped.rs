//! Futures and bodies that are polled and dropped with a context current.
//!
//! The response future, its body and the future of a call share this part. So there is one place for the order on a drop:
//! first the inner value, in its context, then the span.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use pin_project_lite::pin_project;

/// An owner of a context that can be made current.
pub(crate) trait Scope {
    /// Runs `f` with the context current. Without a context, it only runs `f`.
    ///
    /// A panic of `f` is passed on.
    fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R;
}

pin_project! {
    /// A future or a body, and the scope that it runs in. `inner` is none once it has finished.
    #[derive(Debug)]
    pub(crate) struct Scoped<T, S: Scope> {
        #[pin]
        pub(crate) inner: Option<T>,
        pub(crate) scope: S,
    }

    impl<T, S: Scope> PinnedDrop for Scoped<T, S> {
        /// Cancelled: the inner value may run code of the application when it is dropped, so the context is current.
        /// The scope ends its span afterwards, when it is dropped itself.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.scope.in_scope(|| this.inner.set(None));
        }
    }
}

impl<T, S: Scope> Scoped<T, S> {
    /// Wraps a value that runs in a scope.
    pub(crate) fn new(inner: T, scope: S) -> Self {
        Self {
            inner: Some(inner),
            scope,
        }
    }
}

/// Polls the future, and drops it when it is ready: one scope covers both.
///
/// # Panics
///
/// Panics if the future has finished. A caller that waits for ever would hide the mistake, and harm the request more.
#[inline]
pub(crate) fn poll_once<F: Future>(
    mut inner: Pin<&mut Option<F>>,
    cx: &mut Cx<'_>,
) -> Poll<F::Output> {
    let Some(future) = inner.as_mut().as_pin_mut() else {
        polled_after_ready()
    };
    let output = future.poll(cx);
    if output.is_ready() {
        inner.set(None);
    }
    output
}

#[cold]
fn polled_after_ready() -> ! {
    panic!("a future of hopline-tower was polled after it was ready")
}
