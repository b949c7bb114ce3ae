//! The layer.

use axum::extract::MatchedPath;
use hopline_core::{OlderNames, Tracer};
use hopline_tower::{Trace, Trust};
use http::{Extensions, HeaderMap, Method, Uri};
use tower_layer::Layer;

/// Records each request as a root span named by its route. See the [crate](crate).
///
/// It may be made before the tracer is installed, and applied twice: a request is recorded once.
#[derive(Clone, Debug)]
pub struct TraceLayer(hopline_tower::TraceLayer);

impl TraceLayer {
    /// Trusts its callers; see [`hopline_tower::TraceLayer::new`].
    pub fn new() -> Self {
        Self(hopline_tower::TraceLayer::new().route(matched_path))
    }

    /// Does not trust its callers; see [`hopline_tower::TraceLayer::public`].
    pub fn public() -> Self {
        Self(hopline_tower::TraceLayer::public().route(matched_path))
    }

    /// What the callers' trace context counts for; see [`hopline_tower::TraceLayer::trust`].
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        Self(self.0.trust(trust))
    }

    /// The same, by request; see [`hopline_tower::TraceLayer::trust_by`].
    #[must_use]
    pub fn trust_by(
        self,
        choose: impl Fn(&HeaderMap, &Extensions) -> Trust + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.trust_by(choose))
    }

    /// Says in a response that this service keeps the trace; see [`hopline_tower::TraceLayer::announce_kept`].
    #[must_use]
    pub fn announce_kept(self) -> Self {
        Self(self.0.announce_kept())
    }

    /// Records with this tracer instead of the installed one.
    #[must_use]
    pub fn tracer(self, tracer: Tracer) -> Self {
        Self(self.0.tracer(tracer))
    }

    /// Whether older attribute names stand beside the current ones; what the environment says, if not said.
    #[must_use]
    pub fn older_names(self, names: OlderNames) -> Self {
        Self(self.0.older_names(names))
    }

    /// Records only requests for which this is true. The others still pass on the context that they bring.
    #[must_use]
    pub fn filter(self, filter: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static) -> Self {
        Self(self.0.filter(filter))
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
        self.0.layer(inner)
    }
}

pub(crate) fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}
