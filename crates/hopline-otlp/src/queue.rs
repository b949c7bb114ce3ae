//! The bounded queue between the threads that end spans and the one that writes them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hopline_core::{Batch, FlushError, notify};

use crate::ExportStats;

/// How many spans go out together, where that many wait.
pub(crate) const SPANS_AT_ONCE: usize = 512;

/// A queue of batches with one writer.
///
/// Bounded by spans. The newest are dropped where it is full: what waits is older, and a part of it may
/// be on its way. A batch stays in the queue, and within the bound, until its fate is settled.
#[derive(Debug)]
pub(crate) struct Queue {
    // Held for a few instructions, never while anything is sent, written or announced.
    state: Mutex<State>,
    /// Wakes a writer that is a plain thread.
    work: Condvar,
    /// Wakes those who wait in a flush.
    settled: Condvar,
    /// Wakes a writer that is a future.
    #[cfg(feature = "http")]
    wake: tokio::sync::Notify,
    /// Wakes the writer's watch on the shutdown deadline.
    #[cfg(feature = "http")]
    closing: tokio::sync::Notify,
    max_spans: usize,
    /// From how many spans on the writer is woken.
    ample: u64,
    /// What it is, for notices.
    what: &'static str,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Arc<Batch>>,
    stats: ExportStats,
    /// Batches ever taken and ever settled. They settle in order, so a flush waits for a number.
    taken: u64,
    settled: u64,
    /// How often someone asked to have everything out now, and up to which batch.
    urges: u64,
    urged: u64,
    /// When the writer must give up; set once the queue takes nothing any more.
    deadline: Option<Instant>,
    /// True once there is no writer any more.
    ended: bool,
    /// Spans dropped in the loss that goes on.
    losing: u64,
    /// Spans lost after they were taken, as far as a flush has told.
    reported: u64,
}

/// What became of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Out, but for so many spans that the other side refused.
    Sent { refused: u64 },
    /// Refused for good.
    #[cfg(feature = "http")]
    Rejected,
    /// Given up.
    Abandoned,
}

