//! Ownership of a request's span while it moves from the future to the body.
//!
//! A request's span has one owner at a time: the future, then the body. The owner that is dropped ends the span.

use std::cell::RefCell;

use super::request_span::RequestSpan;
use crate::scoped::Scope;

/// Maximum number of unused spans that a thread keeps: 32 KiB.
const MAX_IDLE: usize = 256;

thread_local! {
    // A cell: no foreign code runs while it is borrowed. Bounded by `MAX_IDLE`, freed with the thread.
    #[expect(clippy::vec_box, reason = "boxes move between the pool and the requests")]
    static IDLE: RefCell<Vec<Box<RequestSpan>>> = const { RefCell::new(Vec::new()) };
}

/// The span of a request, shared by its future and then its body, or none.
///
/// One pointer in size, since routers and servers move futures and bodies many times. The memory is taken from a pool of
/// the thread and returned to it, so a warm thread does not allocate.
#[derive(Debug, Default)]
pub(crate) struct PooledSpan(Option<Box<RequestSpan>>);

impl PooledSpan {
    /// Takes an empty span from the pool and fills it in place.
    #[inline]
    pub(crate) fn new(fill: impl FnOnce(&mut RequestSpan)) -> Self {
        // the pool is gone while the thread ends
        let idle = IDLE.try_with(|idle| idle.borrow_mut().pop());
        let mut span = idle.ok().flatten().unwrap_or_default();
        fill(&mut span);
        Self(Some(span))
    }

    /// Returns the span. None for requests that a layer outside records.
    #[inline]
    pub(crate) fn get(&mut self) -> Option<&mut RequestSpan> {
        self.0.as_deref_mut()
    }

    /// Moves the span out, so that dropping `self` ends nothing.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self(self.0.take())
    }
}

impl Scope for PooledSpan {
    #[inline]
    fn in_scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        match self.get() {
            Some(span) => span.in_scope(f),
            None => f(),
        }
    }
}

impl Drop for PooledSpan {
    /// Ends a span that has not ended, as cancelled, and returns its memory to the pool.
    #[inline]
    fn drop(&mut self) {
        let Some(mut span) = self.0.take() else {
            return;
        };
        span.close();
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < MAX_IDLE {
                idle.push(span);
            }
        });
    }
}
