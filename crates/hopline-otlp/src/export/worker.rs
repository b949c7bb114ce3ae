//! The export thread: takes requests from the queue and sends them, one at a time.
//!
//! Started by the exporter, ended by the queue's closing. One round of its loop:
//!
//! ```text
//! send spooled requests ─▶ wait for a full request, the delay or a flush ─▶ encode ─▶ attempt
//!                                                                                   │
//!      Done ◀── accepted, refused, unconfirmed ────────────────────────────────────┤
//!      TooLarge: fewer spans in the next request ◀──────────────────────────────────┤
//!      Retry: to the spool, or pause and try again, or give up after the time ◀────┘
//! ```

use std::cell::Cell;
#[cfg(feature = "spool")]
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Context, notify};
use tokio::time::Instant;

use super::outage::{LARGE, Outage};
use super::reply::{Reply, RetryCause};
use super::response::{PartialSuccess, shortened};
use super::retry::Retry;
use super::runtime::ExportRuntime;
use super::settings::Settings;
use super::size::{MAX_REQUEST, RequestSize};
#[cfg(feature = "spool")]
use super::spool::{Spool, SpooledRequest};
use super::state::ExportState;
use super::time_limit::{instant_after, until, with_busy_limit};
use super::transport::{Message, Transport};
use crate::queue::{EndOnDrop, RequestInFlight, SendResult};

/// The state of the export thread.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) state: Arc<ExportState>,
    pub(super) transport: Arc<Transport>,
    schedule_delay: Duration,
    spans_at_once: usize,
    give_up_after: Duration,
    // a cell and no lock: the export thread alone uses it
    pub(super) size: Cell<RequestSize>,
    #[cfg(feature = "spool")]
    pub(super) spool: Option<Spool>,
    /// The request of the spool that is being sent, to set it aside if it makes the thread panic.
    #[cfg(feature = "spool")]
    pub(super) stored: RefCell<Option<SpooledRequest>>,
}

pub(super) const TOO_LARGE: &str = "one span exceeds the 64 MiB of a request";

/// The shortest delay, so that a delay of zero does not loop without a pause.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

impl Worker {
    /// A worker for this queue and transport; [`run`](Self::run) starts it.
    pub(super) fn new(
        state: Arc<ExportState>,
        transport: Arc<Transport>,
        settings: &Settings,
        #[cfg(feature = "spool")] spool: Option<Spool>,
    ) -> Self {
        Self {
            state,
            transport,
            schedule_delay: settings.schedule_delay.max(SHORTEST_DELAY),
            spans_at_once: settings.spans_at_once,
            give_up_after: settings.give_up_after,
            size: Cell::new(RequestSize::new()),
            #[cfg(feature = "spool")]
            spool,
            #[cfg(feature = "spool")]
            stored: RefCell::default(),
        }
    }

    /// Runs until the queue is closed and empty, or a shutdown's deadline passes.
    ///
    /// Nothing on this thread is recorded: spans of its own requests would cause more requests, for ever.
    pub(super) fn run(self, runtime: ExportRuntime) {
        let end = EndOnDrop(&self.state.queue);
        Context::muted().scope(|| {
            let work = || {
                runtime.block_on(until(
                    self.send_all(),
                    self.state.queue.wait_until_overdue(),
                ))
            };
            while catch_unwind(AssertUnwindSafe(work)).is_err() {
                self.give_up_on_panic();
            }
            #[cfg(feature = "spool")]
            self.spool_rest();
        });
        drop(end);
    }

    /// Abandons the spans on which the thread panicked, so that they do not block others.
    fn give_up_on_panic(&self) {
        #[cfg(feature = "spool")]
        if let (Some(stored), Some(spool)) = (self.stored.take(), &self.spool) {
            spool.set_aside(&stored);
            let queue = &self.state.queue;
            queue.settle_spooled(stored.spans, SendResult::Abandoned);
            return self.panicked(stored.spans);
        }
        let request = self.state.queue.next_request(self.spans_at_once);
        self.state.queue.settle(&request, SendResult::Abandoned);
        self.panicked(request.spans as u64);
    }

