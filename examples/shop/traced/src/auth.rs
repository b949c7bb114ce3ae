//! Bearer tokens.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use crate::error::AppError;
use crate::repo::users;
use crate::state::AppState;

/// The user of the request.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) email: String,
}

/// Refuses requests without a valid token.
pub(crate) async fn required(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, AppError> {
    let header = request.headers().get(AUTHORIZATION);
    let token = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(AppError::Unauthorized)?;
    let user = users::by_token(&state.db, token)
        .await?
        .ok_or(AppError::Unauthorized)?;
    request.extensions_mut().insert(user);
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        let user = parts.extensions.get::<Self>();
        user.cloned().ok_or(AppError::Unauthorized)
    }
}
