//! What hopline has to say about itself: losses, misuse, unreachable endpoints.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

/// Something an operator should know.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// A short stable word for what it is about, such as `export` or `baggage`.
    pub kind: &'a str,
    /// What happened, and where it helps, what to do.
    pub message: &'a str,
}

/// How long a kind stays silent after it spoke.
const SILENCE: Duration = Duration::from_secs(10);

/// Kinds are a handful of literals; past this many the list does not grow.
const MAX_KINDS: usize = 64;

type Hook = fn(&Notice<'_>);

// A read-write lock: read on each notice, written once at start.
static HOOK: RwLock<Hook> = RwLock::new(to_stderr);
// When each kind spoke last. Bounded by `MAX_KINDS`; held for one look, never while the hook runs.
static SPOKEN: Mutex<Vec<(&'static str, Instant)>> = Mutex::new(Vec::new());

/// Replaces what happens to notices; by default each is one line on standard error.
///
/// The hook may be called on any thread, also on one that handles a request: it must not block. A panic of
/// it goes no further.
pub fn set_notice_hook(hook: Hook) {
    *HOOK.write() = hook;
}

/// Says something to the operator, at most once in 10 seconds for each kind.
///
/// `message` is only run if it will be heard.
pub fn notify(kind: &'static str, message: impl FnOnce() -> String) {
    if !may_speak(kind, Instant::now()) {
        return;
    }
    let hook = *HOOK.read();
    let message = message();
    let notice = Notice {
        kind,
        message: &message,
    };
    // the application's code, on a request's or an export thread: neither may end by it
    if catch_unwind(AssertUnwindSafe(|| hook(&notice))).is_err() {
        to_stderr(&notice);
    }
}

fn may_speak(kind: &'static str, now: Instant) -> bool {
    let mut spoken = SPOKEN.lock();
    if let Some((_, last)) = spoken.iter_mut().find(|(known, _)| *known == kind) {
        let silent = now.saturating_duration_since(*last) < SILENCE;
        if !silent {
            *last = now;
        }
        return !silent;
    }
    let room = spoken.len() < MAX_KINDS;
    if room {
        spoken.push((kind, now));
    }
    room
}

/// One line; control characters, which could come from a peer, are replaced. A closed stderr is ignored.
fn to_stderr(notice: &Notice<'_>) {
    let message = notice.message.replace(char::is_control, "\u{fffd}");
    let _ = writeln!(std::io::stderr(), "hopline: {}: {message}", notice.kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_speaks_once_in_ten_seconds() {
        let start = Instant::now();
        assert!(may_speak("notice-test", start));
        assert!(!may_speak("notice-test", start + Duration::from_secs(9)));
        assert!(may_speak("notice-test-other", start));
        assert!(may_speak("notice-test", start + Duration::from_secs(10)));
    }
}
