//! The export thread.

use std::cell::Cell;
#[cfg(feature = "spool")]
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hopline_core::{Context, notify};
use tokio::time::Instant;

use super::answer::{Partial, brief};
use super::exporter::Shared;
use super::outage::{LARGE, Outage};
use super::patience::{far_enough, patiently, until};
use super::retry::Retry;
use super::runtime::ExportRuntime;
use super::settings::Settings;
use super::size::{MAX_REQUEST, RequestSize};
#[cfg(feature = "spool")]
use super::spool::{Spool, Stored};
use super::transport::{Cause, Message, Reply, Transport};
use crate::queue::{EndOnDrop, Fate, Front as InFlight};

/// Takes spans from the queue and sends them, one request at a time.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) transport: Arc<Transport>,
    schedule_delay: Duration,
    spans_at_once: usize,
    give_up_after: Duration,
    // a cell and no lock: the export thread alone uses it
    pub(super) size: Cell<RequestSize>,
    #[cfg(feature = "spool")]
    pub(super) spool: Option<Spool>,
    /// The request of the spool that is on its way, for the case that it makes the thread panic.
    #[cfg(feature = "spool")]
    pub(super) stored: RefCell<Option<Stored>>,
}

pub(super) const TOO_LARGE: &str = "one span exceeds the 64 MiB of a request";

