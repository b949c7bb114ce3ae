//! The adapter between the layer and a framework: where the framework leaves route, URI and peer of a request.

use std::fmt;
use std::net::SocketAddr;

use hopline_core::InstrumentationScope;
use hopline_http::body::ByteCount;
use http::uri::Scheme;
use http::{Extensions, Uri};

use crate::scope::SCOPE;

/// Returns the route's template for a request, from its extensions or its URI.
///
/// Do not return the path: callers could create any number of span names.
pub type RouteFn = for<'a> fn(&'a Uri, &'a Extensions) -> Option<&'a str>;

/// Returns the address of the connection's peer, which a server has left in the request's extensions.
pub type PeerFn = fn(&Extensions) -> Option<SocketAddr>;

/// Returns the URI of a request as the client sent it, if a router has changed the one in the request.
pub type UriFn = for<'a> fn(&'a Uri, &'a Extensions) -> &'a Uri;

/// Returns the scheme of a request, which a server has left in its extensions.
pub type SchemeFn = fn(&Extensions) -> Option<Scheme>;

/// Adapts [`ServerLayer`](super::ServerLayer) to a framework. The layer's type names it, so calls are static.
///
/// See the [module](super) for an example. Methods of the layer, such as [`route`](super::ServerLayer::route), replace
/// these functions for one layer.
pub trait Framework: Copy + fmt::Debug + 'static {
    /// A notice for the operator, given once in a process, when a request succeeds although neither
    /// [`route`](Self::route) nor [`original_uri`](Self::original_uri) found anything: a layer outside the router.
    /// Defaults to none.
    const UNROUTED_NOTICE: Option<&'static str> = None;

    /// Returns the instrumentation scope that spans are recorded under.
    fn scope() -> &'static InstrumentationScope;

    /// Returns the route's template, as a [`RouteFn`]. Defaults to no route.
    fn route<'a>(uri: &'a Uri, extensions: &'a Extensions) -> Option<&'a str> {
        let _ = (uri, extensions);
        None
    }

    /// Returns the request's original URI, as a [`UriFn`]. Defaults to the URI of the request.
    fn original_uri<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
        let _ = extensions;
        uri
    }

    /// Returns the address of the peer, as a [`PeerFn`]. Defaults to a [`SocketAddr`] in the extensions.
    fn peer(extensions: &Extensions) -> Option<SocketAddr> {
        extensions.get().copied()
    }

    /// Wraps the body of a request, so that its bytes are counted as they pass. Called only with
    /// [`body_sizes`](super::ServerLayer::body_sizes). Defaults to no change: the size is then the one that the head announces.
    ///
    /// The type stays, so a framework can wrap the body types that may hold another body. A body without bytes needs no wrapper:
    /// set the count to 0.
    fn count_body<B: 'static>(body: &mut B, count: &ByteCount) {
        let _ = (body, count);
    }
}

/// No framework: any tower service. Spans have the scope `hopline-tower`.
#[expect(clippy::exhaustive_structs, reason = "a marker without data")]
#[derive(Clone, Copy, Debug)]
pub struct Tower;

impl Framework for Tower {
    fn scope() -> &'static InstrumentationScope {
        &SCOPE
    }
}
