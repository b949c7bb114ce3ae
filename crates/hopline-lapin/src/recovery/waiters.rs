//! One timer for all futures that wait on a channel: a timer for each publish would cost as much as the publish.

use std::borrow::Borrow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use lapin::ChannelStatus;
use tokio::runtime::Handle;

use crate::error::PublishError;

/// Checks of a channel's state within its limit.
const CHECKS: u32 = 8;
/// Shortest interval of those checks.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// The futures that wait on a channel. lapin completes those of a lost connection when it has another one, and may be
/// stuck before that, so a timer wakes them to look at the limit.
///
/// Clones share the futures and the timer, and each has its own limit.
#[derive(Clone, Debug)]
pub(crate) struct Waiters {
    pub(super) status: ChannelStatus,
    /// The time without a connection after which a wait ends.
    pub(super) limit: Duration,
    /// A plain lock, held to put a waker in or out.
    registry: Arc<Mutex<Registry>>,
}

#[derive(Debug, Default)]
struct Registry {
    /// Wakers by slot. Bounded by the futures that wait at a time; a free slot is used again, without allocating.
    wakers: Vec<Option<Waker>>,
    /// Slots without a future. All slots are free when nothing waits, which ends the timer task.
    free: Vec<usize>,
    /// The timer task runs.
    timed: bool,
    /// The time of the first check that found no connection.
    lost: Option<Instant>,
}

impl Waiters {
    pub(super) fn new(status: ChannelStatus, limit: Duration) -> Self {
        Self {
            status,
            limit,
            registry: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }
}

/// A poisoned lock is used further: nothing under it leaves the registry half changed.
fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A future's slot among the waiters, from its first pending poll until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiter<R: Borrow<Waiters>> {
    /// Borrowed by a future of the channel, owned by one that outlives it.
    waiters: R,
    /// `None` before the first pending poll.
    slot: Option<usize>,
}

impl<R: Borrow<Waiters>> Waiter<R> {
    /// Takes no slot yet: most operations are ready at their first poll.
    pub(crate) fn new(waiters: R) -> Self {
        Self {
            waiters,
            slot: None,
        }
    }

    /// Ready after the limit; else registers the waker for the next check.
    pub(crate) fn poll_overdue(&mut self, cx: &Context<'_>) -> Poll<PublishError> {
        let waiters = self.waiters.borrow();
        let mut registry = waiters.lock();
        let lost = registry.lost;
        let overdue = lost.is_some_and(|since| since.elapsed() >= waiters.limit);
        // checked again: `lost` is as old as the last check
        if overdue && waiters.status.reconnecting() {
            return Poll::Ready(PublishError::NotRecovered(waiters.limit));
        }
        let slot = *self.slot.get_or_insert_with(|| {
            registry.free.pop().unwrap_or_else(|| {
                registry.wakers.push(None);
                registry.wakers.len() - 1
            })
        });
        match &mut registry.wakers[slot] {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        if !registry.timed
            && let Ok(runtime) = Handle::try_current()
        {
            registry.timed = true;
            let timed = Timed(Arc::downgrade(&waiters.registry));
            let interval = check_interval(waiters.limit);
            // one task for a channel, which ends when nothing waits; it holds no handle of the channel
            runtime.spawn(check(timed, waiters.status.clone(), interval));
        }
        Poll::Pending
    }
}

/// Frees the slot. Does not block: the lock is held to take the waker out.
impl<R: Borrow<Waiters>> Drop for Waiter<R> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut registry = self.waiters.borrow().lock();
            registry.wakers[slot] = None;
            registry.free.push(slot);
        }
    }
}

/// Returns the interval of checks for a limit: a wait may last longer than the limit by this time.
pub(super) fn check_interval(limit: Duration) -> Duration {
    (limit / CHECKS).max(MIN_INTERVAL)
}

/// Wakes all waiters at each interval without a connection, so that they look at the limit. Ends when nothing waits
/// or the channel is gone.
async fn check(timed: Timed, status: ChannelStatus, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(registry) = timed.0.upgrade() else {
            return;
        };
        let mut registry = lock(&registry);
        if registry.free.len() == registry.wakers.len() {
            return;
        }
        if status.reconnecting() {
            registry.lost.get_or_insert_with(Instant::now);
            let wakers: Vec<Waker> = registry.wakers.iter().flatten().cloned().collect();
            drop(registry);
            wakers.into_iter().for_each(Waker::wake);
        } else {
            registry.lost = None;
        }
    }
}

/// Marks the timer task as running, until it or its runtime ends: then the next wait starts another one.
struct Timed(Weak<Mutex<Registry>>);

impl Drop for Timed {
    fn drop(&mut self) {
        if let Some(registry) = self.0.upgrade() {
            let mut registry = lock(&registry);
            registry.timed = false;
            registry.lost = None;
        }
    }
}
