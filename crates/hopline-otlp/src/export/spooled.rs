//! The worker's use of the spool: sends stored requests, and stores new ones.
//!
//! An implementation of [`Worker`] in a file of its own, since it exists with the feature `spool` only. Stored requests are
//! sent before new ones, the oldest first, but never while a flush or a full queue waits.

use std::io;

use hopline_core::notify;

use super::outage::Outage;
use super::settings::Protocol;
use super::size::MAX_REQUEST;
use super::split::halves;
use super::spool::{Spool, SpooledRequest};
use super::worker::{Attempt, TOO_LARGE, Worker};
use crate::queue::SendResult;

impl Worker {
    /// Sends stored requests, the oldest first, until the collector refuses one or waiting spans are due.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the current request stays on disk and may be sent twice.
    pub(super) async fn send_spooled(&self, outage: &mut Outage) {
        let Some(spool) = &self.spool else { return };
        let queue = &self.state.queue;
        while !outage.is_pausing() && !queue.should_send_now() {
            let Some(stored) = spool.oldest(ending(self.transport.protocol())) else {
                return;
            };
            self.stored.replace(Some(stored.clone()));
            self.send_stored(spool, &stored, outage).await;
            self.stored.take();
        }
    }

    /// Sends one stored request, and removes it unless another attempt may succeed.
    async fn send_stored(&self, spool: &Spool, stored: &SpooledRequest, outage: &mut Outage) {
        let queue = &self.state.queue;
        let spans = stored.spans as usize;
        let body = match spool.read(stored) {
            Ok(body) => body,
            Err(error) => return self.set_aside(spool, stored, &error),
        };
        let bytes = body.len();
        let attempt = if bytes > self.size.get().most() && spans > 1 {
            Attempt::TooLarge
        } else {
            match self.transport.message(body) {
                Ok(message) => self.attempt(&message, spans, bytes, outage).await,
                Err(why) => Attempt::Done(self.rejected(spans, &why)),
            }
        };
        match attempt {
            Attempt::Done(result) => {
                // after a crash before this line, the next process sends them once more
                spool.remove(stored);
                queue.settle_spooled(stored.spans, result);
            }
            Attempt::TooLarge => self.halve(spool, stored),
            Attempt::Retry { after, .. } => outage.pause(after),
        }
    }

    /// Renames a file that cannot be read, and abandons its spans, with a notice.
    fn set_aside(&self, spool: &Spool, stored: &SpooledRequest, error: &io::Error) {
        let spans = stored.spans;
        spool.set_aside(stored);
        self.state
            .queue
            .settle_spooled(spans, SendResult::Abandoned);
        notify("otlp-spool", || {
            format!(
                "a file of {spans} spans in the spool cannot be read: {error}; it is set aside as *.corrupt"
            )
        });
    }

    /// Replaces a request that is too large for the collector by its two halves.
    ///
    /// The name of a file counts its spans. The halves' counts add up to that, so that no span is counted twice, even if
    /// the name was wrong.
    fn halve(&self, spool: &Spool, stored: &SpooledRequest) {
        let protocol = self.transport.protocol();
        let body = match spool.read(stored) {
            Ok(body) => body,
            Err(error) => return self.set_aside(spool, stored, &error),
        };
        let replaced = match halves(&body, protocol) {
            // counts of the name and not of the body, so that statistics stay balanced
            Some([(head, first), (tail, _)]) => {
                let first = first.min(stored.spans);
                let halves = [(head, first), (tail, stored.spans - first)];
                spool.replace(stored, halves, ending(protocol))
            }
            None => Err(io::ErrorKind::InvalidData.into()),
        };
        if let Err(error) = replaced {
            spool.remove(stored);
            let why = format!("their request is too large and cannot be halved on disk: {error}");
            let result = self.rejected(stored.spans as usize, &why);
            self.state.queue.settle_spooled(stored.spans, result);
        }
    }

    /// Stores a request; false if the spool is full or fails, so that its spans stay in memory.
    pub(super) fn put(&self, body: &[u8], spans: usize) -> bool {
        let Some(spool) = &self.spool else {
            return false;
        };
        match spool.put(body, spans, ending(self.transport.protocol())) {
            Ok(()) => true,
            Err(error) => {
                notify("otlp-spool-put", || {
                    format!("spans cannot be spooled and wait in memory: {error}")
                });
                false
            }
        }
    }

    /// Stores the spans that were not sent by a shutdown's deadline.
    pub(super) fn spool_rest(&self) {
        if self.spool.is_none() {
            return;
        }
        loop {
            let (request, body) = self.encoded(MAX_REQUEST, |_| 0);
            if body.len() > MAX_REQUEST {
                let result = self.rejected(request.spans, TOO_LARGE);
                self.state.queue.settle(&request, result);
                continue;
            }
            if request.slices.is_empty() || !self.put(&body, request.spans) {
                return;
            }
            self.state.queue.settle(&request, SendResult::Spooled);
        }
    }
}

/// The file extension of stored requests: a process sends only those of its own encoding.
pub(super) fn ending(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::HttpJson => "json",
        _ => "pb",
    }
}
