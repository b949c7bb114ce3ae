//! Calls of application code whose panics become notices.
//! The engine uses it; `span::isolated` adds a muted context.

use crate::notice::line::notify;
use crate::notice::panic::caught;

/// Runs code of the application, and contains its panic: `effect` is then the text of a notice, and the result is `None`.
/// For the crates of hopline.
///
/// The caller counts the panic: a notice is given at most once in 10 seconds for each kind.
#[doc(hidden)]
pub fn contained<R>(
    kind: &'static str,
    effect: impl FnOnce() -> String,
    guest: impl FnOnce() -> R,
) -> Option<R> {
    let done = caught(guest);
    if done.is_none() {
        notify(kind, effect);
    }
    done
}