    fn panicked(&self, spans: u64) {
        notify("otlp-thread", || {
            format!(
                "the export thread panicked: {spans} spans are lost; it continues; please report it"
            )
        });
    }

    /// Sends requests until the queue is closed and empty.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, waiting spans and those of the current request stay in the queue.
    async fn send_all(&self) {
        let queue = &self.state.queue;
        let mut outage = Outage::default();
        loop {
            #[cfg(feature = "spool")]
            self.send_spooled(&mut outage).await;
            let tick = instant_after(self.schedule_delay);
            while Instant::now() < tick && !queue.should_send_now() {
                queue.wait_until(tick).await;
            }
            self.state.hand_over();
            loop {
                let (request, body) = self.encoded(self.size.get().most(), |request| request.lost);
                if request.slices.is_empty() {
                    break;
                }
                if let Some(result) = self.deliver(&request, body, &mut outage).await {
                    queue.settle(&request, result);
                }
            }
            if queue.is_closing() {
                return;
            }
        }
    }

    /// The oldest spans whose encoding has up to `bytes`, or a single larger one, and their encoding. `lost` gives the
    /// number of lost spans to report in it.
    pub(super) fn encoded(
        &self,
        bytes: usize,
        lost: impl Fn(&RequestInFlight) -> u64,
    ) -> (RequestInFlight, Vec<u8>) {
        let mut most = self.spans_at_once;
        loop {
            let request = self.state.queue.next_request(most);
            let body = self.transport.encode(&request.slices, lost(&request));
            if body.len() <= bytes || request.spans <= 1 {
                return (request, body);
            }
            // the number that fits if all spans have the same size, and fewer than before in any case
            let fitting = request.spans as u128 * bytes as u128 / body.len() as u128;
            let fewer = request.spans - request.spans.div_ceil(4);
            most = usize::try_from(fitting).unwrap_or(fewer).clamp(1, fewer);
        }
    }

    /// Sends one request, with retries; `None` if it is too large, and fewer spans are to be sent.
    async fn deliver(
        &self,
        request: &RequestInFlight,
        body: Vec<u8>,
        outage: &mut Outage,
    ) -> Option<SendResult> {
        let (spans, bytes) = (request.spans, body.len());
        if bytes > MAX_REQUEST {
            return Some(self.rejected(spans, TOO_LARGE));
        }
        #[cfg(feature = "spool")]
        let plain = self.spool.as_ref().map(|_| match request.lost {
            0 => body.clone(),
            // encoded without the loss: the next request that arrives reports it, and one in halves would report it twice
            _ => self.transport.encode(&request.slices, 0),
        });
        let message = match self.transport.message(body) {
            Ok(message) => message,
            Err(why) => return Some(self.rejected(spans, &why)),
        };
        let mut retry = Retry::new(self.give_up_after);
        loop {
            let (flush_requests, closing) = (
                self.state.queue.flush_requests(),
                self.state.queue.is_closing(),
            );
            #[cfg(feature = "spool")]
            if let Some(plain) = plain.as_deref().filter(|_| outage.is_pausing())
                && self.put(plain, spans)
            {
                return Some(SendResult::Spooled);
            }
            let (after, refused) = match self.attempt(&message, spans, bytes, outage).await {
                Attempt::Done(result) => return Some(result),
                Attempt::TooLarge => return None,
                Attempt::Retry { after, refused } => (after, refused),
            };
            #[cfg(feature = "spool")]
            if let Some(plain) = plain.as_deref()
                && self.put(plain, spans)
            {
                outage.pause(after);
                return Some(SendResult::Spooled);
            }
            let Some(pause) = retry.pause(after) else {
                return Some(SendResult::Abandoned);
            };
            if self.is_hopeless(pause, refused, closing) {
                return Some(SendResult::Abandoned);
            }
            self.pause(pause, after.is_some(), flush_requests, closing)
                .await;
        }
    }

    /// True if the process ends before another attempt, or if it ends and no process listens on the collector's port.
    fn is_hopeless(&self, pause: Duration, refused: bool, closing: bool) -> bool {
        let queue = &self.state.queue;
        (refused && queue.is_closing()) || (closing && queue.is_overdue_within(pause))
    }

