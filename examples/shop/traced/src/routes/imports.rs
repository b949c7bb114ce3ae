//! `/api/v1/imports`: uploads of products.

use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::AppError;
use crate::repo::products::{self, NewProduct};
use crate::state::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", post(upload))
        .layer(DefaultBodyLimit::max(64 * 1024))
}

async fn upload(
    State(state): State<AppState>,
    mut form: Multipart,
) -> Result<Json<Value>, AppError> {
    let invalid = |error: &dyn std::fmt::Display| AppError::Invalid(error.to_string());
    let mut imported = 0;
    while let Some(field) = form.next_field().await.map_err(|error| invalid(&error))? {
        let file = field.bytes().await.map_err(|error| invalid(&error))?;
        let rows: Vec<NewProduct> =
            serde_json::from_slice(&file).map_err(|error| invalid(&error))?;
        if !rows.is_empty() {
            imported += products::import(&state.db, &rows).await?;
        }
    }
    Ok(Json(json!({ "imported": imported })))
}
