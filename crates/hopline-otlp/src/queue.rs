//! The bounded queue between the threads that end spans and the thread that writes them.
//!
//! The exporter and the file sink offer batches; their writer (the export worker, the file thread) takes requests.
//!
//! ```text
//!   offer ──fits──▶ backlog ──next_request──▶ writer ──settle(SendResult)──▶ counted, removed
//!     │                ▲                         │
//!     └─full─▶ thin ───┘  (ordinary spans,       └─ stays in the backlog until it is settled,
//!                          the newest first)        so bounds include what is on its way
//! ```
//!
//! Each span that was offered is counted once in [`ExportStats`]: when it is dropped, or when its request is settled.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hopline_core::export::FlushError;
use hopline_core::{Batch, notify};

use crate::backlog::Backlog;
use crate::bounds::Bounds;
use crate::slice::{Slice, count, keep_last};
use crate::stats::ExportStats;

/// A queue of spans with one writer, bounded by spans and by bytes.
///
/// If it is full, spans of ordinary traces are dropped, the newest first: waiting spans are older, and some of them may
/// be on their way. Traces that failed or were slow are dropped last.
#[derive(Debug)]
pub(crate) struct Queue {
    // Held for a few instructions or, if the queue is full, for one look at each span that is dropped for the offered
    // ones; never while anything is sent, written or announced. It is not held longer because more spans wait.
    state: Mutex<State>,
    /// Wakes a writer that is a plain thread.
    work: Condvar,
    /// Wakes threads that wait in a flush or a shutdown.
    settled: Condvar,
    /// Wakes a writer that is a future.
    #[cfg(feature = "http")]
    wake: tokio::sync::Notify,
    /// Wakes the future that waits for the shutdown's deadline.
    #[cfg(feature = "http")]
    closing: tokio::sync::Notify,
    bounds: Bounds,
    /// The number of waiting spans from which the writer is woken.
    wake_at: usize,
    leftover: Leftover,
    /// The queue's name in notices.
    label: &'static str,
}

/// The treatment of spans that are left when a shutdown's time is up. It decides the part of that time that is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// They are counted as abandoned, which takes no time.
    Counted,
    /// They are written to disk.
    #[cfg(feature = "spool")]
    Spooled,
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    stats: ExportStats,
    /// Flushes so far; a change wakes the writer out of a pause.
    flush_requests: u64,
    /// The number of the first entry that the last flush does not wait for.
    flush_goal: u64,
    /// True while a writer that is a plain thread waits for work.
    idle: bool,
    /// Threads that wait in a flush or a shutdown.
    flushes: usize,
    /// The time at which the writer gives up; set once the queue accepts no more spans.
    deadline: Option<Instant>,
    /// True once the writer has ended.
    ended: bool,
    /// Spans dropped since the loss began; zero outside of a loss.
    current_loss: u64,
    /// Lost spans that a flush has reported to its caller.
    lost_in_flushes: u64,
    /// Lost spans that a request has reported to the collector.
    lost_in_requests: u64,
}

/// The oldest spans, up to the size of one request; they stay in the queue until they are settled.
#[derive(Debug)]
pub(crate) struct RequestInFlight {
    pub(crate) slices: Vec<Slice>,
    pub(crate) spans: usize,
    /// Spans lost since the last request that arrived.
    pub(crate) lost: u64,
}

/// The final result for some spans; each variant is a count of [`ExportStats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendResult {
    /// Accepted by the destination, except for `refused` of them.
    Sent { refused: u64 },
    /// Refused for good.
    #[cfg(feature = "http")]
    Rejected,
    /// Accepted by something that is not a collector.
    #[cfg(feature = "http")]
    Unconfirmed,
    /// Written to the spool, to be sent later.
    #[cfg(feature = "spool")]
    Spooled,
    /// Given up after retries, at a shutdown, or by a failed file.
    Abandoned,
}

