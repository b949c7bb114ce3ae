//! Wake-ups by lapin: a list of the publishes to poll.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

/// The publishes that lapin woke since the last look.
#[derive(Default)]
pub(super) struct WokenList(
    // A plain lock, held to put in or take out, with no other one taken under it.
    Mutex<Woken>,
);

/// Both lists are taken as a whole, so the lock is held for a short time.
#[derive(Default)]
struct Woken {
    /// Bounded by the publishes under way: each is put in when its state changes, twice at most.
    ids: Vec<u64>,
    /// Tasks that wait for any answer.
    watchers: Vec<Waker>,
}

impl WokenList {
    /// Takes the publishes to poll.
    pub(super) fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().ids)
    }

    /// Wakes this waker once, at the next wake-up of any publish.
    ///
    /// A task that polls repeatedly is listed once.
    pub(super) fn watch(&self, waker: &Waker) {
        let mut woken = self.lock();
        if !woken.watchers.iter().any(|known| known.will_wake(waker)) {
            woken.watchers.push(waker.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker that lapin has for one publish.
pub(super) struct EntryWaker {
    /// The number of the publish.
    pub(super) id: u64,
    /// Shared by all publishes of a channel.
    list: Arc<WokenList>,
    /// The task of its guard.
    pub(super) owner: AtomicWaker,
}

impl EntryWaker {
    pub(super) fn new(id: u64, list: &Arc<WokenList>) -> Arc<Self> {
        Arc::new(Self {
            id,
            list: Arc::clone(list),
            owner: AtomicWaker::new(),
        })
    }
}

/// Called on lapin's thread, which may hold its own locks: it takes only the list's lock, and wakes tasks after it.
impl Wake for EntryWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.list.lock();
        woken.ids.push(self.id);
        let watchers = std::mem::take(&mut woken.watchers);
        drop(woken);
        watchers.into_iter().for_each(Waker::wake);
        self.owner.wake();
    }
}
