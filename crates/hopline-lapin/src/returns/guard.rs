//! The owner of a publish: the future of the caller that wants its answer.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use lapin::{Confirmation, ErrorKind};

use super::Returns;
use super::entry::{Answer, Stage};

/// A publish under way, owned by the future of its caller.
///
/// Dropped, it gives up the answer; the publish proceeds. Its methods poll all publishes that lapin woke, not only this
/// one, since each answer may carry the return of another.
pub(crate) struct ConfirmGuard {
    returns: Returns,
    id: u64,
}

impl ConfirmGuard {
    /// Takes over a publish that [`Returns::publish`] has begun.
    pub(super) fn new(returns: Returns, id: u64) -> Self {
        Self { returns, id }
    }

    /// Ready when the frames are written to the socket. The guard is still needed for the answer.
    ///
    /// # Errors
    ///
    /// They were not: the channel or connection failed first, and no answer will follow.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing; the guard can await again.
    pub(crate) async fn written(&self) -> lapin::Result<()> {
        poll_fn(|cx| self.poll_written(cx)).await
    }

    /// Registers the waker before the look, so that a wake-up in between is not lost.
    fn poll_written(&self, cx: &Context<'_>) -> Poll<lapin::Result<()>> {
        let mut state = self.returns.lock();
        if let Some(entry) = state.entry(self.id) {
            entry.waker.owner.register(cx.waker());
        }
        self.returns.handle_woken(&mut state);
        match state.entry(self.id).map(|entry| &entry.stage) {
            Some(Stage::Writing(_)) => Poll::Pending,
            Some(Stage::Answered(Answer::Failed(error))) => {
                let error = error.clone();
                state.remove(self.id);
                Poll::Ready(Err(error))
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Ready when the broker has answered and it is known whether it returned the message.
    ///
    /// A mandatory message whose confirm carries the return of another waits for one more confirm, or for the probe.
    ///
    /// # Errors
    ///
    /// The channel failed.
    pub(crate) async fn answer(&self) -> lapin::Result<Confirmation> {
        poll_fn(|cx| self.poll_answer(cx)).await
    }

    /// Polls for the [`answer`](ConfirmGuard::answer).
    ///
    /// # Errors
    ///
    /// The channel failed, or it was ready before.
    pub(crate) fn poll_answer(&self, cx: &Context<'_>) -> Poll<lapin::Result<Confirmation>> {
        let returns = &self.returns;
        let mut state = returns.lock();
        let Some(entry) = state.entry(self.id) else {
            return Poll::Ready(Err(ErrorKind::FutureCompleted.into()));
        };
        entry.waker.owner.register(cx.waker());
        if state.is_open(self.id) {
            returns.watch(cx);
        }
        returns.handle_woken(&mut state);
        if state.is_open(self.id) {
            // only the answer of another publish helps, also one that arrived since the last look
            returns.watch(cx);
            returns.handle_woken(&mut state);
        }
        match state.take(self.id) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }

    /// For a guard that is about to be dropped: its span ends with the outcome known so far.
    ///
    /// Calls `look` with the answer and whether the message was returned, if both are known.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Answer, bool) -> Option<T>) -> Option<T> {
        let mut state = self.returns.lock();
        self.returns.handle_woken(&mut state);
        let entry = state.entry(self.id).filter(|entry| entry.is_final)?;
        match &entry.stage {
            Stage::Answered(answer) => look(answer, entry.returned.is_some()),
            _ => None,
        }
    }
}

/// Gives up the answer. Does not block: the lock is held for one look-up.
impl Drop for ConfirmGuard {
    fn drop(&mut self) {
        self.returns.lock().disown(self.id);
    }
}

impl fmt::Debug for ConfirmGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfirmGuard")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
