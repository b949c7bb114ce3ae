//! The routes of the shop.

mod imports;
mod live;
mod orders;
mod products;

use std::time::Duration;

use axum::http::{HeaderName, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::auth;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) fn router(state: AppState) -> Router {
    let private = Router::new()
        .nest("/orders", orders::router())
        .nest("/imports", imports::router())
        .layer(middleware::from_fn_with_state(
            state.clone(),
            auth::required,
        ));
    let api = Router::new()
        .nest("/products", products::router())
        .nest("/live", live::router())
        .merge(private);
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http())
        .layer(hopline::axum::TraceLayer::public())
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET]),
        )
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(10),
        ))
        .layer(CatchPanicLayer::new());
    Router::new()
        .route("/health", get(async || "ok"))
        .nest("/api/v1", api)
        .fallback(unknown)
        .layer(layers)
        .with_state(state)
}

async fn unknown(uri: Uri) -> Response {
    let message = json!({ "error": format!("there is no {}", uri.path()) });
    (StatusCode::NOT_FOUND, Json(message)).into_response()
}
