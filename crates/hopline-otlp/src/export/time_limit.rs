//! Time limits of the export thread.
//!
//! The worker wraps each attempt in [`with_busy_limit`], and its whole work in [`until`], so that neither a peer nor a
//! full queue keeps the thread beyond a shutdown.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::reply::{Reply, RetryCause};

/// Ends an attempt that keeps the thread busy without a result, such as a server that sends "100 Continue" for ever.
///
/// The attempt's time-out does not end it: the connection always has something to read, so the timer is polled late or
/// never. The limit is on the thread's busy time, and grows with the size of the request.
///
/// # Cancellation
///
/// The collector may have taken the request or not.
pub(super) async fn with_busy_limit(attempt: impl Future<Output = Reply>, bytes: usize) -> Reply {
    let runtime = Handle::current();
    let busy = || busy(&runtime);
    let most = busy() + BUSY + BUSY.mul_f64(bytes as f64 / BUSY_BYTES);
    let exhausted = async {
        while busy() < most {
            tokio::time::sleep(BUSY / 10).await;
        }
    };
    let (mut attempt, mut exhausted) = (pin!(attempt), pin!(exhausted));
    poll_fn(|cx| match attempt.as_mut().poll(cx) {
        Poll::Ready(reply) => Poll::Ready(reply),
        Poll::Pending => exhausted.as_mut().poll(cx).map(|()| Reply::Retry {
            after: None,
            why: "the answer does not come to an end".to_owned(),
            cause: RetryCause::TimedOut,
        }),
    })
    .await
}

/// The time for which the runtime's thread was busy, in total.
#[cfg(target_has_atomic = "64")]
fn busy(runtime: &Handle) -> Duration {
    runtime.metrics().worker_total_busy_duration(0)
}

/// tokio does not count it on this platform, so the attempt's time-out is the only limit.
#[cfg(not(target_has_atomic = "64"))]
fn busy(_: &Handle) -> Duration {
    Duration::ZERO
}

/// The busy time of one attempt, and again for each `BUSY_BYTES` of its request. Busy time and not elapsed time: a process
/// that gets little processor time is no reason to give up; a peer that never ends is.
const BUSY: Duration = Duration::from_secs(2);
const BUSY_BYTES: f64 = 4e6;

/// Runs `work` until it is done or `end` is ready; then drops it unfinished.
///
/// # Cancellation
///
/// If the future is dropped, both are dropped.
pub(super) async fn until(work: impl Future<Output = ()>, end: impl Future<Output = ()>) {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|cx| match (work.as_mut().poll(cx), end.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

/// The instant after this time; in a year if the sum is beyond what an instant can hold.
pub(super) fn instant_after(from_now: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(from_now)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}
