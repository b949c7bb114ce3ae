//! Who is at the connection's other end.

use std::net::SocketAddr;

use http::Extensions;

/// Finds the address of the connection's other end in a request's extensions, where a server has left it.
pub type PeerFn = fn(&Extensions) -> Option<SocketAddr>;

pub(crate) fn plain_peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get().copied()
}