impl Queue {
    /// A queue for at most `max_spans`, whose writer wants to be woken once `ample` wait.
    pub(crate) fn new(max_spans: usize, ample: usize, what: &'static str) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            settled: Condvar::new(),
            #[cfg(feature = "http")]
            wake: tokio::sync::Notify::new(),
            #[cfg(feature = "http")]
            closing: tokio::sync::Notify::new(),
            max_spans,
            ample: ample as u64,
            what,
        }
    }

    /// Takes a batch, or drops and counts it.
    pub(crate) fn offer(&self, batch: &Arc<Batch>) {
        let spans = batch.len() as u64;
        let mut state = self.state();
        if state.deadline.is_some() || state.ended {
            state.stats.dropped += spans;
            drop(state);
            return notify("otlp-closed", || {
                format!("{} was shut down: {spans} spans are lost", self.what)
            });
        }
        // an empty queue takes any batch, else one larger than the bound could never go out
        if state.stats.waiting > 0 && state.stats.waiting + spans > self.max_spans as u64 {
            state.stats.dropped += spans;
            let first = state.losing == 0;
            state.losing += spans;
            drop(state);
            if first {
                notify("otlp-loss", || {
                    format!(
                        "{} is full ({} spans): new spans are being lost",
                        self.what, self.max_spans
                    )
                });
            }
            return;
        }
        state.batches.push_back(Arc::clone(batch));
        state.taken += 1;
        state.stats.accepted += spans;
        state.stats.waiting += spans;
        let ample = state.stats.waiting >= self.ample;
        drop(state);
        if ample {
            self.wake();
        }
    }

    /// The oldest batches, as many as make one request; they stay until they are settled.
    pub(crate) fn front(&self) -> Vec<Arc<Batch>> {
        let state = self.state();
        let mut spans = 0;
        let fits = |batch: &&Arc<Batch>| {
            let first = spans == 0;
            spans += batch.len();
            first || spans <= SPANS_AT_ONCE
        };
        state.batches.iter().take_while(fits).cloned().collect()
    }

    /// Says what became of the oldest batches.
    pub(crate) fn settle(&self, batches: usize, fate: Fate) {
        let mut state = self.state();
        let gone: Vec<_> = (0..batches)
            .map_while(|_| state.batches.pop_front())
            .collect();
        state.settled += gone.len() as u64;
        let spans = gone.iter().map(|batch| batch.len() as u64).sum();
        let stats = &mut state.stats;
        stats.waiting -= spans;
        match fate {
            Fate::Sent { refused } => {
                let refused = refused.min(spans);
                stats.rejected += refused;
                stats.sent += spans - refused;
            }
            #[cfg(feature = "http")]
            Fate::Rejected => stats.rejected += spans,
            Fate::Abandoned => stats.abandoned += spans,
        }
        // half empty, so that a queue on the edge does not announce an end with each request
        let over = state.losing > 0 && state.stats.waiting <= self.max_spans as u64 / 2;
        let lost = if over {
            std::mem::take(&mut state.losing)
        } else {
            0
        };
        drop(state);
        // batches give their memory back to their tracer here, outside the lock
        drop(gone);
        self.settled.notify_all();
        if over {
            notify("otlp-loss-end", || {
                format!("{} takes spans again; {lost} were lost", self.what)
            });
        }
    }

    /// Waits until everything taken so far is settled; fails for what was lost since the last flush, so
    /// that a loss just before the call is not missed.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.state();
        state.urges += 1;
        state.urged = state.taken;
        let (goal, lost) = (state.taken, state.reported);
        drop(state);
        self.wake();
        self.wait(timeout, lost, |state| state.settled >= goal)
    }

    /// Takes nothing any more, and waits until the writer has ended; fails for what is lost meanwhile.
    pub(crate) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let before = self.state().lost();
        // a little earlier than asked, so that the rest is counted by the time this returns
        self.close(timeout - (timeout / 10).min(Duration::from_millis(50)));
        self.wait(timeout, before, |state| state.ended)
    }

    /// Takes nothing any more, and gives the writer this long for what waits.
    pub(crate) fn close(&self, within: Duration) {
        let deadline = Instant::now()
            .checked_add(within)
            .unwrap_or_else(far_future);
        let mut state = self.state();
        state.urges += 1;
        state.urged = state.taken;
        state.deadline = Some(
            state
                .deadline
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
        drop(state);
        self.wake();
        #[cfg(feature = "http")]
        self.closing.notify_one();
    }

    /// Says that there is no writer any more, and gives up what waits.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.deadline.get_or_insert_with(Instant::now);
        let left = state.batches.len();
        drop(state);
        self.settle(left, Fate::Abandoned);
        self.state().ended = true;
        self.settled.notify_all();
    }

    /// Waits for the first work; an empty answer means that the queue is closed and empty.
    pub(crate) fn wait_for_work(&self) -> Vec<Arc<Batch>> {
        let idle = |state: &mut State| state.batches.is_empty() && state.deadline.is_none();
        drop(
            self.work
                .wait_while(self.state(), idle)
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.front()
    }

    /// True once what waits is to be given up.
    pub(crate) fn is_overdue(&self) -> bool {
        self.state()
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(crate) fn stats(&self) -> ExportStats {
        self.state().stats
    }

    fn wait(
        &self,
        timeout: Duration,
        lost: u64,
        done: impl Fn(&State) -> bool,
    ) -> Result<(), FlushError> {
        let waiting = |state: &mut State| !done(state) && !state.ended;
        let waited = self
            .settled
            .wait_timeout_while(self.state(), timeout, waiting);
        let (mut state, elapsed) = waited.unwrap_or_else(PoisonError::into_inner);
        let late = state
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        state.reported = state.lost();
        match state.reported > lost {
            _ if elapsed.timed_out() => Err(FlushError::timed_out()),
            true if late => Err(FlushError::timed_out()),
            true => Err(FlushError::failed()),
            false => Ok(()),
        }
    }

    fn wake(&self) {
        self.work.notify_one();
        #[cfg(feature = "http")]
        self.wake.notify_one();
    }

    /// A panic cannot leave the state half changed, so a poisoned lock is entered.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "http")]
impl Queue {
    /// True once it takes nothing any more.
    pub(crate) fn is_closing(&self) -> bool {
        self.state().deadline.is_some()
    }

    /// Returns when there may be something to do, or at that time.
    pub(crate) async fn woken_until(&self, time: tokio::time::Instant) {
        let _ = tokio::time::timeout_at(time, self.wake.notified()).await;
    }

    /// Returns once what waits is to be given up.
    pub(crate) async fn overdue(&self) {
        while !self.is_overdue() {
            let deadline = self.state().deadline;
            match deadline {
                None => self.closing.notified().await,
                // a second shutdown may bring it forward
                Some(deadline) => {
                    let _ = tokio::time::timeout_at(deadline.into(), self.closing.notified()).await;
                }
            }
        }
    }

    /// How often someone asked to have everything out now.
    pub(crate) fn urges(&self) -> u64 {
        self.state().urges
    }

    /// True if the writer should not wait longer: enough is there, or someone waits for it, or it is the end.
    pub(crate) fn is_pressing(&self) -> bool {
        let state = self.state();
        state.stats.waiting >= self.ample || state.settled < state.urged || state.deadline.is_some()
    }
}

impl State {
    /// Spans that were taken and will not arrive.
    fn lost(&self) -> u64 {
        self.stats.rejected + self.stats.abandoned
    }
}

/// A writer that ends, also by a panic, leaves nobody waiting.
#[derive(Debug)]
pub(crate) struct EndOnDrop<'a>(pub(crate) &'a Queue);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(365 * 24 * 3600)
}
