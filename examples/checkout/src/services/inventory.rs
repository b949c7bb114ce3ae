//! Knows what there is, and reserves it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hopline::Tracer;
use hopline::axum::TraceLayer;

use crate::Line;
use crate::database::{Database, Product};
use crate::services::Failure;

/// `POST /reserve` and `GET /products`.
pub fn router(tracer: &Tracer, database: Database) -> Router {
    Router::new()
        .route("/reserve", post(reserve))
        .route("/products", get(products))
        .layer(TraceLayer::new().tracer(tracer.clone()))
        .with_state(database)
}

async fn reserve(
    State(database): State<Database>,
    Json(lines): Json<Vec<Line>>,
) -> Result<StatusCode, Failure> {
    database.reserve(&lines).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn products(State(database): State<Database>) -> Result<Json<Vec<Product>>, Failure> {
    Ok(Json(database.products().await?))
}
