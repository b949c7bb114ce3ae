//! Extension methods of a `tracing` span.

use hopline_core::{Attr, Context, Incoming, Name, SpanContext, Value, attr};
use tracing::Span;

use crate::error::SpanError;
use crate::layer::Bridge;
use crate::store::State;

/// hopline's operations on a [`tracing::Span`].
///
/// Each works on the hopline span behind it, on any thread, whether or not the span is entered. Where the trace is not
/// sampled they do nothing and return `Ok`.
///
/// # Examples
///
/// ```
/// use hopline_core::{Attr, Context, Incoming};
/// use hopline_tracing::SpanExt as _;
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let (tracer, spans) = hopline_testing::tracer("worker");
/// let layer = hopline_tracing::builder().tracer(tracer).layer();
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
///     let headers = std::collections::HashMap::from([(
///         "traceparent".to_owned(),
///         "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
///     )]);
///     // a message of another service: its span continues that service's trace
///     let process = tracing::info_span!("process", attempt = 1);
///     process.set_parent(Incoming::extract(&headers))?;
///     process.set("queue", "mails")?;
///     process.in_scope(|| assert!(Context::current().is_recording()));
///     Ok::<(), hopline_tracing::SpanError>(())
/// })?;
/// let span = &spans.all()[0];
/// assert_eq!(span.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// # Ok::<(), hopline_tracing::SpanError>(())
/// ```
///
/// # Errors
///
/// All but [`context`](SpanExt::context) return an error where the call can have no effect: a filter disabled the
/// span, the subscriber has no layer of hopline, or the span is outside any trace.
pub trait SpanExt {
    /// The context in which the span is current, to start children in or to send on. The current context if the span
    /// is not part of a trace.
    fn context(&self) -> Context;

    /// Makes the span the root of this process's part of another service's trace.
    ///
    /// The span must be outside any trace and not yet entered or used.
    ///
    /// # Errors
    ///
    /// Also returns an error if the span has started: its trace id is taken then.
    fn set_parent(&self, parent: impl Into<Incoming>) -> Result<(), SpanError>;

    /// Sets an attribute, under a key that the span did not declare.
    ///
    /// # Errors
    ///
    /// See [the trait](SpanExt#errors).
    fn set<'v>(
        &self,
        key: impl Into<Name<'v>>,
        value: impl Into<Value<'v>>,
    ) -> Result<(), SpanError>;

    /// Relates the span to another.
    ///
    /// # Errors
    ///
    /// See [the trait](SpanExt#errors).
    fn link(&self, to: &SpanContext) -> Result<(), SpanError>;

    /// Marks the span failed, with an `error.type` of few values.
    ///
    /// # Errors
    ///
    /// See [the trait](SpanExt#errors).
    fn fail<'v>(&self, error_type: impl Into<Name<'v>>) -> Result<(), SpanError>;

    /// Gives the span another name.
    ///
    /// # Errors
    ///
    /// See [the trait](SpanExt#errors).
    fn rename<'v>(&self, name: impl Into<Name<'v>>) -> Result<(), SpanError>;

    /// Records that something happened now; `attrs` only runs if it is recorded.
    ///
    /// # Errors
    ///
    /// See [the trait](SpanExt#errors).
    fn event<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        name: impl Into<Name<'v>>,
        attrs: impl FnOnce() -> A,
    ) -> Result<(), SpanError>;
}

impl SpanExt for Span {
    fn context(&self) -> Context {
        let found =
            self.with_subscriber(|(id, dispatch)| match dispatch.downcast_ref::<Bridge>() {
                Some(bridge) => bridge.context_of(id.into_u64()),
                None => None,
            });
        // a layer under `reload` cannot be asked; being entered shows its context all the same
        found
            .flatten()
            .unwrap_or_else(|| self.in_scope(Context::current))
    }

    fn set_parent(&self, parent: impl Into<Incoming>) -> Result<(), SpanError> {
        let parent = parent.into();
        self.with_subscriber(|(id, dispatch)| {
            let bridge = dispatch
                .downcast_ref::<Bridge>()
                .ok_or(SpanError::no_layer())?;
            let set = bridge
                .store
                .with(id.into_u64(), |bridged| match &mut bridged.state {
                    State::Outside(outside) => {
                        outside.incoming = Some(parent);
                        Ok(())
                    }
                    State::Starting | State::Started(_) => Err(SpanError::started()),
                });
            set.unwrap_or(Err(SpanError::disabled()))
        })
        .unwrap_or(Err(SpanError::disabled()))
    }

    fn set<'v>(
        &self,
        key: impl Into<Name<'v>>,
        value: impl Into<Value<'v>>,
    ) -> Result<(), SpanError> {
        let attr = attr(key, value);
        on(self, |context| context.set_all(|| [attr]))
    }

    fn link(&self, to: &SpanContext) -> Result<(), SpanError> {
        on(self, |context| context.link(to))
    }

    fn fail<'v>(&self, error_type: impl Into<Name<'v>>) -> Result<(), SpanError> {
        let error_type = error_type.into();
        on(self, |context| context.fail(error_type))
    }

    fn rename<'v>(&self, name: impl Into<Name<'v>>) -> Result<(), SpanError> {
        let name = name.into();
        on(self, |context| context.rename(name))
    }

    fn event<'v, A: AsRef<[Attr<'v>]>>(
        &self,
        name: impl Into<Name<'v>>,
        attrs: impl FnOnce() -> A,
    ) -> Result<(), SpanError> {
        let name = name.into();
        on(self, |context| context.event(name, attrs))
    }
}

/// Runs `act` with the context of a span that is recorded.
fn on(span: &Span, act: impl FnOnce(&Context)) -> Result<(), SpanError> {
    let Some(found) = span.with_subscriber(|(id, dispatch)| {
        let bridge = dispatch
            .downcast_ref::<Bridge>()
            .ok_or(SpanError::no_layer())?;
        let id = id.into_u64();
        if let Some(context) = bridge.context_of(id) {
            return Ok(Some(context));
        }
        if bridge.store.with(id, |_| ()).is_some() {
            return Err(SpanError::outside());
        }
        // neither recorded nor outside: its trace is not sampled, unless the layer's filter hid it
        let seen = span
            .metadata()
            .is_some_and(|meta| bridge.wanted.wants(meta.target(), meta.level()));
        if seen {
            Ok(None)
        } else {
            Err(SpanError::disabled())
        }
    }) else {
        return Err(SpanError::disabled());
    };
    if let Some(context) = found? {
        act(&context);
    }
    Ok(())
}
