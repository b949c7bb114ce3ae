//! Code of the application that hopline calls: sinks, samplers, hooks, closures.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::notice::notify;
use crate::{Attr, Context};

/// Runs code of the application on a thread that is not its own: a request's, the exporter's, the shutdown's.
///
/// Spans that it starts are not recorded, else a sink that uses a traced client would feed itself. A panic of it goes
/// no further: there is a notice of this kind with this effect, and no result. For the crates of hopline.
#[doc(hidden)]
pub fn guarded<R>(
    kind: &'static str,
    effect: impl FnOnce() -> String,
    guest: impl FnOnce() -> R,
) -> Option<R> {
    contained(kind, effect, || Context::muted().scope(guest))
}

/// The same with what is current left as it is: for what is called where the application is at work anyway.
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

/// Runs code of the application; nothing where it panics.
pub(crate) fn caught<R>(guest: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(guest)).map_err(panicked).ok()
}

/// Runs a closure for attributes; none where it panics.
#[inline(always)] // see `Records::add`
pub(crate) fn attributes<'v, A: AsRef<[Attr<'v>]>>(attrs: impl FnOnce() -> A) -> Option<A> {
    let asked = catch_unwind(AssertUnwindSafe(|| {
        let attrs = attrs();
        // it, too, is the caller's code; what it does once it does again
        let _ = attrs.as_ref();
        attrs
    }));
    match asked {
        Ok(attrs) => Some(attrs),
        Err(panic) => {
            panicked(panic);
            notify("attributes", || {
                "a closure for attributes panicked: its attributes are missing (see Stats::panics); mend the closure, \
                 which only runs where a span is recorded"
                    .to_owned()
            });
            None
        }
    }
}

/// A panic's value may panic when it is dropped.
#[cold]
fn panicked(panic: Box<dyn std::any::Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
