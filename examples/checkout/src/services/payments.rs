//! Charges cards; fails and dawdles when told to.

use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use hopline::axum::TraceLayer;
use hopline::{Context, Tracer};

use crate::{Order, Payment};

/// `POST /charge`.
pub fn router(tracer: &Tracer) -> Router {
    Router::new()
        .route("/charge", post(charge))
        .layer(TraceLayer::new().tracer(tracer.clone()))
}

async fn charge(Json(order): Json<Order>) -> StatusCode {
    match order.payment {
        Payment::Accept => StatusCode::NO_CONTENT,
        Payment::Slow => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            StatusCode::NO_CONTENT
        }
        Payment::Fail => {
            Context::current().fail_with(
                "card_network_unavailable",
                "the card network does not answer",
            );
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
