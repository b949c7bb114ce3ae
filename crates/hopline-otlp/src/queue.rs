//! The bounded queue between the threads that end spans and the one that writes them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hopline_core::{Batch, FlushError, notify};

use crate::ExportStats;
use crate::backlog::Backlog;
use crate::slice::{Slice, count, precious};

/// A queue of spans with one writer.
///
/// Bounded by spans and by bytes. Where it is full, spans of ordinary traces are dropped, the newest first:
/// what waits is older, and a part of it may be on its way. Traces that failed or were slow are dropped
/// last. What the writer has taken stays in the queue, and within its bounds, until its fate is settled.
#[derive(Debug)]
pub(crate) struct Queue {
    // Held for a few instructions, or, where the queue is full, for one look at each span that gives way to those
    // offered; never while anything is sent, written or announced. No hold is longer because more spans wait.
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
    bounds: Bounds,
    /// From how many spans on the writer is woken.
    ample: usize,
    /// The part of a shutdown's time that the writer needs for what it could not write.
    rest: Rest,
    /// What it is, for notices.
    what: &'static str,
}

/// What a writer does with what is left at the end of a shutdown's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It is counted, which takes no time.
    Counted,
    /// It goes to disk.
    #[cfg(feature = "spool")]
    Spooled,
}

/// The most a queue holds, and what of it goes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    /// How long a trace's local root takes that is slow; what its tracer's plan says, if not said.
    pub(crate) slow: Option<Duration>,
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    stats: ExportStats,
    /// The number of flush requests, and the entry up to which they apply.
    urges: u64,
    urged: u64,
    /// True while a writer that is a plain thread waits for work.
    idle: bool,
    /// The number of threads that wait in a flush or a shutdown.
    flushes: usize,
    /// When the writer must give up; set once the queue takes nothing any more.
    deadline: Option<Instant>,
    /// True once there is no writer any more.
    ended: bool,
    /// Spans dropped in the loss that goes on.
    losing: u64,
    /// Losses as far as a flush has told, and as far as a request has told that arrived.
    reported: u64,
    told: u64,
}

/// The oldest spans, as many as make one request; they stay in the queue until they are settled.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) slices: Vec<Slice>,
    pub(crate) spans: usize,
    /// Spans lost since the last request that arrived.
    pub(crate) lost: u64,
}

/// What became of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Out, but for so many spans that the other side refused.
    Sent { refused: u64 },
    /// Refused for good.
    #[cfg(feature = "http")]
    Rejected,
    /// Answered with success by something that is not a collector.
    #[cfg(feature = "http")]
    Unconfirmed,
    /// On disk, to be sent later.
    #[cfg(feature = "spool")]
    Spooled,
    /// Given up.
    Abandoned,
}

