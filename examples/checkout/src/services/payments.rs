//! The payment service: charges cards; fails or is slow on request.

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
    let answered = authorise(order.payment).await;
    if !answered {
        Context::current().fail_with(
            "card_network_unavailable",
            "the card network does not answer",
        );
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::NO_CONTENT
}

/// Asks the card network. This service was written with `tracing`: what it instruments is in the trace as well.
#[tracing::instrument(name = "card.authorise", skip_all)]
async fn authorise(payment: Payment) -> bool {
    if payment == Payment::Slow {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    payment != Payment::Fail
}
