//! Classes of failed calls: the values of `error.type`.

use std::error::Error as StdError;
use std::io;

use reqwest_middleware::Error;

/// Returns the class of a failed call.
pub(crate) fn of(error: &Error) -> &'static str {
    match error {
        Error::Reqwest(error) => of_reqwest(error),
        Error::Middleware(_) => "middleware",
    }
}

/// Returns the first of reqwest's classes that applies, the most specific first.
pub(crate) fn of_reqwest(error: &reqwest::Error) -> &'static str {
    let classes = [
        (error.is_timeout(), "timeout"),
        (error.is_connect(), "connect"),
        (error.is_redirect(), "redirect"),
        (error.is_body(), "body"),
        (error.is_decode(), "decode"),
        (error.is_upgrade(), "upgrade"),
        (error.is_builder(), "builder"),
    ];
    let class = classes
        .into_iter()
        .find_map(|(is, class)| is.then_some(class))
        .unwrap_or("request");
    match class {
        "connect" | "request" | "body" | "decode" => of_source(error).unwrap_or(class),
        _ => class,
    }
}

/// Returns the class of an operating system error among the sources.
fn of_source(error: &reqwest::Error) -> Option<&'static str> {
    let sources = std::iter::successors(error.source(), |source| StdError::source(*source));
    let kinds = sources.filter_map(|source| Some(source.downcast_ref::<io::Error>()?.kind()));
    kinds.into_iter().find_map(|kind| match kind {
        io::ErrorKind::ConnectionRefused => Some("connection_refused"),
        io::ErrorKind::ConnectionReset => Some("connection_reset"),
        _ => None,
    })
}
