//! The facts of a call that a client gives to [`ClientSpans`](super::ClientSpans).

use std::net::SocketAddr;

use http::{Extensions, HeaderMap, Method, StatusCode, Version};

/// A request that is about to be sent.
#[expect(
    clippy::exhaustive_structs,
    reason = "an instrumentation supplies each fact, so a new one is meant to break its build"
)]
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a Method,
    /// The version of the request; recorded is the version of the response.
    pub version: Version,
    /// The host of the URL, with or without the brackets of an IPv6 address. Empty if it is not known.
    pub host: &'a str,
    /// The port of the URL, or the default port of its scheme.
    pub port: Option<u16>,
    /// The path of the URL.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The extensions: a [`UrlTemplate`](super::UrlTemplate), a [`ResendCount`](super::ResendCount) and a
    /// [`CallerContext`](super::CallerContext) are used.
    pub extensions: &'a Extensions,
}

impl<'a> Call<'a> {
    /// Returns the value of `server.address`: the host without brackets.
    pub(crate) fn address(&self) -> Option<&'a str> {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        Some(bare.unwrap_or(self.host)).filter(|host| !host.is_empty())
    }
}

/// The head of a response.
#[expect(
    clippy::exhaustive_structs,
    reason = "an instrumentation supplies each fact, so a new one is meant to break its build"
)]
#[derive(Clone, Copy, Debug)]
pub struct ResponseInfo<'a> {
    /// The status.
    pub status: StatusCode,
    /// The negotiated version.
    pub version: Version,
    /// The address of the connection's peer: the server or a proxy.
    pub peer: Option<SocketAddr>,
    /// The result of [`ClientSpans::keeps_with`](super::ClientSpans::keeps_with) for the host that responded.
    pub keeps_with: bool,
    /// The headers.
    pub headers: &'a HeaderMap,
}
