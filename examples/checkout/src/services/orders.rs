//! The order service: stores orders, reserves stock, charges the card, notifies the worker.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use hopline::axum::TraceLayer;
use hopline::lapin::Channel;
use hopline::reqwest::{BuildError, ClientWithMiddleware};
use hopline::{Context, Tracer, attr};

use crate::database::Database;
use crate::queue::{self, Placed};
use crate::services::Failure;
use crate::{Order, Urls};

#[derive(Clone)]
struct Orders {
    database: Database,
    queue: Channel,
    http: ClientWithMiddleware,
    urls: Urls,
}

/// `POST /orders`, and `GET /orders/{id}/state`, which clients poll while they wait for an order,
/// and which is therefore not traced.
///
/// # Errors
///
/// Returns an error if the client cannot be built.
pub fn router(
    tracer: &Tracer,
    database: Database,
    queue: Channel,
    urls: Urls,
) -> Result<Router, BuildError> {
    let http = hopline::reqwest::ClientBuilder::new().build()?;
    let traced = Router::new()
        .route("/orders", post(place))
        .layer(TraceLayer::new().tracer(tracer.clone()));
    let untraced = Router::new().route("/orders/{id}/state", get(state));
    Ok(traced.merge(untraced).with_state(Orders {
        database,
        queue,
        http,
        urls,
    }))
}

async fn place(
    State(orders): State<Orders>,
    Json(order): Json<Order>,
) -> Result<impl IntoResponse, Failure> {
    let id = orders.database.place(&order).await?;
    Context::current().set("order.id", id);

    let reserve = orders
        .http
        .post(format!("{}/reserve", orders.urls.inventory))
        .json(&order.lines);
    reserve.send().await?.error_for_status()?;

    // a card number in a header and a password and a token in the URL: none of them may be recorded
    let charge = format!(
        "{}/charge?token={}",
        orders.urls.payments_with_password(),
        order.card
    );
    let charge = orders
        .http
        .post(charge)
        .header("x-card-number", &order.card)
        .json(&order);
    let charged = charge.send().await?;
    if !charged.status().is_success() {
        let status = i64::from(charged.status().as_u16());
        Context::current().event("downstream_error", || {
            [
                attr("peer.service", "payments"),
                attr("http.response.status_code", status),
            ]
        });
        orders.database.set_status(id, "payment_failed").await?;
        return Ok((
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({ "id": id })),
        ));
    }

    queue::publish(
        &orders.queue,
        &Placed {
            id,
            worker: order.worker,
        },
    )
    .await?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({ "id": id }))))
}

async fn state(State(orders): State<Orders>, Path(id): Path<i64>) -> Result<String, StatusCode> {
    orders
        .database
        .status(id)
        .await
        .ok()
        .flatten()
        .ok_or(StatusCode::NOT_FOUND)
}
