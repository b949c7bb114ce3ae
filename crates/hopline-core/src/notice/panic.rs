//! Panics of the application's code, contained.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of the application; nothing where it panics.
pub(crate) fn caught<R>(guest: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(guest)).map_err(panicked).ok()
}

/// A panic's value may panic when it is dropped.
#[cold]
pub(crate) fn panicked(panic: Box<dyn std::any::Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
