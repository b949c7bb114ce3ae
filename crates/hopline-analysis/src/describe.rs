//! Short texts about a span: its label, its target, its failure. Used by trees and tables, and by viewers.

use hopline_core::export::{SpanData, StatusData};
use hopline_core::text::shown;
use hopline_core::{SpanKind, semconv};

use crate::NAME;

/// The name, and beside a default name its subject: the summary of a statement, the destination of a message.
///
/// # Examples
///
/// ```
/// use hopline_analysis::describe;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// span.attributes.push(("db.query.summary".into(), "SELECT orders".into()));
/// assert_eq!(describe::label(&span), "db.query  SELECT orders");
/// ```
pub fn label(span: &SpanData) -> String {
    let about = match span.kind {
        SpanKind::Client if span.name.starts_with("db.") => span.text(semconv::DB_QUERY_SUMMARY),
        SpanKind::Client | SpanKind::Producer | SpanKind::Consumer
            if span.name.ends_with(".message") =>
        {
            span.text(semconv::MESSAGING_DESTINATION_NAME)
        }
        _ if span.name == "db.query" => span.text(semconv::DB_QUERY_SUMMARY),
        _ => None,
    };
    match about {
        Some(about) => format!("{}  {about}", span.name),
        None => span.name.clone(),
    }
}

/// Host and route of a call to another service, or its path where there is no route; without the route if the name ends
/// with it. Of `several` calls the paths may differ, so it has none.
///
/// # Examples
///
/// ```
/// use hopline_analysis::describe;
/// use hopline_core::{SpanId, SpanKind, TraceId, export::SpanData};
///
/// let mut span = SpanData::new("POST", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// span.kind = SpanKind::Client;
/// span.attributes.push(("url.full".into(), "http://orders:3000/orders?token=1".into()));
/// assert_eq!(describe::place(&span, false).as_deref(), Some("orders:3000/orders"));
/// ```
pub fn place(span: &SpanData, several: bool) -> Option<String> {
    let is_call = span.kind == SpanKind::Client
        && span.text(semconv::DB_SYSTEM_NAME).is_none()
        && span.text(semconv::MESSAGING_SYSTEM).is_none();
    if !is_call {
        return None;
    }
    let (authority, path) = match span.text("url.full").and_then(|url| url.split_once("://")) {
        Some((_, rest)) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", ""),
    };
    let path = path.split(['?', '#']).next().filter(|_| !several);
    let route = span.text("url.template").or(path).unwrap_or_default();
    let route = if span.name.ends_with(route) {
        ""
    } else {
        route
    };
    let host = match span.text(semconv::SERVER_ADDRESS) {
        Some(address) => with_port(address, span),
        None => authority.to_owned(),
    };
    Some(format!("{host}{route}")).filter(|place| !place.is_empty())
}

/// An address with its port, unless that is the default port.
fn with_port(address: &str, span: &SpanData) -> String {
    let port = span
        .attribute(semconv::SERVER_PORT)
        .and_then(|port| port.as_i64());
    match port.filter(|port| !matches!(port, 80 | 443)) {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    }
}

/// The service, if it differs from the parent's; otherwise the database.
///
/// # Examples
///
/// ```
/// use hopline_analysis::describe;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// span.attributes.push(("db.system.name".into(), "postgresql".into()));
/// assert_eq!(describe::target(&span, Some(&span)), Some("postgresql"));
/// assert_eq!(describe::target(&span, None), Some("unknown_service"));
/// ```
pub fn target<'a>(span: &'a SpanData, parent: Option<&SpanData>) -> Option<&'a str> {
    if parent.is_none_or(|parent| parent.service() != span.service()) {
        return Some(span.service());
    }
    span.text(semconv::DB_SYSTEM_NAME)
}

/// The error type and message of a failed span, unless the status code shows them already. Safe to print.
///
/// # Examples
///
/// ```
/// use hopline_analysis::describe;
/// use hopline_core::export::{SpanData, StatusData};
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("db.query", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// span.status = StatusData::Error { message: "no such table".into() };
/// assert_eq!(describe::failure(&span).as_deref(), Some("no such table"));
/// ```
pub fn failure(span: &SpanData) -> Option<String> {
    let StatusData::Error { message } = &span.status else {
        return None;
    };
    let code = status_code(span).map(|code| code.to_string());
    let error_type = span
        .text(semconv::ERROR_TYPE)
        .filter(|error_type| Some(*error_type) != code.as_deref());
    match (error_type.unwrap_or_default(), message.as_str()) {
        ("", "") => None,
        ("", text) | (text, "") => Some(shown(text, NAME).to_string()),
        (error_type, message) => Some(format!(
            "{}: {}",
            shown(error_type, NAME),
            shown(message, NAME)
        )),
    }
}

/// The HTTP status code of the response.
///
/// # Examples
///
/// ```
/// use hopline_analysis::describe;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("GET /", TraceId::from_u128(1).unwrap(), SpanId::from_u64(2).unwrap());
/// assert_eq!(describe::status_code(&span), None);
/// span.attributes.push(("http.response.status_code".into(), 200.into()));
/// assert_eq!(describe::status_code(&span), Some(200));
/// ```
pub fn status_code(span: &SpanData) -> Option<i64> {
    span.attribute(semconv::HTTP_RESPONSE_STATUS_CODE)
        .and_then(|code| code.as_i64())
}
