//! The layer.

use std::fmt;
use std::sync::Arc;

use hopline_core::{OlderNames, Tracer};
use http::{Extensions, HeaderMap, Method, Uri};
use tower_layer::Layer;

use crate::route::RouteFn;
use crate::service::Trace;
use crate::trust::{Trust, TrustOf};

type Filter = dyn Fn(&Method, &Uri) -> bool + Send + Sync;

/// Records each request as a root span. See the [crate](crate) for what is recorded.
///
/// It may be made before the tracer is installed, and applied twice: a request is recorded once.
///
/// # Examples
///
/// ```
/// use hopline_tower::TraceLayer;
///
/// // the outermost service of a company's edge does not join its callers' traces
/// let edge = TraceLayer::public().filter(|_, uri| uri.path() != "/health");
/// ```
#[derive(Clone)]
pub struct TraceLayer {
    pub(crate) tracer: Option<Tracer>,
    pub(crate) older_names: OlderNames,
    pub(crate) trust: TrustOf,
    pub(crate) announce_kept: bool,
    pub(crate) route: Option<RouteFn>,
    pub(crate) filter: Option<Arc<Filter>>,
}

impl TraceLayer {
    /// Trusts its callers ([`Trust::Continue`]): a request with a valid `traceparent` continues the caller's
    /// trace, sampled as the caller says, and brings its baggage. For services that only one's own can reach.
    pub fn new() -> Self {
        let older_names = OlderNames::from_env();
        Self {
            tracer: None,
            older_names,
            trust: TrustOf::All(Trust::Continue),
            announce_kept: false,
            route: None,
            filter: None,
        }
    }

    /// Does not trust its callers ([`Trust::Link`]): every request begins a trace of its own, linked to the
    /// caller's span; the caller's sampling decision and baggage do not count.
    pub fn public() -> Self {
        Self::new().trust(Trust::Link)
    }

    /// What the callers' trace context counts for.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = TrustOf::All(trust);
        self
    }

    /// The same, by request: where the caller's address or a header tells one's own from strangers.
    #[must_use]
    pub fn trust_by(
        mut self,
        choose: impl Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync + 'static,
    ) -> Self {
        self.trust = TrustOf::Each(Arc::new(choose));
        self
    }

    /// Says in a response that this service keeps the trace, if it failed or was asked for.
    ///
    /// A caller that [listens](https://docs.rs/hopline-reqwest) keeps its part too, and tells its own caller, so the
    /// path from the edge to the failing hop is kept although the trace was not sampled. It is said in
    /// `Server-Timing: trace;desc=…` when the response's head is made, if by then the status is 5xx, a span
    /// of the local trace has failed or the trace [is to be kept](hopline_core::Span::keep); and then it is kept.
    ///
    /// What fails after the head cannot be said any more; calls to other services that ended before are
    /// not kept by those; and nothing is said through queues. Everybody who can call the service sees
    /// the header.
    #[must_use]
    pub fn announce_kept(mut self) -> Self {
        self.announce_kept = true;
        self
    }

    /// Records with this tracer instead of the installed one.
    #[must_use]
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.tracer = Some(tracer);
        self
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(mut self, names: OlderNames) -> Self {
        self.older_names = names;
        self
    }

    /// Finds the route's template in the request's extensions, where a router has left it.
    #[must_use]
    pub fn route(mut self, route: RouteFn) -> Self {
        self.route = Some(route);
        self
    }

    /// Records only requests for which this is true. The others still pass on the context that they bring.
    #[must_use]
    pub fn filter(
        mut self,
        filter: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filter = Some(Arc::new(filter));
        self
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace {
            inner,
            layer: self.clone(),
        }
    }
}

impl fmt::Debug for TraceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut layer = f.debug_struct("TraceLayer");
        layer
            .field("tracer", &self.tracer)
            .field("trust", &self.trust)
            .field("filtered", &self.filter.is_some());
        layer.finish_non_exhaustive()
    }
}