    /// Sends a message once, and gives notices of an outage's start and end.
    pub(super) async fn attempt(
        &self,
        message: &Message,
        spans: usize,
        bytes: usize,
        outage: &mut Outage,
    ) -> Attempt {
        let reply = with_busy_limit(self.transport.send(message), bytes).await;
        if let Reply::Retry { after, why, cause } = reply {
            // some servers close the connection, without a response, if a request is too large
            if outage.is_breaking(cause) && bytes >= LARGE && spans > 1 {
                outage.reset_breaks();
                return self.too_large(spans, bytes, &why);
            }
            outage.begin(|| {
                let endpoint = self.transport.shown_endpoint();
                format!("cannot send spans to {endpoint}: {why}")
            });
            let refused = cause == RetryCause::ConnectionRefused;
            return Attempt::Retry { after, refused };
        }
        outage.end();
        match reply {
            Reply::Accepted(partial) => {
                let mut size = self.size.get();
                size.accepted(bytes);
                self.size.set(size);
                Attempt::Done(self.taken(partial))
            }
            Reply::Unconfirmed(why) => Attempt::Done(self.unconfirmed(spans, &why)),
            Reply::TooLarge(why) => self.too_large(spans, bytes, &why),
            Reply::Rejected { why, .. } | Reply::Retry { why, .. } => {
                Attempt::Done(self.rejected(spans, &why))
            }
        }
    }

    /// Lowers the size of requests, or gives up a single span that is too large.
    fn too_large(&self, spans: usize, bytes: usize, why: &str) -> Attempt {
        if spans <= 1 {
            let result = self.rejected(
                spans,
                &format!("a span of {bytes} bytes is too large: {why}"),
            );
            return Attempt::Done(result);
        }
        let mut size = self.size.get();
        size.refused(bytes);
        self.size.set(size);
        notify("otlp-too-large", || {
            format!(
                "{} accepts no request of {spans} spans and {bytes} bytes: {why}; it is sent in halves, and later requests are \
                 smaller; raise the limit there, or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                self.transport.shown_endpoint()
            )
        });
        Attempt::TooLarge
    }

    /// Waits for the time of `pause`. A shutdown ends it once, so that each request is tried once more; a flush ends it
    /// too, unless the collector requested the pause.
    async fn pause(&self, pause: Duration, asked: bool, flush_requests: u64, closing: bool) {
        let queue = &self.state.queue;
        let end = instant_after(pause);
        let is_cut = || match asked {
            true => queue.is_closing() != closing,
            false => queue.flush_requests() != flush_requests,
        };
        while Instant::now() < end && !is_cut() {
            queue.wait_until(end).await;
        }
    }

    /// The result of an accepted request; a notice of rejected spans or of a message.
    fn taken(&self, PartialSuccess { rejected, message }: PartialSuccess) -> SendResult {
        if rejected > 0 || !message.is_empty() {
            notify("otlp-partial", || {
                format!(
                    "{} accepted a request except {rejected} spans: {}",
                    self.transport.shown_endpoint(),
                    shortened(&message)
                )
            });
        }
        SendResult::Sent { refused: rejected }
    }

    /// The result of a success that no collector sends, with a notice.
    fn unconfirmed(&self, spans: usize, why: &str) -> SendResult {
        notify("otlp-unconfirmed", || {
            format!(
                "{spans} spans for {} have most probably not arrived: {why}; check OTEL_EXPORTER_OTLP_ENDPOINT",
                self.transport.shown_endpoint()
            )
        });
        SendResult::Unconfirmed
    }

    /// The result of a refusal, with a notice.
    pub(super) fn rejected(&self, spans: usize, why: &str) -> SendResult {
        notify("otlp-rejected", || {
            format!(
                "{spans} spans for {} are lost: {why}",
                self.transport.shown_endpoint()
            )
        });
        SendResult::Rejected
    }
}

/// The meaning of an attempt for the spans in it.
pub(super) enum Attempt {
    /// The result is final.
    Done(SendResult),
    /// Fewer spans are to be sent at once.
    TooLarge,
    /// Another attempt may succeed, not before `after` if the collector named a time.
    Retry {
        after: Option<Duration>,
        /// True if no process listens on the collector's port.
        refused: bool,
    },
}
