//! Which answers are failures, and of which protocol they came.

use hopline_core::{Context, Name};
use http::{StatusCode, Version};

/// Marks a server's span: 5xx is its failure, 4xx the caller's. `error.type` is the code.
pub fn fail_server(span: &Context, status: StatusCode) {
    if status.is_server_error() {
        span.fail(Name::dynamic(status.as_str()));
    }
}

/// Marks a client's span: 4xx and 5xx are failures to whoever called. `error.type` is the code.
pub(crate) fn fail_client(span: &Context, status: StatusCode) {
    if status.is_client_error() || status.is_server_error() {
        span.fail(Name::dynamic(status.as_str()));
    }
}

/// The value of `network.protocol.version`.
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
