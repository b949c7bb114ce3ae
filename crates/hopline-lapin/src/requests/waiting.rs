//! Requests that wait for their replies.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::consume::Delivery;

type Senders = HashMap<String, oneshot::Sender<Delivery>>;

/// Waiting requests by correlation id. Bounded by the callers, since each removes its own.
#[derive(Debug)]
pub(super) struct Waiting(
    // A plain lock, held for one look-up; `None` inside once the channel is gone.
    Mutex<Option<Senders>>,
);

impl Default for Waiting {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl Waiting {
    /// Adds a request, unless the channel is gone.
    pub(super) fn enter<'a>(&'a self, id: &'a str) -> Option<Entry<'a>> {
        let (sender, reply) = oneshot::channel();
        self.lock().as_mut()?.insert(id.to_owned(), sender);
        Some(Entry {
            waiting: self,
            id,
            reply,
        })
    }

    /// Passes a reply to its request; drops one without a request.
    pub(super) fn resolve(&self, reply: Delivery) {
        let id = reply.properties.correlation_id().clone();
        let Some(id) = id else { return };
        let sender = self
            .lock()
            .as_mut()
            .and_then(|waiting| waiting.remove(id.as_str()));
        if let Some(sender) = sender {
            let _ = sender.send(reply);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Senders>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiting request, removed when it is dropped.
pub(super) struct Entry<'a> {
    waiting: &'a Waiting,
    id: &'a str,
    reply: oneshot::Receiver<Delivery>,
}

impl Entry<'_> {
    /// Waits for the reply; `None` if the channel is gone.
    pub(super) async fn reply(&mut self) -> Option<Delivery> {
        (&mut self.reply).await.ok()
    }
}

/// Removes the request. Does not block: the lock is held for one look-up.
impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.lock().as_mut() {
            waiting.remove(self.id);
        }
    }
}

/// Fails all waiting requests when it is dropped, also if the reader is aborted.
pub(super) struct Close<'a>(pub(super) &'a Waiting);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}
