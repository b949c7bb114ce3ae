//! gRPC over HTTP: recognition of calls, their methods, and their status in headers, trailers or gRPC-web bodies.
//!
//! # Examples
//!
//! ```
//! use hopline_http::grpc;
//! use http::{HeaderMap, HeaderValue};
//!
//! assert_eq!(grpc::method("/shop.Orders/Get"), Some("shop.Orders/Get"));
//! let mut trailers = HeaderMap::new();
//! trailers.insert("grpc-status", HeaderValue::from_static("14"));
//! let status = grpc::Status::from_headers(&trailers).unwrap();
//! assert_eq!((status.name(), status.is_server_error()), ("UNAVAILABLE", true));
//! ```

mod known_methods;

use hopline_core::{Context, Literal, SpanKind};
use http::{
    HeaderMap, Version,
    header::{CONTENT_TYPE, HeaderName},
};

use crate::attribute;

pub use known_methods::KnownMethods;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Names of the status codes by number, as in the semantic conventions.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The status of a gRPC call.
///
/// Numbers above 16 are read as `UNKNOWN`, as the protocol requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(usize);

impl Status {
    /// Reads `grpc-status` from a response's headers or trailers.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(GRPC_STATUS)?.to_str().ok()?)
    }

    /// Reads the status from the trailers in the body of a gRPC-web response, if `bytes` begins with them.
    ///
    /// It is not found in `application/grpc-web-text`, whose bodies are base64, nor in trailers that are split between
    /// frames.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_http::grpc::Status;
    ///
    /// let trailers = b"\x80\0\0\0\x0dgrpc-status:5";
    /// assert_eq!(Status::from_web_trailers(trailers).map(Status::name), Some("NOT_FOUND"));
    /// ```
    pub fn from_web_trailers(bytes: &[u8]) -> Option<Self> {
        // one byte of flags, whose highest bit marks trailers, and four bytes of length
        let (head, rest) = bytes.split_at_checked(5)?;
        let length = u32::from_be_bytes(head[1..].try_into().ok()?);
        let lines = rest.get(..usize::try_from(length).ok()?)?;
        let mut lines = str::from_utf8(lines)
            .ok()
            .filter(|_| is_web_trailers(head))?
            .lines();
        lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case("grpc-status")
                .then(|| Self::parse(value.trim()))?
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let code = text.parse().ok()?;
        // 2 is UNKNOWN
        Some(Self(if code < CODES.len() { code } else { 2 }))
    }

    /// Returns the name, such as `DEADLINE_EXCEEDED`: the value of `rpc.response.status_code`.
    pub fn name(self) -> &'static str {
        CODES[self.0]
    }

    /// Returns true for the six codes that are errors of a server span by the [conventions].
    ///
    /// [conventions]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
    pub fn is_server_error(self) -> bool {
        matches!(self.0, 2 | 4 | 12..=15)
    }

    /// Returns true for the codes that are errors of a client span: all but `OK`.
    pub fn is_client_error(self) -> bool {
        self.0 != 0
    }

    /// Returns true for codes that only the method itself returns, so that it exists. The others may be returned before
    /// routing: by a load limit, by authentication, or because the server has no such method.
    pub fn is_from_method(self) -> bool {
        matches!(self.0, 0 | 3 | 5 | 6 | 9 | 10 | 11 | 13 | 15)
    }

    /// Records the status on a span, and fails the span if the status is an error for its kind.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::SpanKind;
    /// # use hopline_core::{SpanBuilder};
    /// use hopline_http::grpc::Status;
    /// use http::{HeaderMap, HeaderValue};
    ///
    /// let mut trailers = HeaderMap::new();
    /// trailers.insert("grpc-status", HeaderValue::from_static("5"));
    /// let status = Status::from_headers(&trailers).unwrap();
    /// # let (tracer, spans) = hopline_testing::tracer("orders");
    /// # let [server, client] = ["server", "client"].map(|name| SpanBuilder::new(name).tracer(&tracer).start());
    /// status.record(server.context_ref(), SpanKind::Server);
    /// status.record(client.context_ref(), SpanKind::Client);
    /// # drop((server, client));
    ///
    /// spans.one("server").succeeded().attribute("rpc.response.status_code", "NOT_FOUND");
    /// spans.one("client").failed("NOT_FOUND");
    /// ```
    pub fn record(self, span: &Context, kind: SpanKind) {
        span.set(attribute::RPC_STATUS, Literal(self.name()));
        let is_error = match kind {
            SpanKind::Server => self.is_server_error(),
            _ => self.is_client_error(),
        };
        if is_error {
            span.fail(self.name());
        }
    }
}

