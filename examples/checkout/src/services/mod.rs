//! The five services. Each file is one of them, as its team would write it.

pub mod gateway;
pub mod inventory;
pub mod orders;
pub mod payments;
pub mod worker;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hopline::Context;

/// The error response of a handler whose dependency failed.
///
/// The cause is recorded on the request's span; the caller learns the status only.
#[derive(Debug)]
pub struct Failure(StatusCode);

impl Failure {
    /// Answers this status.
    pub fn status(status: StatusCode) -> Self {
        Self(status)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Context::current().record_error(&error);
        Self(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
