//! The payment service that the shops call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Serves `/charges`; the card decides the answer. Gives the URL.
pub(crate) async fn serve() -> String {
    let charges = Arc::new(AtomicUsize::new(0));
    let app = Router::new()
        .route("/charges", post(charge))
        .with_state(charges);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

async fn charge(
    State(charges): State<Arc<AtomicUsize>>,
    Json(charge): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let attempt = charges.fetch_add(1, Ordering::Relaxed);
    match charge["card"].as_str() {
        Some("declined") => Err(StatusCode::PAYMENT_REQUIRED),
        Some("down") => Err(StatusCode::BAD_GATEWAY),
        // every other charge with this card is answered at the second attempt
        Some("flaky") if attempt.is_multiple_of(2) => Err(StatusCode::SERVICE_UNAVAILABLE),
        _ => Ok(Json(
            json!({ "id": format!("receipt-{}", charge["order"]) }),
        )),
    }
}
