//! The part of the export thread that has to do with the spool.

use std::io;

use hopline_core::notify;

use super::outage::Outage;
use super::settings::Protocol;
use super::size::MAX_REQUEST;
use super::split::halves;
use super::spool::{Spool, Stored};
use super::worker::{Attempt, TOO_LARGE, Worker};
use crate::queue::Fate;

impl Worker {
    /// Sends what is on disk, the oldest first, as long as the collector takes it and nothing else presses.
    pub(super) async fn send_spooled(&self, outage: &mut Outage) {
        let Some(spool) = &self.spool else { return };
        let queue = &self.shared.queue;
        while !outage.is_pausing() && !queue.is_pressing() {
            let Some(stored) = spool.oldest(ending(self.transport.protocol())) else {
                return;
            };
            self.stored.replace(Some(stored.clone()));
            self.send_stored(spool, &stored, outage).await;
            self.stored.take();
        }
    }

    async fn send_stored(&self, spool: &Spool, stored: &Stored, outage: &mut Outage) {
        let queue = &self.shared.queue;
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
                Err(why) => Attempt::Settled(self.rejected(spans, &why)),
            }
        };
        match attempt {
            Attempt::Settled(fate) => {
                // a crash before this sends them once more
                spool.remove(stored);
                queue.settle_spooled(stored.spans, fate);
            }
            Attempt::TooLarge => self.halve(spool, stored),
            Attempt::Later { after, .. } => outage.pause(after),
        }
    }

    fn set_aside(&self, spool: &Spool, stored: &Stored, error: &io::Error) {
        let spans = stored.spans;
        spool.set_aside(stored);
        self.shared.queue.settle_spooled(spans, Fate::Abandoned);
        notify("otlp-spool", || {
            format!(
                "a file of {spans} spans in the spool cannot be read: {error}; it is set aside as *.corrupt"
            )
        });
    }

    /// Puts two files in the place of one that is too large for the collector.
    fn halve(&self, spool: &Spool, stored: &Stored) {
        let protocol = self.transport.protocol();
        let body = match spool.read(stored) {
            Ok(body) => body,
            Err(error) => return self.set_aside(spool, stored, &error),
        };
        let replaced = match halves(&body, protocol) {
            // as the name counts them: so no count is off where it lies
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
            let fate = self.rejected(stored.spans as usize, &why);
            self.shared.queue.settle_spooled(stored.spans, fate);
        }
    }

    /// False if the spool takes no more; then it is the memory's to keep.
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

    /// Writes to disk the spans that could not be sent in the time of a shutdown.
    pub(super) fn spool_rest(&self) {
        if self.spool.is_none() {
            return;
        }
        loop {
            let (front, body) = self.encoded(MAX_REQUEST, |_| 0);
            if body.len() > MAX_REQUEST {
                let fate = self.rejected(front.spans, TOO_LARGE);
                self.shared.queue.settle(&front, fate);
                continue;
            }
            if front.slices.is_empty() || !self.put(&body, front.spans) {
                return;
            }
            self.shared.queue.settle(&front, Fate::Spooled);
        }
    }
}

/// The ending of the files that hold requests of a protocol.
pub(super) fn ending(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::HttpJson => "json",
        _ => "pb",
    }
}
