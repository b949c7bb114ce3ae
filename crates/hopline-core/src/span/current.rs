//! The current context of a thread: swapped in by scopes, and entered by bridges to other libraries.

use std::cell::{Cell, RefCell};
use std::mem;

use crate::propagation::flags::TraceFlags;
use crate::propagation::id::{SpanId, TraceId};
use crate::propagation::span_context::TraceParentText;
use crate::span::context::{Context, InheritedDecision};

/// The most entries of a thread. Bounds the stack when guards are leaked in a loop.
const MAX_ENTERED: usize = 1024;

/// A thread's current context, and the contexts that were entered and not yet exited.
struct Current {
    context: RefCell<Context>,
    /// Entered on this thread, oldest first. Bounded by `MAX_ENTERED`.
    entered: RefCell<Vec<Entered>>,
    /// The length of `entered`, read by each scope.
    depth: Cell<usize>,
    /// The depth at which the innermost scope began: it leaves what is below alone.
    base: Cell<usize>,
    /// An entry below the base was exited.
    unsettled: Cell<bool>,
}

/// A context that was entered without a scope, by a bridge.
struct Entered {
    key: u64,
    /// The context to restore at its exit.
    before: Context,
    exited: bool,
}

thread_local! {
    static CURRENT: Current = const {
        Current {
            context: RefCell::new(Context::EMPTY),
            entered: RefCell::new(Vec::new()),
            depth: Cell::new(0),
            base: Cell::new(0),
            unsettled: Cell::new(false),
        }
    };
}

// Here and not in context.rs, because the thread-local is private to this file.
impl Context {
    /// True if what is current here is muted.
    #[inline]
    pub(crate) fn is_muted_here() -> bool {
        is_muted()
    }

    /// The current context of this thread; empty if there is none, and while the thread is torn down.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Context, Incoming, SpanBuilder, Tracer, attr};
    ///
    /// fn load_cart() {
    ///     // adds to the span of the request, without its handle
    ///     Context::current().set("cart.items", 3);
    /// }
    ///
    /// let tracer = Tracer::builder().build();
    /// let mut request = SpanBuilder::new("GET /cart").tracer(&tracer).parent(Incoming::default()).start();
    /// request.in_scope(load_cart);
    /// assert_eq!(Context::current().span_context(), None);
    /// ```
    #[inline]
    pub fn current() -> Self {
        current()
    }

    /// Runs synchronous code with this context current, and restores the previous one, also after a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Baggage, Context};
    ///
    /// let context = Context::EMPTY.with_baggage(Baggage::EMPTY.with("tenant_id", "acme")?);
    /// let tenant = context.scope(|| Context::current().baggage().get("tenant_id").map(str::to_owned));
    /// assert_eq!(tenant.as_deref(), Some("acme"));
    /// assert!(Context::current().baggage().is_empty());
    /// # Ok::<(), hopline_core::propagation::BaggageError>(())
    /// ```
    #[inline]
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        scope(&mut self.clone(), f)
    }
}

/// The current context; empty where nothing is current, and while the thread is torn down.
#[inline]
#[expect(
    clippy::unnecessary_lazy_evaluations,
    reason = "else an empty one would be made and dropped each time"
)]
pub(crate) fn current() -> Context {
    CURRENT
        .try_with(|current| current.context.borrow().clone())
        .unwrap_or_else(|_| Context::EMPTY)
}

/// True if the current context is [muted](Context::muted).
#[inline]
pub(crate) fn is_muted() -> bool {
    CURRENT
        .try_with(|current| current.context.borrow().is_muted())
        .unwrap_or(false)
}

/// The recording decision that a child of the current context inherits. For bridges, which ask before they collect.
#[inline]
pub fn inherited_here() -> InheritedDecision {
    CURRENT
        .try_with(|current| current.context.borrow().inherited_decision(|| None))
        .unwrap_or(InheritedDecision::Free)
}

/// The ids of the current span, for log lines. `None` without a span.
#[inline]
pub fn current_ids() -> Option<(TraceId, SpanId)> {
    let ids = CURRENT.try_with(|current| current.context.borrow().ids);
    ids.ok()?.map(|ids| (ids.trace_id, ids.span_id))
}

/// The digits of a trace id and a span id.
#[derive(Debug)]
pub struct IdsText(TraceParentText);

impl IdsText {
    /// Formats both ids, in one pass.
    pub fn of((trace_id, span_id): (TraceId, SpanId)) -> Self {
        Self(TraceParentText::new(trace_id, span_id, TraceFlags::NONE))
    }

    /// The trace id and the span id.
    pub fn as_strs(&self) -> (&str, &str) {
        let text = self.0.as_str();
        let digits = |range| text.get(range).unwrap_or_default();
        (digits(3..35), digits(36..52))
    }
}

