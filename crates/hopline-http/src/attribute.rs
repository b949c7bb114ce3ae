//! Attribute names of HTTP spans, and the values of `network.protocol.version`.
//!
//! The names that other spans share are in [`hopline_core::semconv`].

use http::Version;

/// The method as the client sent it, if it is not a known one.
pub const METHOD_ORIGINAL: &str = "http.request.method_original";
/// The number of times that the request was sent before.
pub const RESEND_COUNT: &str = "http.request.resend_count";
/// The path.
pub const URL_PATH: &str = "url.path";
/// The query, redacted.
pub const URL_QUERY: &str = "url.query";
/// `http` or `https`.
pub const URL_SCHEME: &str = "url.scheme";
/// The whole URL, redacted.
pub const URL_FULL: &str = "url.full";
/// The template of the URL's path.
pub const URL_TEMPLATE: &str = "url.template";
/// The `User-Agent` header.
pub const USER_AGENT: &str = "user_agent.original";
/// The version of HTTP, from [`protocol_version`].
pub const PROTOCOL_VERSION: &str = "network.protocol.version";
/// The client's address: the peer's, or the one that trusted proxies report.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The address of the connection's peer.
pub const PEER_ADDRESS: &str = "network.peer.address";
/// The port of the connection's peer.
pub const PEER_PORT: &str = "network.peer.port";
/// `grpc`.
pub const RPC_SYSTEM: &str = "rpc.system.name";
/// The method of a gRPC call, such as `shop.Orders/Get`. `_OTHER` if the method is not known to exist.
pub const RPC_METHOD: &str = "rpc.method";
/// The method of a gRPC call as the client sent it, if `rpc.method` is `_OTHER`.
pub const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
/// The name of a gRPC call's status.
pub const RPC_STATUS: &str = "rpc.response.status_code";
/// `sse` for a response of server-sent events, whose span lasts as long as the client listens.
pub const STREAM: &str = "hopline.http.stream";
/// Seconds from the start of the span to the first byte of the body, if the body has more than one part.
pub const TIME_TO_FIRST_BYTE: &str = "hopline.http.time_to_first_byte";

/// Returns the value of [`PROTOCOL_VERSION`] for a version. `None` for versions that have no name yet.
///
/// # Examples
///
/// ```
/// use hopline_http::attribute::protocol_version;
///
/// assert_eq!(protocol_version(http::Version::HTTP_2), Some("2"));
/// ```
pub fn protocol_version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}

/// Names that instrumentations used before the conventions became stable.
pub mod older {
    /// Instead of `http.request.method`.
    pub const METHOD: &str = "http.method";
    /// Instead of `http.response.status_code`.
    pub const STATUS_CODE: &str = "http.status_code";
    /// Instead of `url.path` and `url.query` on a server.
    pub const TARGET: &str = "http.target";
    /// Instead of `url.full` on a client.
    pub const URL: &str = "http.url";
    /// Instead of `url.scheme`.
    pub const SCHEME: &str = "http.scheme";
    /// Instead of `user_agent.original`.
    pub const USER_AGENT: &str = "http.user_agent";
    /// Instead of `server.address` on a server.
    pub const HOST_NAME: &str = "net.host.name";
    /// Instead of `server.address` on a client.
    pub const PEER_NAME: &str = "net.peer.name";
    /// Instead of `server.port` on a client.
    pub const PEER_PORT: &str = "net.peer.port";
}