/// So that a delay of zero is not a busy loop.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

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
            size: Cell::new(RequestSize::new()),
            #[cfg(feature = "spool")]
            spool,
            #[cfg(feature = "spool")]
            stored: RefCell::default(),
        }
    }

    /// Runs until the queue is closed and empty, or the time of a shutdown is up.
    ///
    /// Nothing that happens on this thread is recorded: spans of its own traffic would make more of it for ever.
    pub(super) fn run(self, runtime: ExportRuntime) {
        let end = EndOnDrop(&self.shared.queue);
        Context::muted().scope(|| {
            let work = || runtime.block_on(until(self.send_all(), self.shared.queue.overdue()));
            while catch_unwind(AssertUnwindSafe(work)).is_err() {
                self.give_up_on_panic();
            }
            #[cfg(feature = "spool")]
            self.spool_rest();
        });
        drop(end);
    }

    /// Spans that cannot be sent must not block those that can.
    fn give_up_on_panic(&self) {
        #[cfg(feature = "spool")]
        if let (Some(stored), Some(spool)) = (self.stored.take(), &self.spool) {
            spool.set_aside(&stored);
            let queue = &self.shared.queue;
            queue.settle_spooled(stored.spans, Fate::Abandoned);
            return self.panicked(stored.spans);
        }
        let front = self.shared.queue.front(self.spans_at_once);
        self.shared.queue.settle(&front, Fate::Abandoned);
        self.panicked(front.spans as u64);
    }

    fn panicked(&self, spans: u64) {
        notify("otlp-thread", || {
            format!(
                "the export thread panicked: {spans} spans are lost; it continues; please report it"
            )
        });
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
                let (front, body) = self.encoded(self.size.get().most(), |front| front.lost);
                if front.slices.is_empty() {
                    break;
                }
                if let Some(fate) = self.deliver(&front, body, &mut outage).await {
                    queue.settle(&front, fate);
                }
            }
            if queue.is_closing() {
                return;
            }
        }
    }

    /// As many spans as one request of so many bytes may hold, or a larger one, encoded with the loss that is to be in it.
    pub(super) fn encoded(
        &self,
        bytes: usize,
        lost: impl Fn(&InFlight) -> u64,
    ) -> (InFlight, Vec<u8>) {
        let mut most = self.spans_at_once;
        loop {
            let front = self.shared.queue.front(most);
            let body = self.transport.encode(&front.slices, lost(&front));
            if body.len() <= bytes || front.spans <= 1 {
                return (front, body);
            }
            // as many as fit if all are of one size, and fewer in any case
            let fitting = front.spans as u128 * bytes as u128 / body.len() as u128;
            let fewer = front.spans - front.spans.div_ceil(4);
            most = usize::try_from(fitting).unwrap_or(fewer).clamp(1, fewer);
        }
    }

    /// Sends one request, however often that takes; `None` if it is too large, and fewer spans are to be tried.
    async fn deliver(&self, front: &InFlight, body: Vec<u8>, outage: &mut Outage) -> Option<Fate> {
        let (spans, bytes) = (front.spans, body.len());
        if bytes > MAX_REQUEST {
            return Some(self.rejected(spans, TOO_LARGE));
        }
        #[cfg(feature = "spool")]
        let plain = self.spool.as_ref().map(|_| match front.lost {
            0 => body.clone(),
            // not reported on disk: the next request that arrives reports it, and a request in halves would report it twice
            _ => self.transport.encode(&front.slices, 0),
        });
        let message = match self.transport.message(body) {
            Ok(message) => message,
            Err(why) => return Some(self.rejected(spans, &why)),
        };
        let mut retry = Retry::new(self.give_up_after);
        loop {
            let (urges, closing) = (self.shared.queue.urges(), self.shared.queue.is_closing());
            #[cfg(feature = "spool")]
            if let Some(plain) = plain.as_deref().filter(|_| outage.is_pausing())
                && self.put(plain, spans)
            {
                return Some(Fate::Spooled);
            }
            let (after, refused) = match self.attempt(&message, spans, bytes, outage).await {
                Attempt::Settled(fate) => return Some(fate),
                Attempt::TooLarge => return None,
                Attempt::Later { after, refused } => (after, refused),
            };
            #[cfg(feature = "spool")]
            if let Some(plain) = plain.as_deref()
                && self.put(plain, spans)
            {
                outage.pause(after);
                return Some(Fate::Spooled);
            }
            let Some(pause) = retry.pause(after) else {
                return Some(Fate::Abandoned);
            };
            if self.is_hopeless(pause, refused, closing) {
                return Some(Fate::Abandoned);
            }
            self.pause(pause, after.is_some(), urges, closing).await;
        }
    }

    /// True if the process ends before another attempt could be made, or if there is no collector to wait for.
    fn is_hopeless(&self, pause: Duration, refused: bool, closing: bool) -> bool {
        let queue = &self.shared.queue;
        (refused && queue.is_closing()) || (closing && queue.is_overdue_in(pause))
    }

    pub(super) async fn attempt(
        &self,
        message: &Message,
        spans: usize,
        bytes: usize,
        outage: &mut Outage,
    ) -> Attempt {
        let reply = patiently(self.transport.send(message), bytes).await;
        if let Reply::Later { after, why, cause } = reply {
            // some servers close the connection in place of an answer to a request that is too large
            if outage.breaks(cause) && bytes >= LARGE && spans > 1 {
                outage.unbroken();
                return self.too_large(spans, bytes, &why);
            }
            outage.note(|| {
                let endpoint = self.transport.shown_endpoint();
                format!("cannot send spans to {endpoint}: {why}")
            });
            let refused = cause == Cause::Refused;
            return Attempt::Later { after, refused };
        }
        outage.over();
        match reply {
            Reply::Taken(partial) => {
                let mut size = self.size.get();
                size.accepted(bytes);
                self.size.set(size);
                Attempt::Settled(self.taken(partial))
            }
            Reply::Unconfirmed(why) => Attempt::Settled(self.unconfirmed(spans, &why)),
            Reply::TooLarge(why) => self.too_large(spans, bytes, &why),
            Reply::Never { why, .. } | Reply::Later { why, .. } => {
                Attempt::Settled(self.rejected(spans, &why))
            }
        }
    }

    /// Halves what is sent at once, or gives up a span that is too large by itself.
    fn too_large(&self, spans: usize, bytes: usize, why: &str) -> Attempt {
        if spans <= 1 {
            let fate = self.rejected(
                spans,
                &format!("a span of {bytes} bytes is too large: {why}"),
            );
            return Attempt::Settled(fate);
        }
        let mut size = self.size.get();
        size.refused(bytes);
        self.size.set(size);
        notify("otlp-too-large", || {
            format!(
                "{} takes no request of {spans} spans and {bytes} bytes: {why}; it is sent in halves, and later requests are \
                 smaller; raise the limit there, or lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                self.transport.shown_endpoint()
            )
        });
        Attempt::TooLarge
    }

    /// Waits. A shutdown cuts it short once, so that each request is tried once more; a flush does too, unless the
    /// collector asked for the pause.
    async fn pause(&self, pause: Duration, asked: bool, urges: u64, closing: bool) {
        let queue = &self.shared.queue;
        let end = far_enough(pause);
        let is_cut = || match asked {
            true => queue.is_closing() != closing,
            false => queue.urges() != urges,
        };
        while Instant::now() < end && !is_cut() {
            queue.woken_until(end).await;
        }
    }

    fn taken(&self, Partial { rejected, message }: Partial) -> Fate {
        if rejected > 0 || !message.is_empty() {
            notify("otlp-partial", || {
                format!(
                    "{} took a request but for {rejected} spans: {}",
                    self.transport.shown_endpoint(),
                    brief(&message)
                )
            });
        }
        Fate::Sent { refused: rejected }
    }

    fn unconfirmed(&self, spans: usize, why: &str) -> Fate {
        notify("otlp-unconfirmed", || {
            format!(
                "{spans} spans for {} have most probably not arrived: {why}; check OTEL_EXPORTER_OTLP_ENDPOINT",
                self.transport.shown_endpoint()
            )
        });
        Fate::Unconfirmed
    }

    pub(super) fn rejected(&self, spans: usize, why: &str) -> Fate {
        notify("otlp-rejected", || {
            format!(
                "{spans} spans for {} are lost: {why}",
                self.transport.shown_endpoint()
            )
        });
        Fate::Rejected
    }
}

/// What an attempt means for its spans.
pub(super) enum Attempt {
    Settled(Fate),
    /// Fewer spans are to be tried.
    TooLarge,
    Later {
        after: Option<Duration>,
        refused: bool,
    },
}
