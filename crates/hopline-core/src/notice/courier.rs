//! The thread that delivers notices, and its bounded queue. Senders never wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::{Condvar, Mutex};

/// A queued notice.
pub(crate) struct Line {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// Delivers one notice, given its kind and message. Called on the thread of notices.
pub(crate) type Deliver = fn(&str, &str);

/// The most queued notices: about one of each kind in hopline.
const ROOM: usize = 32;

// Replaced at the first notice of a process: a fork copies the memory, but not the thread. Read without a lock.
static COURIER: ArcSwapOption<Courier> = ArcSwapOption::const_empty();

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The thread of a process that delivers notices, and their queue.
struct Courier {
    process: u32,
    // A lock, because queue and flags change together. Held for a push or a pop, never during a delivery. Bounded by
    // `ROOM`.
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    /// True while a notice is delivered.
    busy: bool,
    /// True if the thread could not be started.
    over: bool,
}

/// Queues a notice. Drops and counts it if the queue is full or there is no thread.
pub(crate) fn hand_over(line: Line, deliver: Deliver) {
    if !of_this_process(deliver).is_some_and(|courier| courier.take(line)) {
        DROPPED.fetch_add(1, Relaxed);
    }
}

/// See [`Notice::flush`](crate::Notice::flush).
pub(crate) fn flush(timeout: Duration) -> bool {
    let courier = COURIER.load_full();
    let courier = courier.filter(|courier| courier.process == std::process::id());
    courier.is_none_or(|courier| courier.flush(timeout))
}

pub(crate) fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

/// Resets the state in a forked child, which has no thread of notices.
pub(crate) fn start_anew() {
    // leaked: a thread that does not exist in the child may hold its lock
    std::mem::forget(COURIER.swap(None));
    DROPPED.store(0, Relaxed);
}

fn of_this_process(deliver: Deliver) -> Option<Arc<Courier>> {
    let process = std::process::id();
    let known = COURIER.load_full();
    match known {
        Some(courier) if courier.process == process => Some(courier),
        other => start(process, other, deliver),
    }
}

/// Starts the thread, unless another caller does so at the same time.
#[cold]
fn start(process: u32, before: Option<Arc<Courier>>, deliver: Deliver) -> Option<Arc<Courier>> {
    let courier = Arc::new(Courier {
        process,
        waiting: Mutex::default(),
        changed: Condvar::new(),
    });
    let found = COURIER.compare_and_swap(&before, Some(Arc::clone(&courier)));
    // see `start_anew`
    std::mem::forget(before.clone());
    if let Some(found) = &*found
        && found.process == process
    {
        return Some(Arc::clone(found));
    }
    let working = Arc::clone(&courier);
    // Lives as long as the process. Waits for notices; only `flush` waits for it, up to a timeout. Never cancelled.
    let started = std::thread::Builder::new()
        .name("hopline-notices".to_owned())
        .spawn(move || working.work(deliver));
    if started.is_err() {
        COURIER.compare_and_swap(&Some(Arc::clone(&courier)), None);
        // other threads may have queued notices meanwhile
        let mut waiting = courier.waiting.lock();
        waiting.over = true;
        DROPPED.fetch_add(waiting.lines.len() as u64, Relaxed);
        waiting.lines.clear();
        return None;
    }
    Some(courier)
}

impl Courier {
    /// Queues a notice. False if the queue is full, or there is no thread.
    fn take(&self, line: Line) -> bool {
        let mut waiting = self.waiting.lock();
        let fits = !waiting.over && waiting.lines.len() < ROOM;
        if fits {
            waiting.lines.push_back(line);
            self.changed.notify_all();
        }
        fits
    }

    fn work(&self, deliver: Deliver) {
        let mut reported = 0;
        loop {
            let line = self.next();
            deliver(line.kind, &line.message);
            let dropped = dropped();
            if dropped > reported {
                let more = dropped - reported;
                deliver(
                    "notices",
                    &format!(
                        "{more} notices were dropped: the notice hook or standard error is too slow"
                    ),
                );
                reported = dropped;
            }
        }
    }

    fn next(&self) -> Line {
        let mut waiting = self.waiting.lock();
        waiting.busy = false;
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.busy = true;
                return line;
            }
            self.changed.notify_all();
            self.changed.wait(&mut waiting);
        }
    }

    fn flush(&self, timeout: Duration) -> bool {
        let end = Instant::now().checked_add(timeout);
        let mut waiting = self.waiting.lock();
        while waiting.busy || !waiting.lines.is_empty() {
            match end {
                Some(end) if self.changed.wait_until(&mut waiting, end).timed_out() => {
                    return !waiting.busy && waiting.lines.is_empty();
                }
                Some(_) => {}
                None => self.changed.wait(&mut waiting),
            }
        }
        true
    }
}
