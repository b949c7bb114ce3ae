//! Notices: hopline's reports of losses, misuse and unreachable endpoints.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;

use crate::notice::courier;
use crate::notice::courier::Line;
use crate::notice::panic::caught;
use crate::text::shown;

/// A notice to the operator: a loss, a misuse, an endpoint that is unreachable.
///
/// A separate thread writes notices to standard error or calls the [hook](crate::set_notice_hook). Requests, the export of
/// spans and a shutdown never wait for it: up to 32 notices are queued, further ones are dropped and counted.
///
/// # Examples
///
/// ```standalone_crate
/// use std::sync::OnceLock;
/// use std::time::Duration;
/// use hopline_core::{Notice, notify, set_notice_hook};
///
/// static LAST: OnceLock<String> = OnceLock::new();
///
/// set_notice_hook(|notice| drop(LAST.set(format!("{}: {}", notice.kind, notice.message))));
/// notify("rates", || "no rates since 10:00; orders are not priced; is rates.example up?".to_owned());
/// assert!(Notice::flush(Duration::from_secs(5)));
/// assert_eq!(LAST.get().unwrap(), "rates: no rates since 10:00; orders are not priced; is rates.example up?");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Notice<'a> {
    /// A short stable word for its subject, such as `export` or `baggage`.
    pub kind: &'a str,
    /// The event and, where useful, the remedy: one line, safe to print, of up to 2048 characters.
    pub message: &'a str,
}

impl Notice<'_> {
    /// Waits until all queued notices are delivered. False if that takes longer than `timeout`.
    ///
    /// For the end of a process, at which queued notices are lost. [`Tracer::shutdown`](crate::Tracer::shutdown) calls it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use hopline_core::{Notice, notify};
    ///
    /// notify("orders", || "no rates since 10:00; orders are not priced; is rates.example up?".to_owned());
    /// assert!(Notice::flush(Duration::from_secs(5)));
    /// assert_eq!(Notice::dropped(), 0);
    /// ```
    pub fn flush(timeout: Duration) -> bool {
        courier::flush(timeout)
    }

    /// The number of notices that were dropped in this process, because the queue was full or no thread could be started.
    pub fn dropped() -> u64 {
        courier::dropped()
    }
}

/// The shortest interval between two notices of one kind.
const SILENCE: Duration = Duration::from_secs(10);

/// The most kinds. There are a few dozen literals; further kinds cause no notices.
const MAX_KINDS: usize = 64;

/// The most characters of a message. Parts that come from a peer are cut before.
const MAX_MESSAGE: usize = 2048;

type Hook = Box<dyn Fn(&Notice<'_>) + Send + Sync>;

// Read on the thread of notices, set at the start. Without a lock, because a fork could copy a held one.
static HOOK: ArcSwapOption<Hook> = ArcSwapOption::const_empty();

// The times of the last notice of each kind. Without a lock, for the same reason.
static KINDS: [Kind; MAX_KINDS] = [const { Kind::none() }; MAX_KINDS];

/// Replaces the hook, which is called on the thread of notices. Its panics are contained.
pub(crate) fn set_hook(hook: Hook) {
    HOOK.store(Some(Arc::new(hook)));
}

/// Reports a notice, at most one of each kind in 10 seconds.
///
/// `message` runs on this thread, and only if the notice is due. Another thread delivers it; this one does not wait.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hopline_core::{Notice, notify};
///
/// let mut built = 0;
/// for _ in 0..3 {
///     notify("rates", || {
///         built += 1;
///         "the exchange rates are 2 h old; orders are priced by them; see rates.example".to_owned()
///     });
/// }
/// assert_eq!(built, 1);
/// assert!(Notice::flush(Duration::from_secs(5)));
/// ```
pub fn notify(kind: &'static str, message: impl FnOnce() -> String) {
    if is_due(kind, millis(SystemTime::now())) {
        let message = shown(message(), MAX_MESSAGE).to_string();
        courier::hand_over(Line { kind, message }, deliver);
    }
}

/// Calls the hook. Writes to standard error if there is none, or if it panics.
pub(crate) fn deliver(kind: &str, message: &str) {
    let notice = Notice { kind, message };
    let Some(hook) = HOOK.load_full() else {
        return to_stderr(&notice);
    };
    if caught(|| hook(&notice)).is_none() {
        to_stderr(&notice);
    }
}

/// Writes to standard error. Ignores a closed one.
fn to_stderr(notice: &Notice<'_>) {
    let _ = writeln!(
        std::io::stderr(),
        "hopline: {}: {}",
        notice.kind,
        notice.message
    );
}

/// A kind of notice, and the time of its last one.
struct Kind {
    /// A hash of its name; 0 if the place is free.
    name: AtomicU64,
    /// Milliseconds since the Unix epoch; 0 before the first notice.
    last: AtomicU64,
}

impl Kind {
    const fn none() -> Self {
        Self {
            name: AtomicU64::new(0),
            last: AtomicU64::new(0),
        }
    }

    fn is(&self, name: u64) -> bool {
        match self.name.compare_exchange(0, name, Relaxed, Relaxed) {
            Ok(_) => true,
            Err(known) => known == name,
        }
    }

    /// True for one caller in 10 seconds. An adjusted wall clock can make a notice early, but not late.
    fn is_due(&self, now: u64) -> bool {
        let last = self.last.load(Relaxed);
        let silent = last != 0 && now.abs_diff(last) < SILENCE.as_millis() as u64;
        !silent
            && self
                .last
                .compare_exchange(last, now, Relaxed, Relaxed)
                .is_ok()
    }
}

fn is_due(kind: &str, now: u64) -> bool {
    let name = hash(kind);
    let known = KINDS.iter().find(|known| known.is(name));
    known.is_some_and(|known| known.is_due(now))
}

/// FNV-1a of 64 bits with the lowest bit set, so that it is never 0.
fn hash(kind: &str) -> u64 {
    let bytes = kind.bytes().map(u64::from);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ byte).wrapping_mul(0x0100_0000_01b3)
    }) | 1
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(1, |since| since.as_millis() as u64).max(1)
}

/// Resets the state in a forked child.
pub(crate) fn start_anew() {
    courier::start_anew();
    for kind in &KINDS {
        kind.last.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_heard_once_in_ten_seconds() {
        assert!(is_due("notice-test", 10_000));
        assert!(!is_due("notice-test", 19_999));
        assert!(is_due("notice-test-other", 10_000));
        assert!(is_due("notice-test", 20_000));
        // the wall clock was set back by an hour
        assert!(is_due("notice-test", 1_000));
    }
}
