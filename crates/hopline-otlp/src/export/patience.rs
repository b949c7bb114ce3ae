//! Time limits of the export thread.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::transport::{Cause, Reply};

/// Ends an attempt that keeps the thread busy without coming to an answer, as one does to which a server answers
/// "100 Continue" for ever.
///
/// # Cancellation
///
/// The collector may have taken the request or not.
pub(super) async fn patiently(attempt: impl Future<Output = Reply>, bytes: usize) -> Reply {
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
        Poll::Pending => exhausted.as_mut().poll(cx).map(|()| Reply::Later {
            after: None,
            why: "the answer does not come to an end".to_owned(),
            cause: Cause::Slow,
        }),
    })
    .await
}

#[cfg(target_has_atomic = "64")]
fn busy(runtime: &Handle) -> Duration {
    runtime.metrics().worker_total_busy_duration(0)
}

/// Where tokio does not count it, the attempt's time-out is the only limit.
#[cfg(not(target_has_atomic = "64"))]
fn busy(_: &Handle) -> Duration {
    Duration::ZERO
}

/// How long the thread may work on one attempt, and as long again for each so many bytes of the request. A process that gets
/// little of its processor is no reason to give up; a peer that never ends is.
const BUSY: Duration = Duration::from_secs(2);
const BUSY_BYTES: f64 = 4e6;

/// Runs `work`, and drops it unfinished at `end`.
pub(super) async fn until(work: impl Future<Output = ()>, end: impl Future<Output = ()>) {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|cx| match (work.as_mut().poll(cx), end.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

pub(super) fn far_enough(from_now: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(from_now)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}
