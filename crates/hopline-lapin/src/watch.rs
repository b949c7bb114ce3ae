//! Publishes that wait for a lost connection.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use lapin::ChannelStatus;
use tokio::runtime::Handle;

use crate::channel::Channel;
use crate::error::PublishError;
use crate::recovery::look_every;

/// Ends what waits on a channel whose connection is not recovered in time. lapin answers what a lost connection left
/// unanswered only when it has another one, and may be stuck before it has.
///
/// One timer for the channel: one for each publish would cost as much as the publish.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(
    // A plain lock, held to put a waker in or out.
    Arc<Mutex<State>>,
);

#[derive(Debug, Default)]
struct State {
    /// By place. Bounded by what is under way at a time; a place that is left is given again, without allocating.
    waiting: Vec<Option<Waker>>,
    free: Vec<usize>,
    running: bool,
    /// Since when the channel is without its connection, as far as anybody looked.
    lost: Option<Instant>,
}

impl Watch {
    /// The work's result, or an error once the channel has been without its connection for longer than its limit.
    pub(crate) async fn over<T>(
        &self,
        channel: &Channel,
        work: impl Future<Output = T>,
    ) -> Result<T, PublishError> {
        let mut work = pin!(work);
        let mut place = self.place(channel);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => place.poll_overdue(cx).map(Err),
        })
        .await
    }

    /// For one that waits by itself.
    pub(crate) fn place(&self, channel: &Channel) -> Place {
        Place {
            watch: self.clone(),
            at: None,
            status: channel.inner.status().clone(),
            limit: channel.settings.recovery_limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(running: Running, status: ChannelStatus, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(state) = running.0.upgrade() else {
            return;
        };
        let mut state = lock(&state);
        if state.free.len() == state.waiting.len() {
            return;
        }
        if status.reconnecting() {
            state.lost.get_or_insert_with(Instant::now);
            let waiting: Vec<Waker> = state.waiting.iter().flatten().cloned().collect();
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
        } else {
            state.lost = None;
        }
    }
}

/// Its end, also by that of its runtime: the next publish starts another one.
struct Running(Weak<Mutex<State>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(state) = self.0.upgrade() {
            let mut state = lock(&state);
            state.running = false;
            state.lost = None;
        }
    }
}

/// One that waits, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    watch: Watch,
    at: Option<usize>,
    status: ChannelStatus,
    limit: Duration,
}

impl Place {
    /// Ready when that took too long.
    pub(crate) fn poll_overdue(&mut self, cx: &Context<'_>) -> Poll<PublishError> {
        let mut state = self.watch.lock();
        // looked at now and then: it may be back meanwhile
        let overdue = state
            .lost
            .is_some_and(|since| since.elapsed() >= self.limit);
        if overdue && self.status.reconnecting() {
            return Poll::Ready(PublishError::NotRecovered(self.limit));
        }
        let at = *self.at.get_or_insert_with(|| {
            state.free.pop().unwrap_or_else(|| {
                state.waiting.push(None);
                state.waiting.len() - 1
            })
        });
        match &mut state.waiting[at] {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        if !state.running
            && let Ok(runtime) = Handle::try_current()
        {
            state.running = true;
            let running = Running(Arc::downgrade(&self.watch.0));
            // one for a channel, which ends when nothing waits; it holds no handle of the channel
            runtime.spawn(run(running, self.status.clone(), look_every(self.limit)));
        }
        Poll::Pending
    }
}

/// Nothing blocks; the lock is held to take the waker out.
impl Drop for Place {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            let mut state = self.watch.lock();
            state.waiting[at] = None;
            state.free.push(at);
        }
    }
}
