//! A `tracing` subscriber that suppresses sqlx's own statement events. [`StatementLog`](super::StatementLog) sets it.
//!
//! Connections that were open before a pool was traced write events with raw text, and sqlx cannot disable that for an
//! open connection. Instead, the thread that polls such a statement has this subscriber during the poll. It forwards
//! everything else to the previous subscriber.
//!
//! SQLite executes statements on a separate thread, and enters the caller's `tracing` span there. While that span is
//! entered, the thread has this subscriber, too. If the caller has no current span, it is given a hidden one.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::OnceLock;

use tracing_core::dispatcher::{self, DefaultGuard, Dispatch, WeakDispatch};
use tracing_core::field::FieldSet;
use tracing_core::metadata::Kind;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::subscriber::{Interest, NoSubscriber, Subscriber};
use tracing_core::{Event, LevelFilter, Metadata};

use crate::log::target::{TARGET, is_of_sqlx};

/// Runs `work` without sqlx's statement events.
///
/// No effect if the process never set a subscriber: setting one would disable the events that `tracing` forwards to the
/// `log` crate, for the whole process.
pub(crate) fn scope<R>(work: impl FnOnce() -> R) -> R {
    if !dispatcher::has_been_set() {
        return work();
    }
    let current = dispatcher::get_default(Clone::clone);
    if current.is::<NoSubscriber>() || current.is::<Quiet>() {
        return work();
    }
    dispatcher::with_default(&quiet(&current), work)
}

/// Wraps the current subscriber. The wrapper of the global one is created once, since creating one visits each callsite.
fn quiet(current: &Dispatch) -> Dispatch {
    static GLOBAL: OnceLock<Dispatch> = OnceLock::new();
    if is_global(current) {
        GLOBAL.get_or_init(|| Quiet::around(current)).clone()
    } else {
        Quiet::around(current)
    }
}

/// Returns true for the global subscriber, which is never replaced. `Debug` output is the only way to recognise it.
fn is_global(dispatch: &Dispatch) -> bool {
    /// Keeps the first bytes of the output.
    struct Prefix(String);

    impl Write for Prefix {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            // stop formatting once the prefix is complete
            if self.0.len() < 16 {
                Ok(())
            } else {
                Err(fmt::Error)
            }
        }
    }

    let mut prefix = Prefix(String::new());
    let _ = write!(prefix, "{dispatch:?}");
    prefix.0.starts_with("Dispatch::Global")
}

/// The subscriber.
struct Quiet {
    /// Weak, so that a subscriber that is set for a scope ends with the scope.
    inner: WeakDispatch,
    /// A handle of this subscriber, to set it on SQLite's thread.
    own: OnceLock<WeakDispatch>,
}

thread_local! {
    /// A guard for each span of this subscriber that the thread has entered. A stack, as spans are entered and exited in
    /// order; bounded by their nesting.
    static ENTERED: RefCell<Vec<DefaultGuard>> = const { RefCell::new(Vec::new()) };
}

/// The id of the hidden span. Unique, since subscribers count ids from one.
const HIDDEN: u64 = u64::MAX;

impl Quiet {
    fn around(current: &Dispatch) -> Dispatch {
        let dispatch = Dispatch::new(Self {
            inner: current.downgrade(),
            own: OnceLock::new(),
        });
        if let Some(own) = dispatch.downcast_ref::<Self>() {
            let _ = own.own.set(dispatch.downgrade());
        }
        dispatch
    }

    fn inner(&self) -> Dispatch {
        self.inner.upgrade().unwrap_or_else(Dispatch::none)
    }
}

impl Subscriber for Quiet {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_of_sqlx(metadata) {
            return Interest::sometimes();
        }
        self.inner().register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !is_of_sqlx(metadata) && self.inner().enabled(metadata)
    }

    /// OFF does not restrict the wrapped subscriber: the maximum of all subscribers applies.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::OFF)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.inner().new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.inner().record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.inner().record_follows_from(span, follows);
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        !is_of_sqlx(event.metadata())
    }

    fn event(&self, event: &Event<'_>) {
        self.inner().event(event);
    }

    fn enter(&self, span: &Id) {
        if let Some(own) = self.own.get().and_then(WeakDispatch::upgrade) {
            let guard = dispatcher::set_default(&own);
            let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(guard));
        }
        if span.into_u64() != HIDDEN {
            self.inner().enter(span);
        }
    }

    fn exit(&self, span: &Id) {
        if span.into_u64() != HIDDEN {
            self.inner().exit(span);
        }
        let guard = ENTERED.try_with(|entered| entered.borrow_mut().pop());
        drop(guard);
    }

    fn clone_span(&self, span: &Id) -> Id {
        if span.into_u64() == HIDDEN {
            return span.clone();
        }
        self.inner().clone_span(span)
    }

    fn try_close(&self, span: Id) -> bool {
        span.into_u64() != HIDDEN && self.inner().try_close(span)
    }

    fn current_span(&self) -> Current {
        let current = self.inner().current_span();
        if current.id().is_some() {
            return current;
        }
        Current::new(Id::from_u64(HIDDEN), hidden())
    }
}

/// The metadata of the hidden span.
fn hidden() -> &'static Metadata<'static> {
    struct Callsite;

    static CALLSITE: Callsite = Callsite;
    static METADATA: Metadata<'static> = Metadata::new(
        "statement",
        TARGET,
        tracing_core::Level::TRACE,
        None,
        None,
        None,
        FieldSet::new(&[], tracing_core::callsite::Identifier(&CALLSITE)),
        Kind::SPAN,
    );

    impl tracing_core::callsite::Callsite for Callsite {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            &METADATA
        }
    }

    &METADATA
}
