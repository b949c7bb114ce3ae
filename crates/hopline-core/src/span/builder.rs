//! Builder of spans. `start` starts what it describes.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::attribute::closure::{Attributes, NoAttributes};
use crate::attribute::value::{Attr, Name};
use crate::engine::buffer::Start;
use crate::kind::SpanKind;
use crate::propagation::carrier::Incoming;
use crate::propagation::span_context::SpanContext;
use crate::scope::InstrumentationScope;
use crate::span::context::Context;
use crate::span::facts::SpanFacts;
use crate::span::handle::Span;
use crate::span::tracer::Tracer;

/// Builds a span: name, kind, tracer, parent, attributes.
///
/// | parent | given by | tracer, if none is given |
/// |---|---|---|
/// | the current context | default | the parent's, else the installed one |
/// | another context | [`child_of`](Self::child_of) | the parent's, else the installed one |
/// | another process's span, or none | [`parent`](Self::parent) | the installed one |
///
/// A custom sampler sees the facts that are set here (name, kind, method, path, route, destination), not the
/// attributes. The closure for attributes runs only if the span is recorded, and never under a lock.
///
/// # Examples
///
/// An outgoing call, child of the current span:
///
/// ```
/// use hopline_core::{SpanBuilder, SpanKind, attr};
///
/// let call = SpanBuilder::new("GET").kind(SpanKind::Client).attributes(|| [attr("server.port", 443)]).start();
/// assert!(!call.is_recording(), "no tracer is installed");
/// ```
///
/// An incoming request, root of a local trace:
///
/// ```
/// use std::collections::HashMap;
/// use hopline_core::{Incoming, Literal, SpanBuilder, SpanKind, Tracer, attr};
///
/// let tracer = Tracer::builder().service("orders").build();
/// let headers = HashMap::<String, String>::new();
/// let request = SpanBuilder::new("GET /orders/{id}")
///     .kind(SpanKind::Server)
///     .method("GET")
///     .path("/orders/7")
///     .route(Some("/orders/{id}"))
///     .tracer(&tracer)
///     .parent(Incoming::extract(&headers))
///     .attributes(|| [attr("http.request.method", Literal("GET"))])
///     .start();
/// assert!(request.is_recording());
/// ```
// The types of parent and closure are parameters, so that starting a span compiles to the code of that one case. For
// both the default is a type without size.
#[derive(Clone, Copy)]
#[must_use = "a builder does nothing until it starts a span"]
pub struct SpanBuilder<'a, P = (), A = NoAttributes> {
    facts: SpanFacts<'a>,
    tracer: Option<&'a Tracer>,
    parent: P,
    attributes: A,
}

impl<'a> SpanBuilder<'a> {
    /// Starts a builder with the name of the span.
    #[inline]
    pub fn new(name: impl Into<Name<'a>>) -> Self {
        Self {
            facts: SpanFacts {
                name: name.into(),
                prefix: None,
                kind: SpanKind::Internal,
                scope: 0,
                start: Start::Now,
                links: &[],
                method: None,
                path: None,
                route: None,
                destination: None,
            },
            tracer: None,
            parent: (),
            attributes: NoAttributes,
        }
    }
}

impl<'a, A> SpanBuilder<'a, (), A> {
    /// Makes it a local root, child of a span in another process: for requests and messages that come in.
    ///
    /// The current context is ignored. Without a span in `incoming` it is the root of a new trace. It is linked to
    /// [`Incoming::link`]. If there is no tracer, nothing is recorded, and calls pass the incoming context on unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use hopline_core::{Incoming, SpanBuilder, Tracer};
    ///
    /// let tracer = Tracer::builder().build();
    /// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    /// let request = SpanBuilder::new("GET /").tracer(&tracer).parent(Incoming::extract(&headers)).start();
    /// let trace_id = request.span_context().unwrap().trace_id();
    /// assert_eq!(trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    /// ```
    #[inline]
    pub fn parent(self, incoming: Incoming) -> SpanBuilder<'a, Incoming, A> {
        self.under(incoming)
    }

    /// Makes it a child of this context's span, instead of the current one's.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{Incoming, SpanBuilder, Tracer};
    ///
    /// let tracer = Tracer::builder().build();
    /// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
    /// let part = SpanBuilder::new("part").child_of(job.context_ref()).start();
    /// let trace_id = |span: &hopline_core::Span| span.span_context().unwrap().trace_id();
    /// assert_eq!(trace_id(&part), trace_id(&job));
    /// ```
    #[inline]
    pub fn child_of(self, context: &'a Context) -> SpanBuilder<'a, &'a Context, A> {
        self.under(context)
    }

    #[inline]
    fn under<P>(self, parent: P) -> SpanBuilder<'a, P, A> {
        SpanBuilder {
            facts: self.facts,
            tracer: self.tracer,
            parent,
            attributes: self.attributes,
        }
    }
}

impl<'a, P> SpanBuilder<'a, P> {
    /// Sets the attributes that the span starts with, by a closure that runs only if the span is recorded.
    ///
    /// The closure runs on this thread, in [`start`](Self::start). If it panics, the span starts without attributes,
    /// and the panic is counted in [`Stats::panics`](crate::Stats::panics).
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::{SpanBuilder, attr};
    ///
    /// let table = String::from("orders");
    /// let _fill = SpanBuilder::new("cache.fill")
    ///     .attributes(|| [attr("cache.table", &table), attr("cache.rows", 12)])
    ///     .start();
    /// ```
    #[inline]
    pub fn attributes<'v, L: AsRef<[Attr<'v>]>, F: FnOnce() -> L>(
        self,
        attributes: F,
    ) -> SpanBuilder<'a, P, F> {
        SpanBuilder {
            facts: self.facts,
            tracer: self.tracer,
            parent: self.parent,
            attributes,
        }
    }
}