/// Swaps a context in for the length of a call, and back even if it panics.
///
/// Contexts that were entered in the call and not exited are exited at its end: an entered guard that is held
/// across an `.await` never reaches another task.
#[inline]
pub(crate) fn scope<R>(context: &mut Context, f: impl FnOnce() -> R) -> R {
    struct Back<'a> {
        context: &'a mut Context,
        base: usize,
    }
    impl Drop for Back<'_> {
        #[inline]
        fn drop(&mut self) {
            let _ = CURRENT.try_with(|current| {
                if current.depth.get() != current.base.get() {
                    current.unwind();
                }
                current.swap(self.context);
                current.base.set(self.base);
                if current.unsettled.get() {
                    current.settle();
                }
            });
        }
    }
    let base = CURRENT.try_with(|current| {
        current.swap(context);
        current.base.replace(current.depth.get())
    });
    let _back = Back {
        context,
        base: base.unwrap_or_default(),
    };
    f()
}

/// Makes a context current until [`exit`] is called with the same key on the same thread.
///
/// For bridges to libraries that report enter and exit apart; everything else uses [`Context::scope`]. The rules:
///
/// * Exits may happen in any order, more than once, or never. An exit without an enter does nothing.
/// * An exit of an entry that is not the newest takes effect when the newer ones are exited.
/// * Inside a scope or a future of [`FutureExt`](crate::FutureExt), what is left entered is exited when the scope or
///   the poll ends.
/// * A thread takes up to 1,024 entries; beyond that, entering does nothing.
#[inline]
pub fn enter(key: u64, context: &Context) {
    let _ = CURRENT.try_with(|current| {
        let mut entered = current.entered.borrow_mut();
        if entered.len() < MAX_ENTERED {
            entered.push(Entered {
                key,
                before: current.context.replace(context.clone()),
                exited: false,
            });
            current.depth.set(entered.len());
        }
    });
}

/// Ends the newest [`enter`] of this key on this thread. Does nothing without one.
pub fn exit(key: u64) {
    let _ = CURRENT.try_with(|current| {
        if !current.pop(key) && current.mark(key) {
            current.settle();
        }
    });
}

/// Ends all [`enter`]s of this key on this thread: its span has ended.
pub fn exit_all(key: u64) {
    let _ = CURRENT.try_with(|current| {
        if current.depth.get() > 0 {
            while current.mark(key) {}
            current.settle();
        }
    });
}

impl Current {
    #[inline]
    fn swap(&self, context: &mut Context) {
        // cannot panic: only a swap, a replacement and a clone run while it is borrowed
        mem::swap(&mut *self.context.borrow_mut(), context);
    }

    /// Removes the newest entry of all if it has this key and belongs to this scope, as nearly every exit does. False if
    /// not, without a change.
    #[inline]
    fn pop(&self, key: u64) -> bool {
        let mut entered = self.entered.borrow_mut();
        let above = entered.len() > self.base.get();
        let Some(top) = entered.pop_if(|top| above && top.key == key && !top.exited) else {
            return false;
        };
        let ended = self.context.replace(top.before);
        self.depth.set(entered.len());
        let more = entered.last().is_some_and(|below| below.exited);
        // dropped without a borrow: it may be the last handle of its trace
        drop(entered);
        drop(ended);
        if more {
            self.settle();
        }
        true
    }

    /// Marks the newest entry of this key as exited. False if there is none.
    ///
    /// Entries below the base belong to an outer scope: they are only marked, and removed when that scope continues.
    fn mark(&self, key: u64) -> bool {
        let mut entered = self.entered.borrow_mut();
        let found = entered.iter_mut().enumerate().rev();
        let mut of_key = found.filter(|(_, entry)| entry.key == key && !entry.exited);
        let Some((at, entry)) = of_key.next() else {
            return false;
        };
        entry.exited = true;
        if at < self.base.get() {
            self.unsettled.set(true);
        }
        true
    }

    /// Removes exited entries at the top, down to the base.
    fn settle(&self) {
        loop {
            let mut entered = self.entered.borrow_mut();
            let above = entered.len() > self.base.get();
            let Some(top) = entered.pop_if(|top| above && top.exited) else {
                break;
            };
            let ended = self.context.replace(top.before);
            self.depth.set(entered.len());
            // dropped without a borrow: it may be the last handle of its trace
            drop(entered);
            drop(ended);
        }
        if self.base.get() == 0 {
            self.unsettled.set(false);
        }
    }

    /// Removes all entries of the scope that ends.
    #[cold]
    fn unwind(&self) {
        for entry in self.entered.borrow_mut().iter_mut().skip(self.base.get()) {
            entry.exited = true;
        }
        self.settle();
    }
}
