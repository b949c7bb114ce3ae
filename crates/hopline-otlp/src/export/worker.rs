//! The export thread.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hopline_core::notify;
use tokio::time::Instant;

use super::answer::Partial;
use super::exporter::Shared;
use super::retry::Retry;
use super::runtime::ExportRuntime;
use super::settings::Settings;
#[cfg(feature = "spool")]
use super::spool::Spool;
use super::transport::{Message, Reply, Transport};
use crate::queue::{EndOnDrop, Fate, Front};

/// Takes spans from the queue and sends them, one request at a time.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    transport: Arc<Transport>,
    schedule_delay: Duration,
    spans_at_once: usize,
    give_up_after: Duration,
    #[cfg(feature = "spool")]
    spool: Option<Spool>,
}

/// The most that OTLP lets a client send in one request.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// So that a delay of zero is not a busy loop.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

/// A peer's words are cut to this many characters.
const MAX_MESSAGE: usize = 200;

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        transport: Arc<Transport>,
        settings: &Settings,
        #[cfg(feature = "spool")] spool: Option<Spool>,
    ) -> Self {
        Self {
            shared,
            transport,
            schedule_delay: settings.schedule_delay.max(SHORTEST_DELAY),
            spans_at_once: settings.spans_at_once,
            give_up_after: settings.give_up_after,
            #[cfg(feature = "spool")]
            spool,
        }
    }

    pub(super) fn run(self, runtime: ExportRuntime) {
        let end = EndOnDrop(&self.shared.queue);
        let work = || runtime.block_on(until(self.send_all(), self.shared.queue.overdue()));
        while catch_unwind(AssertUnwindSafe(work)).is_err() {
            // what cannot be sent must not stand in the way of what can
            let front = self.shared.queue.front(self.spans_at_once);
            self.shared.queue.settle(&front, Fate::Abandoned);
            notify("otlp-thread", || {
                format!(
                    "the export thread panicked and goes on; {} spans are lost",
                    front.spans
                )
            });
        }
        #[cfg(feature = "spool")]
        self.spool_rest();
        drop(end);
    }

    /// Sends what comes until the queue is closed and empty.
    ///
    /// # Cancellation
    ///
    /// What waits or is on its way stays in the queue.
    async fn send_all(&self) {
        let queue = &self.shared.queue;
        let mut outage = Outage::default();
        loop {
            #[cfg(feature = "spool")]
            self.send_spooled(&mut outage).await;
            let tick = far_enough(self.schedule_delay);
            while Instant::now() < tick && !queue.is_pressing() {
                queue.woken_until(tick).await;
            }
            self.shared.hand_over();
            loop {
                let (front, body) = self.next_request();
                if front.slices.is_empty() {
                    break;
                }
                let fate = self.deliver(&front, body, &mut outage).await;
                queue.settle(&front, fate);
            }
            if queue.is_closing() {
                return;
            }
        }
    }

    /// As many spans as one request may hold, encoded.
    fn next_request(&self) -> (Front, Vec<u8>) {
        let mut most = self.spans_at_once;
        loop {
            let front = self.shared.queue.front(most);
            let body = self.transport.encode(&front.slices, front.lost);
            if body.len() <= MAX_REQUEST || front.spans <= 1 {
                return (front, body);
            }
            most = front.spans / 2;
        }
    }

    /// Sends one request, however often that takes.
    async fn deliver(&self, front: &Front, body: Vec<u8>, outage: &mut Outage) -> Fate {
        if body.len() > MAX_REQUEST {
            return self.rejected(front.spans, "the request would exceed 64 MiB");
        }
        #[cfg(feature = "spool")]
        let plain = self.spool.as_ref().map(|_| body.clone());
        let message = match self.transport.message(body) {
            Ok(message) => message,
            Err(why) => return self.rejected(front.spans, &why),
        };
        let mut retry = Retry::new(self.give_up_after);
        loop {
            let urges = self.shared.queue.urges();
            #[cfg(feature = "spool")]
            if let Some(plain) = plain.as_deref().filter(|_| outage.is_pausing())
                && self.put(plain, front.spans)
            {
                return Fate::Spooled;
            }
            let (after, refused) = match self.attempt(&message, front.spans, outage).await {
                Attempt::Settled(fate) => return fate,
                Attempt::Later { after, refused } => (after, refused),
            };
            #[cfg(feature = "spool")]
            if let Some(plain) = plain.as_deref()
                && self.put(plain, front.spans)
            {
                outage.pause(after);
                return Fate::Spooled;
            }
            // at the end of the process there is nobody to wait for
            let hopeless = refused && self.shared.queue.is_closing();
            let Some(pause) = retry.pause(after).filter(|_| !hopeless) else {
                return Fate::Abandoned;
            };
            self.pause(pause, after.is_some(), urges).await;
        }
    }

    async fn attempt(&self, message: &Message, spans: usize, outage: &mut Outage) -> Attempt {
        match self.transport.send(message).await {
            Reply::Taken(partial) => {
                outage.over();
                Attempt::Settled(self.taken(partial))
            }
            Reply::Never(why) => {
                outage.over();
                Attempt::Settled(self.rejected(spans, &why))
            }
            Reply::Later {
                after,
                why,
                refused,
            } => {
                outage.note(|| {
                    let endpoint = self.transport.shown_endpoint();
                    format!("cannot send spans to {endpoint}: {why}")
                });
                Attempt::Later { after, refused }
            }
        }
    }

    /// Waits. A flush or shutdown cuts it short once, unless the collector asked for the pause.
    async fn pause(&self, pause: Duration, asked: bool, urges: u64) {
        let end = far_enough(pause);
        while Instant::now() < end && (asked || self.shared.queue.urges() == urges) {
            self.shared.queue.woken_until(end).await;
        }
    }

    fn taken(&self, Partial { rejected, message }: Partial) -> Fate {
        if rejected > 0 || !message.is_empty() {
            notify("otlp-partial", || {
                format!(
                    "{} refused {rejected} spans of a request it took: {}",
                    self.transport.shown_endpoint(),
                    short(&message)
                )
            });
        }
        Fate::Sent { refused: rejected }
    }

    fn rejected(&self, spans: usize, why: &str) -> Fate {
        notify("otlp-rejected", || {
            format!(
                "{spans} spans for {} are lost: {why}",
                self.transport.shown_endpoint()
            )
        });
        Fate::Rejected
    }
}

