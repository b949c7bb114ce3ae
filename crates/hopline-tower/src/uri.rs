//! The request's own URI, and the scheme it was sent by.

use http::uri::Scheme;
use http::{Extensions, Uri};

/// Finds a request's own URI: as the client sent it, where a router has changed the one of the request.
pub type UriFn = for<'a> fn(&'a Uri, &'a Extensions) -> &'a Uri;

/// Finds the scheme a request was sent by, in what a server has left in its extensions.
pub type SchemeFn = fn(&Extensions) -> Option<Scheme>;

/// The request's URI as it is.
pub(crate) fn unchanged<'a>(uri: &'a Uri, _: &'a Extensions) -> &'a Uri {
    uri
}
