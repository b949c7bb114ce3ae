//! The fate of each message.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};

use tokio::sync::Notify;

/// The fate of each message, as its publisher and its handlers saw it. Of one size from the start.
#[derive(Debug)]
pub struct Ledger {
    messages: Vec<Entry>,
    published: AtomicUsize,
    handled: AtomicUsize,
    deliveries: AtomicUsize,
    /// Deliveries of a message that was handled before, without a mark of redelivery.
    unexplained: AtomicUsize,
    /// Something was handled for the first time.
    progress: Notify,
}

#[derive(Debug, Default)]
struct Entry {
    confirmed: AtomicBool,
    handled: AtomicU8,
    /// Published more than once, so it may well come more than once.
    resent: AtomicBool,
}

impl Ledger {
    /// Creates one for a number of messages.
    pub fn new(messages: usize) -> Self {
        Self {
            messages: (0..messages).map(|_| Entry::default()).collect(),
            published: AtomicUsize::new(0),
            handled: AtomicUsize::new(0),
            deliveries: AtomicUsize::new(0),
            unexplained: AtomicUsize::new(0),
            progress: Notify::new(),
        }
    }

    /// The broker has this message.
    pub fn confirmed(&self, message: usize) {
        self.messages[message].confirmed.store(true, SeqCst);
        self.published.fetch_add(1, SeqCst);
    }

    /// This message was published more than once.
    pub fn resent(&self, message: usize) {
        self.messages[message].resent.store(true, SeqCst);
    }

    /// A handler has this message.
    pub fn handled(&self, message: usize, redelivered: bool) {
        self.deliveries.fetch_add(1, SeqCst);
        let entry = &self.messages[message];
        if entry.handled.fetch_add(1, SeqCst) == 0 {
            self.handled.fetch_add(1, SeqCst);
        } else if !redelivered && !entry.resent.load(SeqCst) {
            self.unexplained.fetch_add(1, SeqCst);
        }
        self.progress.notify_waiters();
    }

    /// True if this repeated message was handled before and published more than once.
    pub fn is_double(&self, message: usize) -> bool {
        let entry = &self.messages[message];
        entry.handled.load(SeqCst) > 0 && entry.resent.load(SeqCst)
    }

    /// The number of handled messages, each counted once.
    pub fn progress(&self) -> usize {
        self.handled.load(SeqCst)
    }

    /// The number of calls of handlers.
    pub fn deliveries(&self) -> usize {
        self.deliveries.load(SeqCst)
    }

    /// The number of repeated deliveries without a mark.
    pub fn unexplained(&self) -> usize {
        self.unexplained.load(SeqCst)
    }

    /// Waits until this number was handled.
    pub async fn until(&self, handled: usize) {
        loop {
            let progress = self.progress.notified();
            if self.progress() >= handled {
                return;
            }
            progress.await;
        }
    }

    /// Messages that were confirmed and not handled, and such that were handled and not confirmed.
    pub fn imbalance(&self) -> (usize, usize) {
        let confirmed = |entry: &&Entry| entry.confirmed.load(SeqCst);
        let handled = |entry: &&Entry| entry.handled.load(SeqCst) > 0;
        let entries = || self.messages.iter();
        let lost = entries().filter(|entry| confirmed(entry) && !handled(entry));
        let unknown = entries().filter(|entry| !confirmed(entry) && handled(entry));
        (lost.count(), unknown.count())
    }

    /// The number that the broker confirmed.
    pub fn published(&self) -> usize {
        self.published.load(SeqCst)
    }
}