/// Returns true if a frame of a gRPC-web body begins with trailers instead of a message.
pub fn is_web_trailers(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|flags| flags & 0x80 != 0)
}

/// Returns true for headers of a gRPC request or response, which require HTTP/2.
pub fn is_grpc(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_2
        && headers.get(CONTENT_TYPE).is_some_and(|kind| {
            let rest = kind.as_bytes().strip_prefix(b"application/grpc");
            matches!(rest, Some([] | [b'+' | b';', ..]))
        })
}

/// Returns true for headers of a gRPC-web request or response, in any version of HTTP.
///
/// A call that fails before its body has the status in these headers. Otherwise the end of the body has it; see
/// [`Status::from_web_trailers`].
pub fn is_grpc_web(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let rest = kind.as_bytes().strip_prefix(b"application/grpc-web");
        let rest = rest.map(|rest| rest.strip_prefix(b"-text").unwrap_or(rest));
        matches!(rest, Some([] | [b'+' | b';', ..]))
    })
}

/// Returns the method, such as `shop.Orders/Get`, of a path that has the form of one. Up to 255 bytes.
///
/// The caller chooses the path, so the method may not exist; see [`KnownMethods`].
pub fn method(path: &str) -> Option<&str> {
    let method = path.strip_prefix('/')?;
    let (service, name) = method.split_once('/')?;
    let word = |text: &str, dots| {
        let part =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (dots && byte == b'.');
        !text.is_empty() && text.bytes().all(part)
    };
    (method.len() <= 255 && word(service, true) && word(name, false)).then_some(method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn an_unknown_code_is_read_as_unknown() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_STATUS, HeaderValue::from_static(text));
            Status::from_headers(&headers).map(Status::name)
        };
        assert_eq!(read("0"), Some("OK"));
        assert_eq!(read("16"), Some("UNAUTHENTICATED"));
        assert_eq!(read("17"), Some("UNKNOWN"));
        assert_eq!(read("-1"), None);
        assert_eq!(Status::from_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn trailers_in_bodies_are_read_and_malformed_ones_ignored() {
        let read = |bytes: &[u8]| Status::from_web_trailers(bytes).map(Status::name);
        let trailers = |text: &[u8]| {
            let length = u32::try_from(text.len()).unwrap().to_be_bytes();
            [&[0x80], &length[..], text].concat()
        };
        assert_eq!(read(&trailers(b"grpc-status:14\r\n")), Some("UNAVAILABLE"));
        let late = trailers(b"grpc-message: a\r\nGrpc-Status: 0\r\nx: y\r\n");
        assert_eq!(read(&late), Some("OK"));
        assert_eq!(read(&trailers(b"grpc-message:a\r\n")), None);
        assert_eq!(read(&trailers(b"grpc-status:x\r\n")), None);
        assert_eq!(read(&trailers(b"\xffgrpc-status:1\r\n")), None);
        let whole = trailers(b"grpc-status:1\r\n");
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(read(&[0, 0, 0, 0, 0]), None, "a message");
        assert_eq!(read(&[0x80, 255, 255, 255, 255, 1]), None);
    }

    #[test]
    fn a_path_that_is_not_a_method_is_refused() {
        assert_eq!(method("/shop.v1.Orders/Get"), Some("shop.v1.Orders/Get"));
        for path in [
            "",
            "/",
            "/a",
            "a/b",
            "/a/b/c",
            "/a b/c",
            "/a/b.c",
            "/a/\u{1b}",
            "//b",
        ] {
            assert_eq!(method(path), None, "{path}");
        }
        let mut headers = HeaderMap::new();
        for (kind, grpc, web) in [
            ("application/grpc", true, false),
            ("application/grpc+proto", true, false),
            ("application/grpc-web", false, true),
            ("application/grpc-web+proto", false, true),
            ("application/grpc-web-text;charset=x", false, true),
            ("application/grpc-website", false, false),
            ("text/html", false, false),
        ] {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(is_grpc(Version::HTTP_2, &headers), grpc, "{kind}");
            assert_eq!(is_grpc_web(&headers), web, "{kind}");
        }
    }
}