#[cfg(feature = "spool")]
impl Worker {
    /// Sends what is on disk, the oldest first, as long as the collector takes it and nothing else presses.
    async fn send_spooled(&self, outage: &mut Outage) {
        let Some(spool) = &self.spool else { return };
        let queue = &self.shared.queue;
        while !outage.is_pausing() && !queue.is_pressing() {
            let Some(stored) = spool.oldest(self.transport.ending()) else {
                return;
            };
            let spans = stored.spans;
            let body = match spool.read(&stored, MAX_REQUEST) {
                Ok(body) => body,
                Err(error) => {
                    spool.set_aside(&stored);
                    queue.settle_spooled(spans, Fate::Abandoned);
                    notify("otlp-spool", || {
                        format!("{spans} spans of the spool are set aside: {error}")
                    });
                    continue;
                }
            };
            let attempt = match self.transport.message(body) {
                Ok(message) => self.attempt(&message, spans as usize, outage).await,
                Err(why) => Attempt::Settled(self.rejected(spans as usize, &why)),
            };
            match attempt {
                Attempt::Settled(fate) => {
                    // a crash before this sends them once more
                    spool.remove(&stored);
                    queue.settle_spooled(spans, fate);
                }
                Attempt::Later { after, .. } => outage.pause(after),
            }
        }
    }

    /// False if the spool takes no more; then it is the memory's to keep.
    fn put(&self, body: &[u8], spans: usize) -> bool {
        let Some(spool) = &self.spool else {
            return false;
        };
        match spool.put(body, spans, self.transport.ending()) {
            Ok(()) => true,
            Err(error) => {
                notify("otlp-spool", || format!("spans cannot be spooled: {error}"));
                false
            }
        }
    }

    /// What the time of a shutdown did not suffice for goes to disk.
    fn spool_rest(&self) {
        if self.spool.is_none() {
            return;
        }
        loop {
            let (front, body) = self.next_request();
            if front.slices.is_empty() || !self.put(&body, front.spans) {
                return;
            }
            self.shared.queue.settle(&front, Fate::Spooled);
        }
    }
}

/// What an attempt means for its spans.
enum Attempt {
    Settled(Fate),
    Later {
        after: Option<Duration>,
        refused: bool,
    },
}

/// A time in which the collector takes nothing, said at its start and at its end.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
    /// Until when nothing is tried, where spans are safe on disk meanwhile.
    #[cfg(feature = "spool")]
    until: Option<Instant>,
    #[cfg(feature = "spool")]
    retry: Option<Retry>,
}

impl Outage {
    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            notify("otlp-unreachable", || format!("{}; trying again", what()));
        }
    }

    fn over(&mut self) {
        if let Some(since) = std::mem::take(self).since {
            notify("otlp-reachable", || {
                format!("the collector answers again after {:.1?}", since.elapsed())
            });
        }
    }
}

#[cfg(feature = "spool")]
impl Outage {
    fn is_pausing(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Doubling over the whole outage, for which no end is set.
    fn pause(&mut self, asked: Option<Duration>) {
        let retry = self.retry.get_or_insert_with(|| Retry::new(Duration::MAX));
        self.until = Some(far_enough(retry.pause(asked).unwrap_or_default()));
    }
}

/// The head of a peer's words.
pub(super) fn short(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

/// Runs `work`, and drops it where it stands once `end` is there.
async fn until(work: impl Future<Output = ()>, end: impl Future<Output = ()>) {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|cx| match (work.as_mut().poll(cx), end.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

fn far_enough(from_now: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(from_now)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}
