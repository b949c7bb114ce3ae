//! The process span of a message, which is with the message or with its handler.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hopline_core::{Context, Literal, notify};

use crate::span::Measured;

/// `hopline.messaging.outcome` of a message whose channel was gone before it was settled: it is delivered again.
pub(crate) const LOST: &str = "lost";
/// `error.type` of a handled message that could not be settled.
///
/// The work is done, and is done again at the next delivery: handlers have to be idempotent.
pub(crate) const SETTLE_LOST: &str = "settle_lost";

/// The process span of one message.
#[derive(Debug, Default)]
pub(crate) struct Processing(
    // A plain lock, held to put a span in or out; nothing else runs under it.
    Mutex<SpanSlot>,
);

/// The place of the span.
#[derive(Debug, Default)]
enum SpanSlot {
    /// Not started yet: started when a context is taken, or when a runner takes the span.
    #[default]
    None,
    /// It ends when the message is settled or dropped.
    Open {
        measured: Measured,
        /// The context was taken, so the handler may run in it.
        used: bool,
    },
    /// A handler has it, or it has ended.
    Elsewhere(Context),
}

impl Processing {
    /// Starts the span at once.
    pub(crate) fn begin(&self, start: impl FnOnce() -> Measured) {
        let measured = start();
        let used = false;
        *self.lock() = SpanSlot::Open { measured, used };
    }

    /// Returns the context to handle the message in. Starts the span at the first call.
    pub(crate) fn context(&self, start: impl FnOnce() -> Measured) -> Context {
        if let Some(context) = self.known() {
            return context;
        }
        let measured = start();
        let (context, used) = (measured.span.context(), true);
        *self.lock() = SpanSlot::Open { measured, used };
        context
    }

    /// Gives the span to a runner, which ends it. Later calls of `context` still return its context.
    pub(crate) fn take(&self, start: impl FnOnce() -> Measured) -> Measured {
        let open = match &mut *self.lock() {
            slot @ SpanSlot::Open { .. } => std::mem::take(slot).open(),
            _ => None,
        };
        let measured = open.unwrap_or_else(start);
        *self.lock() = SpanSlot::Elsewhere(measured.span.context());
        measured
    }

    /// Ends the span with the message's outcome, or with the `error.type` of an unknown one.
    pub(crate) fn end(&self, outcome: Result<&'static str, String>) {
        let Some(mut measured) = self.close() else {
            return;
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error_type) => {
                measured.fail(&error_type);
                LOST
            }
        };
        measured
            .span
            .set("hopline.messaging.outcome", Literal(outcome));
        measured.end();
    }

    /// Returns the context of a span that was started, and marks it as used.
    fn known(&self) -> Option<Context> {
        match &mut *self.lock() {
            SpanSlot::None => None,
            SpanSlot::Open { measured, used } => {
                *used = true;
                Some(measured.span.context())
            }
            SpanSlot::Elsewhere(context) => Some(context.clone()),
        }
    }

    /// Takes an open span out. Notifies if nothing ran in its context, as its children are missing then.
    fn close(&self) -> Option<Measured> {
        let mut slot = self.lock();
        let SpanSlot::Open { measured, used } = &*slot else {
            return None;
        };
        let (used, context) = (*used, measured.span.context());
        let measured = std::mem::replace(&mut *slot, SpanSlot::Elsewhere(context)).open();
        drop(slot);
        if !used {
            notify_of_unused_context();
        }
        measured
    }

    fn lock(&self) -> MutexGuard<'_, SpanSlot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanSlot {
    /// The span, if the slot has it.
    fn open(self) -> Option<Measured> {
        match self {
            Self::Open { measured, .. } => Some(measured),
            _ => None,
        }
    }
}

/// Ends the span when the last clone of an unsettled message is dropped. It has no outcome: lapin's acker or a later
/// `multiple` may have settled the message. Does not block.
impl Drop for Processing {
    fn drop(&mut self) {
        if let Some(mut measured) = self.close() {
            if std::thread::panicking() {
                measured.fail("panic");
            }
            measured.end();
        }
    }
}

/// Notifies once in a process: handlers without queries and calls lose nothing.
fn notify_of_unused_context() {
    static NOTIFIED: AtomicBool = AtomicBool::new(false);
    if !NOTIFIED.swap(true, Relaxed) {
        notify("stream", || {
            "a message of a consumer used as a stream was handled outside of its span: queries, calls and publishes of \
             its handler begin new traces; use Consumer::run, or .in_context(delivery.context())"
                .to_owned()
        });
    }
}
