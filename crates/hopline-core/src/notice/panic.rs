//! Containment of panics of application code.
//! `notice::contained` and `attribute::closure` use it.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of the application. `None` if it panics.
pub(crate) fn caught<R>(guest: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(guest)).map_err(panicked).ok()
}

/// Drops the value of a panic. Its destructor is code of the application too, so its panic is contained, and its value
/// leaked: its destructor could panic without end.
#[cold]
pub(crate) fn panicked(panic: Box<dyn std::any::Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
