//! Attribute names of the OpenTelemetry semantic conventions (v1.44) that more than one hopline crate uses.

pub use crate::conventions::{OlderNames, SpanNames};

/// The reason of a failure, of low cardinality (stable).
pub const ERROR_TYPE: &str = "error.type";
/// The server's name (stable).
pub const SERVER_ADDRESS: &str = "server.address";
/// The server's port (stable).
pub const SERVER_PORT: &str = "server.port";
/// The request's method (stable).
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The response's status code (stable).
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
/// The matched route (stable).
pub const HTTP_ROUTE: &str = "http.route";
/// The database product (stable).
pub const DB_SYSTEM_NAME: &str = "db.system.name";
/// The database's name (stable).
pub const DB_NAMESPACE: &str = "db.namespace";
/// The statement, redacted (stable).
pub const DB_QUERY_TEXT: &str = "db.query.text";
/// A short summary of the statement (stable).
pub const DB_QUERY_SUMMARY: &str = "db.query.summary";
/// The status code of the database (stable).
pub const DB_RESPONSE_STATUS_CODE: &str = "db.response.status_code";
/// The messaging product (development).
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The destination of messages (development).
pub const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
