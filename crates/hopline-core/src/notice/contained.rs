//! Calls of the application's code whose panic becomes a notice.

use crate::notice::line::notify;
use crate::notice::panic::caught;

/// Runs code of the application. If it panics, the panic is contained and `effect` is the text of a notice. For the
/// crates of hopline.
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
