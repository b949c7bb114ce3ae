//! The error behind an answer.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use hopline_core::Context;

/// Answers that name their cause, for `IntoResponse` of an application's error type.
///
/// # Examples
///
/// ```
/// use axum::http::StatusCode;
/// use axum::response::{IntoResponse, Response};
/// use hopline_axum::CausedBy;
///
/// #[derive(Debug)]
/// struct AppError(std::io::Error);
///
/// impl IntoResponse for AppError {
///     fn into_response(self) -> Response {
///         (StatusCode::BAD_GATEWAY, "try later").caused_by(&self.0)
///     }
/// }
/// # let answer = AppError(std::io::Error::other("x")).into_response();
/// # assert_eq!(answer.status(), 502);
/// ```
pub trait CausedBy: IntoResponse {
    /// Makes the answer and, if its status is 5xx, [records](Context::record_error) this error on the current span, which
    /// is the request's where axum makes the answer. Answers below 500 are no failures of the service.
    ///
    /// `error.type` becomes the name of the error's type instead of the status code; `_OTHER` for a `dyn Error`.
    fn caused_by<E: Error + ?Sized>(self, error: &E) -> Response;
}

impl<R: IntoResponse> CausedBy for R {
    fn caused_by<E: Error + ?Sized>(self, error: &E) -> Response {
        let answer = self.into_response();
        if answer.status().is_server_error() {
            Context::current().record_error(error);
        }
        answer
    }
}