impl<'a, P, A> SpanBuilder<'a, P, A> {
    /// Sets the tracer: `&tracer`, or an `Option` of it. See [`SpanBuilder`] for the default.
    #[inline]
    pub fn tracer(mut self, tracer: impl Into<Option<&'a Tracer>>) -> Self {
        self.tracer = tracer.into();
        self
    }

    /// Puts this and a space before the name. Both are joined only if the span is recorded or a sampler reads the name.
    ///
    /// ```
    /// use hopline_core::SpanBuilder;
    ///
    /// let route = String::from("/orders/{id}");
    /// let _request = SpanBuilder::new(&route).prefix("GET").start(); // `GET /orders/{id}`
    /// ```
    #[inline]
    pub fn prefix(mut self, prefix: &'static str) -> Self {
        self.facts.prefix = Some(prefix);
        self
    }

    /// Sets the kind. Defaults to [`SpanKind::Internal`].
    #[inline]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.facts.kind = kind;
        self
    }

    /// Sets the library that records the span. Defaults to `hopline`.
    #[inline]
    pub fn scope(mut self, scope: &'static InstrumentationScope) -> Self {
        self.facts.scope = scope.number();
        self
    }

    /// Sets the start time. Defaults to now.
    #[inline]
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.facts.start = Start::At(time);
        self
    }

    /// Sets the start to this long before now, on the trace's own clock: work that was measured as part of another
    /// span lies within that span, even if the wall clock jumps.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hopline_core::{Incoming, SpanBuilder, Tracer};
    ///
    /// let tracer = Tracer::builder().build();
    /// let query = SpanBuilder::new("query").tracer(&tracer).parent(Incoming::default()).start();
    /// let waited = Duration::from_secs(60);
    /// let wait = SpanBuilder::new("acquire").start_ago(waited).child_of(query.context_ref()).start();
    /// assert!(wait.context_ref().elapsed() >= Some(waited));
    /// ```
    #[inline]
    pub fn start_ago(mut self, time: Duration) -> Self {
        self.facts.start = Start::Ago(time);
        self
    }

    /// Sets the spans to which this one is linked from its start.
    #[inline]
    pub fn links(mut self, links: &'a [SpanContext]) -> Self {
        self.facts.links = links;
        self
    }

    /// Sets the method of an HTTP request, for sampling.
    #[inline]
    pub fn method(mut self, method: &'a str) -> Self {
        self.facts.method = Some(method);
        self
    }

    /// Sets the path of an HTTP request, for sampling.
    #[inline]
    pub fn path(mut self, path: &'a str) -> Self {
        self.facts.path = Some(path);
        self
    }

    /// Sets the route's template, if it is known at the start, for sampling.
    #[inline]
    pub fn route(mut self, route: Option<&'a str>) -> Self {
        self.facts.route = route;
        self
    }

    /// Sets the destination of a message, for sampling.
    #[inline]
    pub fn destination(mut self, destination: &'a str) -> Self {
        self.facts.destination = Some(destination);
        self
    }
}

impl<A> SpanBuilder<'_, (), A> {
    /// Starts it as a child of the current span. If there is no tracer, nothing is recorded, and the current context is
    /// propagated unchanged.
    #[inline]
    pub fn start<'v>(self) -> Span
    where
        A: Attributes<'v>,
    {
        let attributes = self.attributes;
        // by reference: a copy would be made also where nothing is recorded
        self.facts
            .begin_under(Context::current(), self.tracer, || attributes.list())
    }
}

impl<A> SpanBuilder<'_, &Context, A> {
    /// Starts it as a child of the given context's span.
    #[inline]
    pub fn start<'v>(self) -> Span
    where
        A: Attributes<'v>,
    {
        if Context::is_muted_here() {
            return Span::muted();
        }
        let attributes = self.attributes;
        self.facts
            .begin_under(self.parent.clone(), self.tracer, || attributes.list())
    }
}

impl<A> SpanBuilder<'_, Incoming, A> {
    /// Starts it as a local root.
    pub fn start<'v>(self) -> Span
    where
        A: Attributes<'v>,
    {
        let (facts, attributes) = (self.facts, self.attributes);
        facts.begin_root(self.tracer, self.parent, || attributes.list())
    }
}

impl<P: fmt::Debug, A> fmt::Debug for SpanBuilder<'_, P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanBuilder")
            .field("facts", &self.facts)
            .field("tracer", &self.tracer)
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}

/// Starts a span under the current one.
///
/// Without a current span it starts a trace of the installed tracer. Use [`SpanBuilder`] to set a kind, a start time or
/// links.
///
/// # Examples
///
/// ```
/// use hopline_core::{FutureExt, span};
///
/// async fn verify() -> bool {
///     async { true }.in_span(span("auth.verify")).await
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert!(verify().await);
/// # });
/// ```
#[inline]
pub fn span<'a>(name: impl Into<Name<'a>>) -> Span {
    SpanBuilder::new(name).start()
}
