//! Responses that record the error behind them.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use hopline_core::Context;

/// Records the error behind a response, in `IntoResponse` of an application's error type.
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
///
/// let response = AppError(std::io::Error::other("no route to host")).into_response();
/// assert_eq!(response.status(), 502);
/// ```
pub trait CausedBy: IntoResponse {
    /// Makes the response. If its status is 5xx, [records](Context::record_error) the error on the current span: the
    /// request's, if axum makes the response. A response below 500 is not a failure of the service.
    ///
    /// `error.type` is the name of the error's type instead of the status code; `_OTHER` for a `dyn Error`.
    fn caused_by<E: Error + ?Sized>(self, error: &E) -> Response;
}

impl<R: IntoResponse> CausedBy for R {
    fn caused_by<E: Error + ?Sized>(self, error: &E) -> Response {
        let response = self.into_response();
        if response.status().is_server_error() {
            Context::current().record_error(error);
        }
        response
    }
}