impl Queue {
    /// An empty queue whose writer is woken once `wake_at` spans wait. `label` is its name in notices.
    pub(crate) fn new(
        bounds: Bounds,
        wake_at: usize,
        leftover: Leftover,
        label: &'static str,
    ) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            settled: Condvar::new(),
            #[cfg(feature = "http")]
            wake: tokio::sync::Notify::new(),
            #[cfg(feature = "http")]
            closing: tokio::sync::Notify::new(),
            bounds,
            wake_at,
            leftover,
            label,
        }
    }

    /// Adds a batch. If the queue is full or closed, drops and counts the batch or a part of it. Never waits.
    pub(crate) fn offer(&self, batch: &Arc<Batch>) {
        let spans = batch.len();
        let mut state = self.state();
        state.stats.given += spans as u64;
        if state.deadline.is_some() || state.ended {
            state.stats.dropped += spans as u64;
            drop(state);
            return notify("otlp-closed", || {
                format!("{} was shut down: {spans} spans are lost", self.label)
            });
        }
        if !state.backlog.fits(spans, batch.bytes(), self.bounds) {
            drop(state);
            return self.offer_over(batch);
        }
        state.backlog.push(batch);
        self.wake_if_due(state);
    }

    /// Adds the spans of a batch that are dropped last, after dropping ordinary ones for which there is no room.
    ///
    /// The batch is examined before the lock is taken: it may be large.
    #[cold]
    fn offer_over(&self, batch: &Arc<Batch>) {
        let places = keep_last(batch, self.bounds.slow);
        let (all, wanted) = (batch.len(), count(&places));
        let mut state = self.state();
        let mut cost = Vec::new();
        let (mut dropped, mut taken) = (0, 0);
        if wanted > 0 {
            dropped += state
                .backlog
                .drop_ordinary(wanted, batch.bytes(), self.bounds, &mut cost);
            if state.backlog.fits(wanted, batch.bytes(), self.bounds) {
                state.backlog.push_part(batch, places);
                taken = wanted;
            }
        }
        dropped += (all - taken) as u64;
        state.stats.dropped += dropped;
        let first = state.current_loss == 0 && dropped > 0;
        state.current_loss += dropped;
        // something in the middle may have been what a flush waits for
        let settled = state.flushes > 0 && !cost.is_empty();
        self.wake_if_due(state);
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
                    self.label
                )
            });
        }
    }

    /// True if the shutdown's deadline is at most `time` away.
    #[cfg(feature = "http")]
    pub(crate) fn is_overdue_within(&self, time: Duration) -> bool {
        let deadline = self.state().deadline;
        deadline.is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) <= time)
    }

    /// The oldest spans, up to `most`. They stay in the queue until they are settled.
    pub(crate) fn next_request(&self, most: usize) -> RequestInFlight {
        let mut state = self.state();
        let (slices, spans) = state.backlog.oldest(most);
        let lost = state.stats.lost() - state.lost_in_requests;
        RequestInFlight {
            slices,
            spans,
            lost,
        }
    }

    /// Counts the result of a whole request, and removes its spans.
    pub(crate) fn settle(&self, request: &RequestInFlight, result: SendResult) {
        let reported = match result {
            SendResult::Sent { .. } => request.lost,
            _ => 0,
        };
        self.settle_first(request.spans, result, reported);
    }

    /// Counts the result of the oldest `spans`, and removes them. `reported` lost spans were reported with them, so that the
    /// next request does not report them again.
    pub(crate) fn settle_first(&self, spans: usize, result: SendResult, reported: u64) {
        let mut state = self.state();
        let gone = state.backlog.pop(spans);
        state.stats.count(spans as u64, result);
        state.lost_in_requests += reported;
        // half empty, so that a queue on the edge does not announce an end with each request
        let over = state.current_loss > 0 && state.backlog.is_within_half(self.bounds);
        let lost = if over {
            std::mem::take(&mut state.current_loss)
        } else {
            0
        };
        drop(state);
        // batches give their memory back to their tracer here, outside the lock
        drop(gone);
        self.settled.notify_all();
        if over {
            notify("otlp-loss-end", || {
                format!("{} takes spans again; {lost} were lost", self.label)
            });
        }
    }

    /// Waits until all spans accepted so far are settled.
    ///
    /// # Errors
    ///
    /// Returns an error at the time-out, or if accepted spans were lost since the last flush: a loss just before the call
    /// counts too.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.state();
        state.flush_requests += 1;
        state.flush_goal = state.backlog.next();
        let (goal, lost) = (state.flush_goal, state.lost_in_flushes);
        self.wake(state);
        self.wait(timeout, lost, |state| state.backlog.is_past(goal))
    }

    /// Accepts no more spans, and waits until the writer has ended.
    ///
    /// # Errors
    ///
    /// Returns an error at the time-out, or if accepted spans are lost meanwhile.
    pub(crate) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let before = self.state().stats.lost_on_the_way();
        // a little earlier than `timeout`, so that leftover spans are counted or spooled when this returns
        self.close(timeout - self.leftover.share_of(timeout));
        self.wait(timeout, before, |state| state.ended)
    }

    /// Accepts no more spans, and gives the writer this time for waiting ones. A second call can only shorten it.
    pub(crate) fn close(&self, within: Duration) {
        let deadline = Instant::now()
            .checked_add(within)
            .unwrap_or_else(far_future);
        let mut state = self.state();
        state.flush_requests += 1;
        state.flush_goal = state.backlog.next();
        state.deadline = Some(
            state
                .deadline
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
        self.wake(state);
        #[cfg(feature = "http")]
        self.closing.notify_one();
    }

    /// Records that the writer has ended, and abandons waiting spans.
    pub(crate) fn end(&self) {
        self.state().deadline.get_or_insert_with(Instant::now);
        let leftover = self.next_request(usize::MAX);
        self.settle(&leftover, SendResult::Abandoned);
        self.state().ended = true;
        self.settled.notify_all();
    }

    /// Blocks until spans wait or the queue is closed; the request is empty if it is closed and empty.
    pub(crate) fn wait_for_work(&self, most: usize) -> RequestInFlight {
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
        self.next_request(most)
    }

    /// True once the shutdown's deadline has passed.
    pub(crate) fn is_overdue(&self) -> bool {
        self.state()
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// A copy of the counts, with the number of waiting spans.
    pub(crate) fn stats(&self) -> ExportStats {
        let state = self.state();
        ExportStats {
            waiting: state.backlog.spans() as u64,
            ..state.stats
        }
    }

    /// Waits until `done`, and compares the losses since then with `lost`.
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
        state.lost_in_flushes = state.stats.lost_on_the_way();
        match state.lost_in_flushes > lost {
            _ if elapsed.timed_out() => Err(FlushError::timed_out()),
            true if late => Err(FlushError::timed_out()),
            true => Err(FlushError::failed()),
            false => Ok(()),
        }
    }

    /// Wakes the writer if a request is full or half of the bytes are used.
    fn wake_if_due(&self, state: MutexGuard<'_, State>) {
        let wake_at =
            state.backlog.spans() >= self.wake_at || state.backlog.is_beyond_half(self.bounds);
        if wake_at {
            self.wake(state);
        }
    }

    /// Wakes the writer. It makes a system call only if the writer waits.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.work.notify_one();
        }
        #[cfg(feature = "http")]
        self.wake.notify_one();
    }

    /// A panic cannot leave the state half changed, so a poisoned lock is used.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "http")]
