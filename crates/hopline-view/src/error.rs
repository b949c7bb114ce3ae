//! Errors of the JSON API. Made by its routes and by the guard.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error as the API answers it: a status, and a body with code and message. Routes return it as the error of their
/// `Result`, and axum makes the response.
#[derive(Debug)]
pub(crate) struct ApiError {
    /// Status of the response.
    status: StatusCode,
    /// Code for programs; it does not change with the text.
    code: &'static str,
    /// Text for people: the problem and its remedy.
    message: String,
    /// Place in the query, in bytes, of a `bad_query`. `None` for other errors.
    at: Option<usize>,
}

impl ApiError {
    /// Makes an error. `code` is one word in small letters, part of the API: scripts compare it.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            at: None,
        }
    }

    /// 403: the request comes from another site, or from a host that is not allowed.
    ///
    /// The text names the rule and the remedy: the reader is mostly the developer whose setup was refused.
    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 401: no token, or a wrong one. Both have one text, which helps no guess.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the token is missing or wrong",
        )
    }

    /// 404: no such page, trace or span; traces may have been evicted.
    ///
    /// The status does not show whether an id ever existed, as the viewer does not know.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// 404: the trace is not held. The text has both reasons, as the viewer remembers only some of the ids that it evicted.
    pub(crate) fn no_trace() -> Self {
        Self::not_found(
            "no such trace: it never arrived, or it was evicted to stay within the bounds",
        )
    }

    /// 400: the path has no valid id.
    ///
    /// A trace id has 32 digits, a span id 16.
    pub(crate) fn bad_id() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_id",
            "not an id in hexadecimal",
        )
    }

    /// 400: a parameter of the query is not valid. The message names the parameter and the problem.
    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_parameter", message)
    }

    /// 400: an imported file cannot be decoded. Nothing of the file is stored: a file is decoded as a whole or not at
    /// all.
    pub(crate) fn bad_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", message)
    }
}

/// A query that cannot be parsed: 400 with the code `bad_query`, and the place of the problem.
impl From<crate::SearchError> for ApiError {
    fn from(error: crate::SearchError) -> Self {
        Self {
            at: Some(error.at()),
            ..Self::new(StatusCode::BAD_REQUEST, "bad_query", error.to_string())
        }
    }
}

/// `{"error": {"code": …, "message": …}}`.
///
/// The object `error` makes it distinct from each other answer.
#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

/// The content of `error`. `at` is left out of errors that have no place.
#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<usize>,
}

/// A 401 names the scheme `Bearer`, as RFC 9110, section 15.5.2, requires of it.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let inner = Inner {
            code: self.code,
            message: &self.message,
            at: self.at,
        };
        let mut response = (self.status, Json(Body { error: inner })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
