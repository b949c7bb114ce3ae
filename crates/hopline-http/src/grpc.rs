//! gRPC, as far as it shows in HTTP: its requests are of HTTP/2, and its outcome stands in headers or trailers.
//!
//! ```
//! use hopline_http::grpc;
//! use http::{HeaderMap, HeaderValue};
//!
//! assert_eq!(grpc::method("/shop.Orders/Get"), Some("shop.Orders/Get"));
//! let mut trailers = HeaderMap::new();
//! trailers.insert("grpc-status", HeaderValue::from_static("14"));
//! let status = grpc::Status::of(&trailers).unwrap();
//! assert_eq!((status.name(), status.is_server_error()), ("UNAVAILABLE", true));
//! ```

use http::{
    HeaderMap, Version,
    header::{CONTENT_TYPE, HeaderName},
};

pub use crate::known_methods::KnownMethods;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Names of status codes by number, in capitals as the conventions have them.
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

/// How a gRPC call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(usize);

impl Status {
    /// What the headers or trailers of an answer say.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(GRPC_STATUS)?.to_str().ok()?)
    }

    /// The status in the trailers that end the body of a gRPC-web answer, where these bytes begin with them.
    ///
    /// It is not found in `application/grpc-web-text`, whose bodies are base64, nor where trailers are cut into pieces.
    pub fn of_web_trailers(bytes: &[u8]) -> Option<Self> {
        // one byte of flags, the first for trailers, and four of length
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
        // a number that is not known counts as UNKNOWN, as the protocol has it
        Some(Self(if code < CODES.len() { code } else { 2 }))
    }

    /// Its name, such as `DEADLINE_EXCEEDED`: `rpc.response.status_code`.
    pub fn name(self) -> &'static str {
        CODES[self.0]
    }

    /// True if it is the server's failure: the [conventions] name six.
    ///
    /// [conventions]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
    pub fn is_server_error(self) -> bool {
        matches!(self.0, 2 | 4 | 12..=15)
    }

    /// True if it is a failure to a client: everything but `OK`.
    pub fn is_client_error(self) -> bool {
        self.0 != 0
    }

    /// True if the method itself has ended so. The others may come before routing: from limits on load, from
    /// authentication, or since the server has no such method.
    pub fn is_of_method(self) -> bool {
        matches!(self.0, 0 | 3 | 5 | 6 | 9 | 10 | 11 | 13 | 15)
    }
}

/// True if a piece of a gRPC-web body begins with trailers and not with a message.
pub fn is_web_trailers(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|flags| flags & 0x80 != 0)
}

/// True for headers of a gRPC request or answer, which HTTP/2 alone can carry.
pub fn is_grpc(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_2
        && headers.get(CONTENT_TYPE).is_some_and(|kind| {
            let rest = kind.as_bytes().strip_prefix(b"application/grpc");
            matches!(rest, Some([] | [b'+' | b';', ..]))
        })
}

/// True for headers of a gRPC-web request or answer, in any version of HTTP.
///
/// A call that fails at once has its status in these headers. Where there is a body, its last part has the status; see
/// [`Status::of_web_trailers`].
pub fn is_grpc_web(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let rest = kind.as_bytes().strip_prefix(b"application/grpc-web");
        let rest = rest.map(|rest| rest.strip_prefix(b"-text").unwrap_or(rest));
        matches!(rest, Some([] | [b'+' | b';', ..]))
    })
}

/// The method, such as `shop.Orders/Get`, of a path that has the form of one.
///
/// The path is the caller's: a server knows only when it has answered whether there is such a method.
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
    fn statuses_are_read_or_unknown() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_STATUS, HeaderValue::from_static(text));
            Status::of(&headers).map(Status::name)
        };
        assert_eq!(read("0"), Some("OK"));
        assert_eq!(read("16"), Some("UNAUTHENTICATED"));
        assert_eq!(read("17"), Some("UNKNOWN"));
        assert_eq!(read("-1"), None);
        assert_eq!(Status::of(&HeaderMap::new()), None);
    }

    #[test]
    fn trailers_in_bodies_are_read_or_passed_over() {
        let read = |bytes: &[u8]| Status::of_web_trailers(bytes).map(Status::name);
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
    fn only_methods_are_methods() {
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
