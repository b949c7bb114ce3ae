//! The span in which a message is handled.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hopline_core::{Context, Literal, Name, Span, notify};

/// The outcome of a message that could not be settled because its channel was gone: it is delivered again.
pub(crate) const LOST: &str = "lost";
/// The `error.type` of work that was done and could not be settled.
pub(crate) const SETTLE_LOST: &str = "settle_lost";

/// The span of one message, which may be with the message, or with who asked for it.
#[derive(Debug, Default)]
pub(crate) struct Processing(
    // A plain lock, held to look at it and to put a span in or out; nothing else runs under it.
    Mutex<Slot>,
);

#[derive(Debug, Default)]
enum Slot {
    #[default]
    None,
    /// It ends when the message is settled or dropped.
    Open {
        span: Span,
        /// Something ran in it, as far as that can be known.
        used: bool,
    },
    /// Another one ends it, or it is at its end.
    Elsewhere(Context),
}

impl Processing {
    pub(crate) fn begin(&self, start: impl FnOnce() -> Span) {
        let span = start();
        *self.lock() = Slot::Open { span, used: false };
    }

    pub(crate) fn context(&self, start: impl FnOnce() -> Span) -> Context {
        if let Some(context) = self.known() {
            return context;
        }
        let span = start();
        let context = span.context();
        *self.lock() = Slot::Open { span, used: true };
        context
    }

    pub(crate) fn take(&self, start: impl FnOnce() -> Span) -> Span {
        let open = match &mut *self.lock() {
            slot @ Slot::Open { .. } => std::mem::take(slot).open(),
            _ => None,
        };
        let span = open.unwrap_or_else(start);
        *self.lock() = Slot::Elsewhere(span.context());
        span
    }

    /// Ends it by what became of the message, or by why that is not known.
    pub(crate) fn end(&self, outcome: Result<&'static str, String>) {
        let Some(span) = self.close() else { return };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error_type) => {
                span.fail(Name::dynamic(&error_type));
                LOST
            }
        };
        span.set("hopline.messaging.outcome", Literal(outcome));
    }

    fn known(&self) -> Option<Context> {
        match &mut *self.lock() {
            Slot::None => None,
            Slot::Open { span, used } => {
                *used = true;
                Some(span.context())
            }
            Slot::Elsewhere(context) => Some(context.clone()),
        }
    }

    fn close(&self) -> Option<Span> {
        let mut slot = self.lock();
        let Slot::Open { span, used } = &*slot else {
            return None;
        };
        let (used, context) = (*used, span.context());
        let span = std::mem::replace(&mut *slot, Slot::Elsewhere(context)).open();
        drop(slot);
        if !used {
            nothing_ran_in_it();
        }
        span
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn open(self) -> Option<Span> {
        match self {
            Self::Open { span, .. } => Some(span),
            _ => None,
        }
    }
}

/// The last clone of the message is gone, and none of them was settled by this crate: it may have been by its acker,
/// by a later `multiple`, or not at all, so the span does not record it. Nothing blocks.
impl Drop for Processing {
    fn drop(&mut self) {
        if let Some(span) = self.close()
            && std::thread::panicking()
        {
            span.fail("panic");
        }
    }
}

/// One word in a process: handlers that query and call nothing lose nothing.
fn nothing_ran_in_it() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Relaxed) {
        notify("stream", || {
            "a message of a consumer used as a stream was handled outside of its span: what its handler queries, calls \
             and publishes begins traces of its own; use Consumer::run, or .in_context(delivery.context())"
                .to_owned()
        });
    }
}
