//! The export thread.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hopline_core::{Batch, notify};
use tokio::time::Instant;

use super::answer::Partial;
use super::exporter::Shared;
use super::retry::Retry;
use super::settings::{Protocol, Settings};
use super::transport::{Reply, Transport};
use crate::queue::{EndOnDrop, Fate};
use crate::{encode_json, encode_protobuf};

/// Takes batches from the queue and sends them, one request at a time.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    transport: Transport,
    schedule_delay: Duration,
    give_up_after: Duration,
}

/// The most that OTLP lets a client send in one request.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// So that a delay of zero is not a busy loop.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

/// A peer's words are cut to this many characters.
const MAX_MESSAGE: usize = 200;

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, transport: Transport, settings: &Settings) -> Self {
        let schedule_delay = settings.schedule_delay.max(SHORTEST_DELAY);
        Self {
            shared,
            transport,
            schedule_delay,
            give_up_after: settings.give_up_after,
        }
    }

    pub(super) fn run(self) {
        let end = EndOnDrop(&self.shared.queue);
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                return notify("otlp-thread", || {
                    format!("spans cannot be exported: {error}")
                });
            }
        };
        runtime.block_on(until(self.send_all(), self.shared.queue.overdue()));
        drop(end);
        // not by drop, which would wait for a name lookup that hangs
        runtime.shutdown_background();
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
            let tick = far_enough(self.schedule_delay);
            while Instant::now() < tick && !queue.is_pressing() {
                queue.woken_until(tick).await;
            }
            self.shared.hand_over();
            loop {
                let batches = queue.front();
                if batches.is_empty() {
                    break;
                }
                let fate = self.deliver(&batches, &mut outage).await;
                queue.settle(batches.len(), fate);
            }
            if queue.is_closing() {
                return;
            }
        }
    }

    /// Sends one request, however often that takes.
    async fn deliver(&self, batches: &[Arc<Batch>], outage: &mut Outage) -> Fate {
        let body = match self.transport.protocol() {
            Protocol::HttpProtobuf => encode_protobuf(batches),
            Protocol::HttpJson => encode_json(batches).into_bytes(),
        };
        if body.len() > MAX_REQUEST {
            return self.rejected("the request would exceed 64 MiB");
        }
        let request = match self.transport.request(body) {
            Ok(request) => request,
            Err(why) => return self.rejected(&why),
        };
        let mut retry = Retry::new(self.give_up_after);
        loop {
            let urges = self.shared.queue.urges();
            match self.transport.send(&request).await {
                Reply::Taken(partial) => {
                    outage.over();
                    return self.taken(partial);
                }
                Reply::Never(why) => {
                    outage.over();
                    return self.rejected(&why);
                }
                Reply::Later {
                    after,
                    why,
                    refused,
                } => {
                    outage.note(|| {
                        format!(
                            "cannot send spans to {}: {why}",
                            self.transport.shown_endpoint()
                        )
                    });
                    // at the end of the process there is nobody to wait for
                    let hopeless = refused && self.shared.queue.is_closing();
                    let Some(pause) = retry.pause(after).filter(|_| !hopeless) else {
                        return Fate::Abandoned;
                    };
                    self.pause(pause, after.is_some(), urges).await;
                }
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
                let message: String = message.chars().take(MAX_MESSAGE).collect();
                format!(
                    "{} refused {rejected} spans of a request it took: {message}",
                    self.transport.shown_endpoint()
                )
            });
        }
        Fate::Sent { refused: rejected }
    }

    fn rejected(&self, why: &str) -> Fate {
        notify("otlp-rejected", || {
            format!(
                "spans for {} are lost: {why}",
                self.transport.shown_endpoint()
            )
        });
        Fate::Rejected
    }
}

/// A time in which the collector takes nothing, said at its start and at its end.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
}

impl Outage {
    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            notify("otlp-unreachable", || format!("{}; trying again", what()));
        }
    }

    fn over(&mut self) {
        if let Some(since) = self.since.take() {
            notify("otlp-reachable", || {
                format!("the collector answers again after {:.1?}", since.elapsed())
            });
        }
    }
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
