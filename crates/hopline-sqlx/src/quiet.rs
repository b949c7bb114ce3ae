//! A `tracing` subscriber without sqlx's own statement events.
//!
//! Connections that were open before a pool was traced write their events with raw text, and no one can turn that off for
//! a connection that is open. Instead the thread that polls such a statement has this subscriber for the time of the
//! poll. It hands everything on to the one that was there, but those events.
//!
//! SQLite works on a thread of its own, and takes along the `tracing` span that is current where it is called. While it
//! is entered there, that thread has this subscriber as well. Where none is current, it is given one that nobody sees.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::OnceLock;

use tracing_core::dispatcher::{self, DefaultGuard, Dispatch, WeakDispatch};
use tracing_core::field::FieldSet;
use tracing_core::metadata::Kind;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::subscriber::{Interest, NoSubscriber, Subscriber};
use tracing_core::{Event, LevelFilter, Metadata};

use crate::log::{TARGET, is_of_sqlx};

/// Runs this without sqlx's statement events.
///
/// Nothing changes where no subscriber was ever set: setting one would end what `tracing` writes to the `log` crate, for
/// the whole process.
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

/// Around the one that is current. That for the process's own is made once; making one takes a look at every callsite.
fn quiet(current: &Dispatch) -> Dispatch {
    static GLOBAL: OnceLock<Dispatch> = OnceLock::new();
    if is_global(current) {
        GLOBAL.get_or_init(|| Quiet::around(current)).clone()
    } else {
        Quiet::around(current)
    }
}

/// A process has one for good; others are set for a scope.
fn is_global(dispatch: &Dispatch) -> bool {
    /// Keeps the begin of what is printed.
    struct Begin(String);

    impl Write for Begin {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            // the rest is not of interest
            if self.0.len() < 16 {
                Ok(())
            } else {
                Err(fmt::Error)
            }
        }
    }

    let mut begin = Begin(String::new());
    let _ = write!(begin, "{dispatch:?}");
    begin.0.starts_with("Dispatch::Global")
}

struct Quiet {
    /// Not kept alive: who set it for a scope decides how long it lives.
    inner: WeakDispatch,
    own: OnceLock<WeakDispatch>,
}

thread_local! {
    /// One for each of its spans that this thread has entered; the last is the current one.
    static ENTERED: RefCell<Vec<DefaultGuard>> = const { RefCell::new(Vec::new()) };
}

/// Of the span that is given along where none is current. A process has no other of this number: ids count from one.
const UNSEEN: u64 = u64::MAX;

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

    /// The process takes the highest of all subscribers, and the other one gives its own.
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
        if span.into_u64() != UNSEEN {
            self.inner().enter(span);
        }
    }

    fn exit(&self, span: &Id) {
        if span.into_u64() != UNSEEN {
            self.inner().exit(span);
        }
        let guard = ENTERED.try_with(|entered| entered.borrow_mut().pop());
        drop(guard);
    }

    fn clone_span(&self, span: &Id) -> Id {
        if span.into_u64() == UNSEEN {
            return span.clone();
        }
        self.inner().clone_span(span)
    }

    fn try_close(&self, span: Id) -> bool {
        span.into_u64() != UNSEEN && self.inner().try_close(span)
    }

    fn current_span(&self) -> Current {
        let current = self.inner().current_span();
        if current.id().is_some() {
            return current;
        }
        Current::new(Id::from_u64(UNSEEN), unseen())
    }
}

fn unseen() -> &'static Metadata<'static> {
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
