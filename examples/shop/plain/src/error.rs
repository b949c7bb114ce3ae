//! The errors of handlers, and their responses.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::{error, warn};

#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("not found")]
    NotFound,
    #[error("a valid bearer token is required")]
    Unauthorized,
    #[error("{0}")]
    Invalid(String),
    #[error("{0} is out of stock")]
    OutOfStock(String),
    #[error("the payment was declined")]
    Declined,
    #[error("the payment service failed: {0}")]
    Payment(#[from] reqwest_middleware::Error),
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
    #[error("the queue failed: {0}")]
    Queue(#[from] lapin::Error),
}

impl AppError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OutOfStock(_) => StatusCode::CONFLICT,
            Self::Declined => StatusCode::PAYMENT_REQUIRED,
            Self::Payment(_) => StatusCode::BAD_GATEWAY,
            Self::Database(_) | Self::Queue(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Invalid("it exists already".to_owned())
            }
            _ => Self::Database(error),
        }
    }
}

impl From<reqwest::Error> for AppError {
    fn from(error: reqwest::Error) -> Self {
        Self::Payment(error.into())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = self.status();
        let message = if status.is_server_error() {
            error!(status = status.as_u16(), "{self}");
            "something went wrong".to_owned()
        } else {
            warn!(status = status.as_u16(), "{self}");
            self.to_string()
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_row_is_not_found_and_a_lost_connection_is_ours() {
        let missing = AppError::from(sqlx::Error::RowNotFound);
        assert_eq!(missing.into_response().status(), StatusCode::NOT_FOUND);
        let lost = AppError::from(sqlx::Error::PoolClosed);
        assert_eq!(
            lost.into_response().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