impl Queue {
    /// True once the queue accepts no more spans.
    pub(crate) fn is_closing(&self) -> bool {
        self.state().deadline.is_some()
    }

    /// Waits until the writer is woken, or until `time`.
    pub(crate) async fn wait_until(&self, time: tokio::time::Instant) {
        let _ = tokio::time::timeout_at(time, self.wake.notified()).await;
    }

    /// Waits for the shutdown's deadline; for ever without a shutdown.
    pub(crate) async fn wait_until_overdue(&self) {
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

    /// The number of flushes so far.
    pub(crate) fn flush_requests(&self) -> u64 {
        self.state().flush_requests
    }

    /// True if the writer should not wait longer: a request is full, half of the bytes are used, a flush waits, or the
    /// queue is closed.
    pub(crate) fn should_send_now(&self) -> bool {
        let state = self.state();
        state.backlog.spans() >= self.wake_at
            || state.backlog.is_beyond_half(self.bounds)
            || !state.backlog.is_past(state.flush_goal)
            || state.deadline.is_some()
    }
}

#[cfg(feature = "spool")]
impl Queue {
    /// Counts spans that an earlier process left in the spool.
    pub(crate) fn found_in_spool(&self, spans: u64) {
        let stats = &mut self.state().stats;
        stats.given += spans;
        stats.spooled += spans;
    }

    /// Counts the result of spans of the spool.
    pub(crate) fn settle_spooled(&self, spans: u64, result: SendResult) {
        let stats = &mut self.state().stats;
        stats.spooled -= spans.min(stats.spooled);
        stats.count(spans, result);
    }
}

impl Leftover {
    /// The part of a shutdown's time that is reserved for leftover spans.
    fn share_of(self, timeout: Duration) -> Duration {
        match self {
            Self::Counted => (timeout / 10).min(Duration::from_millis(50)),
            #[cfg(feature = "spool")]
            Self::Spooled => (timeout / 2).min(Duration::from_secs(1)),
        }
    }
}

impl ExportStats {
    fn count(&mut self, spans: u64, result: SendResult) {
        match result {
            SendResult::Sent { refused } => {
                let refused = refused.min(spans);
                self.rejected += refused;
                self.sent += spans - refused;
            }
            #[cfg(feature = "http")]
            SendResult::Rejected => self.rejected += spans,
            #[cfg(feature = "http")]
            SendResult::Unconfirmed => self.unconfirmed += spans,
            #[cfg(feature = "spool")]
            SendResult::Spooled => self.spooled += spans,
            SendResult::Abandoned => self.abandoned += spans,
        }
    }
}

/// Marks the writer as ended when it is dropped, also by a panic, so that no flush waits for it.
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
