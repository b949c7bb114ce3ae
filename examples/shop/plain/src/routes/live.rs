//! `/api/v1/live`: orders as they are paid, as server-sent events and over a WebSocket.

use std::convert::Infallible;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, stream};
use tracing::info;

use crate::repo::products;
use crate::state::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/events", get(events))
        .route("/stock", get(stock))
}

async fn events(
    State(state): State<AppState>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = state.events.subscribe();
    info!("a live view is connected");
    Sse::new(stream::unfold(receiver, async |mut receiver| {
        let order = receiver.recv().await.ok()?;
        Some((Ok(Event::default().data(order.to_string())), receiver))
    }))
}

async fn stock(State(state): State<AppState>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| answer(state, socket))
}

/// Answers each sku with its stock.
async fn answer(state: AppState, mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(sku) = message else {
            continue;
        };
        let answer = match products::by_sku(&state.db, sku.as_str()).await {
            Ok(product) => product.stock.to_string(),
            Err(error) => format!("none: {error}"),
        };
        if socket.send(Message::Text(answer.into())).await.is_err() {
            return;
        }
    }
}
