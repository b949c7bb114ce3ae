//! Attribute names of HTTP spans; those of other spans are in `hopline_core::semconv`.

/// The method as the client sent it, where it is not a known one.
pub const METHOD_ORIGINAL: &str = "http.request.method_original";
/// How often a request was sent before this time.
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
/// What the client says it is.
pub const USER_AGENT: &str = "user_agent.original";
/// `1.1`, `2` and so on.
pub const PROTOCOL_VERSION: &str = "network.protocol.version";
/// The client's address, behind proxies too, as far as they are trusted.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The address of the connection's other end.
pub const PEER_ADDRESS: &str = "network.peer.address";
/// The port of the connection's other end.
pub const PEER_PORT: &str = "network.peer.port";
/// `grpc`.
pub const RPC_SYSTEM: &str = "rpc.system.name";
/// The method of a gRPC call, such as `shop.Orders/Get`; `_OTHER` if the server has not shown that it knows it.
pub const RPC_METHOD: &str = "rpc.method";
/// The method of a gRPC call as the client sent it, where `rpc.method` is `_OTHER`.
pub const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
/// The status of a gRPC call by name.
pub const RPC_STATUS: &str = "rpc.response.status_code";
/// `sse` for an answer of server-sent events, which lasts as long as the client listens.
pub const STREAM: &str = "hopline.http.stream";
/// Seconds until the first byte of a body that did not come at once.
pub const TIME_TO_FIRST_BYTE: &str = "hopline.http.time_to_first_byte";

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