impl Queue {
    /// A queue whose writer wants to be woken once `ample` spans wait.
    pub(crate) fn new(bounds: Bounds, ample: usize, rest: Rest, what: &'static str) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            settled: Condvar::new(),
            #[cfg(feature = "http")]
            wake: tokio::sync::Notify::new(),
            #[cfg(feature = "http")]
            closing: tokio::sync::Notify::new(),
            bounds,
            ample,
            rest,
            what,
        }
    }

    /// Takes a batch, or drops and counts it, or a part of it.
    pub(crate) fn offer(&self, batch: &Arc<Batch>) {
        let spans = batch.len();
        let mut state = self.state();
        state.stats.given += spans as u64;
        if state.deadline.is_some() || state.ended {
            state.stats.dropped += spans as u64;
            drop(state);
            return notify("otlp-closed", || {
                format!("{} was shut down: {spans} spans are lost", self.what)
            });
        }
        if !state.backlog.fits(spans, batch.bytes(), self.bounds) {
            drop(state);
            return self.offer_over(batch);
        }
        state.backlog.push(batch);
        self.wake_if_ample(state);
    }

    /// Takes what is to be lost last of a batch for which there is no room.
    #[cold]
    fn offer_over(&self, batch: &Arc<Batch>) {
        let places = precious(batch, self.bounds.slow);
        let (all, wanted) = (batch.len(), count(&places));
        let mut state = self.state();
        let mut cost = Vec::new();
        let (mut dropped, mut taken) = (0, 0);
        if wanted > 0 {
            dropped += state
                .backlog
                .thin(wanted, batch.bytes(), self.bounds, &mut cost);
            if state.backlog.fits(wanted, batch.bytes(), self.bounds) {
                state.backlog.push_precious(batch, places);
                taken = wanted;
            }
        }
        dropped += (all - taken) as u64;
        state.stats.dropped += dropped;
        let first = state.losing == 0 && dropped > 0;
        state.losing += dropped;
        // something in the middle may have been what a flush waits for
        let settled = state.flushes > 0 && !cost.is_empty();
        self.wake_if_ample(state);
        // batches give their memory back to their tracer here, outside the lock
        drop(cost);
        if settled {
            self.settled.notify_all();
        }
        if first {
            notify("otlp-loss", || {
                let Bounds { spans, bytes, .. } = self.bounds;
                format!(
                    "{} is full ({spans} spans or {bytes} bytes): new spans are being lost, those of failed and slow traces last",
                    self.what
                )
            });
        }
    }

    /// True if what waits is to be given up by then.
    #[cfg(feature = "http")]
    pub(crate) fn is_overdue_in(&self, time: Duration) -> bool {
        let deadline = self.state().deadline;
        deadline.is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) <= time)
    }

    /// The oldest spans, at most so many.
    pub(crate) fn front(&self, most: usize) -> Front {
        let mut state = self.state();
        let (slices, spans) = state.backlog.front(most);
        let lost = state.stats.lost() - state.told;
        Front {
            slices,
            spans,
            lost,
        }
    }

    /// Says what became of the spans at the front.
    pub(crate) fn settle(&self, front: &Front, fate: Fate) {
        let told = match fate {
            Fate::Sent { .. } => front.lost,
            _ => 0,
        };
        self.settle_first(front.spans, fate, told);
    }

    /// Says what became of the first of the spans at the front, and how many lost ones were told with them. The others
    /// are at the front then.
    pub(crate) fn settle_first(&self, spans: usize, fate: Fate, told: u64) {
        let mut state = self.state();
        let gone = state.backlog.pop(spans);
        state.stats.count(spans as u64, fate);
        state.told += told;
        // half empty, so that a queue on the edge does not announce an end with each request
        let over = state.losing > 0 && state.backlog.is_within_half(self.bounds);
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
        state.urged = state.backlog.next();
        let (goal, lost) = (state.urged, state.reported);
        self.wake(state);
        self.wait(timeout, lost, |state| state.backlog.is_past(goal))
    }

    /// Takes nothing any more, and waits until the writer has ended; fails for what is lost meanwhile.
    pub(crate) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let before = self.state().stats.lost_on_the_way();
        // a little earlier than asked, so that the rest is dealt with by the time this returns
        self.close(timeout - self.rest.share_of(timeout));
        self.wait(timeout, before, |state| state.ended)
    }

    /// Takes nothing any more, and gives the writer this long for what waits.
    pub(crate) fn close(&self, within: Duration) {
        let deadline = Instant::now()
            .checked_add(within)
            .unwrap_or_else(far_future);
        let mut state = self.state();
        state.urges += 1;
        state.urged = state.backlog.next();
        state.deadline = Some(
            state
                .deadline
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
        self.wake(state);
        #[cfg(feature = "http")]
        self.closing.notify_one();
    }

    /// Says that there is no writer any more, and gives up what waits.
    pub(crate) fn end(&self) {
        self.state().deadline.get_or_insert_with(Instant::now);
        let rest = self.front(usize::MAX);
        self.settle(&rest, Fate::Abandoned);
        self.state().ended = true;
        self.settled.notify_all();
    }

    /// Waits for the first work; an empty answer means that the queue is closed and empty.
    pub(crate) fn wait_for_work(&self, most: usize) -> Front {
        let mut state = self.state();
        while state.backlog.is_empty() && state.deadline.is_none() {
            state.idle = true;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        drop(state);
        self.front(most)
    }

    /// True once what waits is to be given up.
    pub(crate) fn is_overdue(&self) -> bool {
        self.state()
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(crate) fn stats(&self) -> ExportStats {
        let state = self.state();
        ExportStats {
            waiting: state.backlog.spans() as u64,
            ..state.stats
        }
    }

    fn wait(
        &self,
        timeout: Duration,
        lost: u64,
        done: impl Fn(&State) -> bool,
    ) -> Result<(), FlushError> {
        let waiting = |state: &mut State| !done(state) && !state.ended;
        let mut state = self.state();
        state.flushes += 1;
        let waited = self.settled.wait_timeout_while(state, timeout, waiting);
        let (mut state, elapsed) = waited.unwrap_or_else(PoisonError::into_inner);
        state.flushes -= 1;
        let late = state
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        state.reported = state.stats.lost_on_the_way();
        match state.reported > lost {
            _ if elapsed.timed_out() => Err(FlushError::timed_out()),
            true if late => Err(FlushError::timed_out()),
            true => Err(FlushError::failed()),
            false => Ok(()),
        }
    }

    fn wake_if_ample(&self, state: MutexGuard<'_, State>) {
        let ample =
            state.backlog.spans() >= self.ample || state.backlog.is_beyond_half(self.bounds);
        if ample {
            self.wake(state);
        }
    }

    /// Wakes the writer; a system call only where it waits.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.work.notify_one();
        }
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
        state.backlog.spans() >= self.ample
            || state.backlog.is_beyond_half(self.bounds)
            || !state.backlog.is_past(state.urged)
            || state.deadline.is_some()
    }
}

#[cfg(feature = "spool")]
impl Queue {
    /// Counts spans that an earlier run left in the spool.
    pub(crate) fn found_in_spool(&self, spans: u64) {
        let stats = &mut self.state().stats;
        stats.given += spans;
        stats.spooled += spans;
    }

    /// Says what became of spans of the spool.
    pub(crate) fn settle_spooled(&self, spans: u64, fate: Fate) {
        let stats = &mut self.state().stats;
        stats.spooled -= spans.min(stats.spooled);
        stats.count(spans, fate);
    }
}

impl Rest {
    fn share_of(self, timeout: Duration) -> Duration {
        match self {
            Self::Counted => (timeout / 10).min(Duration::from_millis(50)),
            #[cfg(feature = "spool")]
            Self::Spooled => (timeout / 2).min(Duration::from_secs(1)),
        }
    }
}

impl ExportStats {
    fn count(&mut self, spans: u64, fate: Fate) {
        match fate {
            Fate::Sent { refused } => {
                let refused = refused.min(spans);
                self.rejected += refused;
                self.sent += spans - refused;
            }
            #[cfg(feature = "http")]
            Fate::Rejected => self.rejected += spans,
            #[cfg(feature = "http")]
            Fate::Unconfirmed => self.unconfirmed += spans,
            #[cfg(feature = "spool")]
            Fate::Spooled => self.spooled += spans,
            Fate::Abandoned => self.abandoned += spans,
        }
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
