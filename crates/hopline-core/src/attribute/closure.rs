//! Closures for attributes: code of the application that runs only if a span is recorded, and may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::attribute::value::Attr;
use crate::notice::line::notify;
use crate::notice::panic::panicked;

/// The attributes that a span starts with: a closure, or none. Implemented for closures; the type of
/// [`SpanBuilder::attributes`](crate::SpanBuilder::attributes).
pub trait Attributes<'v> {
    /// An array, a slice or a `Vec`.
    type List: AsRef<[Attr<'v>]>;

    /// Runs the closure.
    fn list(self) -> Self::List;
}

/// The default of a builder without attributes: a type without size, so that it costs nothing.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a marker without data")]
pub struct NoAttributes;

impl<'v> Attributes<'v> for NoAttributes {
    type List = [Attr<'v>; 0];

    #[inline(always)] // it is nothing
    fn list(self) -> Self::List {
        []
    }
}

impl<'v, L: AsRef<[Attr<'v>]>, F: FnOnce() -> L> Attributes<'v> for F {
    type List = L;

    #[inline(always)] // so that the list is made where it is read
    fn list(self) -> L {
        self()
    }
}

/// Runs a closure for attributes. `None` if it panics; the panic is counted and reported.
#[inline(always)] // see `AttrTable::add`
pub(crate) fn evaluate<'v, A: AsRef<[Attr<'v>]>>(attrs: impl FnOnce() -> A) -> Option<A> {
    let asked = catch_unwind(AssertUnwindSafe(|| {
        let attrs = attrs();
        // `as_ref` is code of the caller too; if it did not panic once, it will not again
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
