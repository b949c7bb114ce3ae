//! `/api/v1/products`.

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use crate::error::AppError;
use crate::repo::products::{self, Product};
use crate::state::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(list))
        .route("/short", get(short))
        .route("/{sku}", get(show))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default = "ten")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

fn ten() -> i64 {
    10
}

async fn list(
    State(state): State<AppState>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<Product>>, AppError> {
    if !(1..=100).contains(&page.limit) {
        return Err(AppError::Invalid("limit is 1 to 100".to_owned()));
    }
    let products = products::page(&state.db, page.limit, page.offset).await?;
    Ok(Json(products))
}

async fn short(State(state): State<AppState>) -> Result<Json<Vec<String>>, AppError> {
    Ok(Json(products::short(&state.db, 3).await?))
}

async fn show(
    State(state): State<AppState>,
    Path(sku): Path<String>,
) -> Result<Json<Product>, AppError> {
    assert!(sku != "bug", "a handler with a bug");
    let mut connection = state.db.acquire().await?;
    let product = products::by_sku(&mut *connection, &sku).await?;
    Ok(Json(product))
}
