//! The application, the same before and after.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tracing::{Instrument as _, Span, error, field, info, info_span, instrument, warn};

/// The routes, without any layer.
pub fn routes() -> Router {
    Router::new()
        .route("/health", get(async || "ok"))
        .route("/orders/{id}", get(order))
}

#[derive(Debug, Serialize)]
struct Order {
    id: u32,
    total_cents: i64,
}

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("order {0} does not exist")]
    Missing(u32),
    #[error("the price service does not answer")]
    NoPrice,
}

impl IntoResponse for OrderError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::NoPrice => StatusCode::BAD_GATEWAY,
        };
        (status, self.to_string()).into_response()
    }
}

#[instrument(skip_all, fields(order.id = id, order.lines = field::Empty))]
async fn order(Path(id): Path<u32>) -> Result<Json<Order>, OrderError> {
    let lines = load(id).await?;
    Span::current().record("order.lines", lines);
    let total_cents = price(id, lines).await?;
    info!(total_cents, vip = id == 1, "order priced");
    notify(id);
    Ok(Json(Order { id, total_cents }))
}

#[instrument(err)]
async fn load(id: u32) -> Result<u64, OrderError> {
    tokio::task::yield_now().await;
    if id == 404 {
        return Err(OrderError::Missing(id));
    }
    Ok(u64::from(id) + 1)
}

#[instrument(
    fields(otel.kind = "client", otel.name = "GET /prices", otel.status_code = field::Empty, peer = "prices")
)]
async fn price(id: u32, lines: u64) -> Result<i64, OrderError> {
    let attempts = async {
        for attempt in 1..=2 {
            tokio::task::yield_now().await;
            warn!(attempt, "the price service is slow");
        }
    };
    attempts.instrument(info_span!("attempts", max = 2)).await;
    if id == 502 {
        Span::current().record("otel.status_code", "ERROR");
        error!(id, "no price");
        return Err(OrderError::NoPrice);
    }
    Ok(i64::try_from(lines).unwrap_or(i64::MAX) * 650)
}

/// Works on after the answer.
fn notify(id: u32) {
    let mail = async move {
        tokio::task::yield_now().await;
        info!(id, "mail sent");
    };
    tokio::spawn(mail.instrument(info_span!("mail", id)));
}
