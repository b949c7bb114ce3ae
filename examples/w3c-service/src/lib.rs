//! The service that the W3C Trace Context test suite drives.
//!
//! A request lists calls to make, and the suite checks the headers of those calls. Tracing takes one layer on the router
//! and the builder of the client.

#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "unpublished: all users are in this workspace"
)]

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use hopline::Tracer;
use hopline::axum::TraceLayer;
use hopline::reqwest::redirect::Policy;
use hopline::reqwest::{BuildError, ClientWithMiddleware};
use serde::Deserialize;
use serde_json::Value;

/// Makes the router: `POST /test` takes a list of [`Call`]s, makes them in order, and responds with 200 when all have a
/// response.
///
/// # Errors
///
/// Returns an error if the client cannot be built.
pub fn router(tracer: &Tracer) -> Result<Router, BuildError> {
    // proxies of the environment and redirects of callees are not part of the test
    let client = hopline::reqwest::ClientBuilder::new()
        .configure(|client| client.no_proxy())
        .redirect(Policy::none())
        .build()?;
    Ok(Router::new()
        .route("/test", post(test))
        .layer(TraceLayer::new().tracer(tracer.clone()))
        .with_state(client))
}

/// A call to make.
#[derive(Debug, Deserialize)]
pub struct Call {
    /// The URL.
    pub url: String,
    /// The body of the call: for calls of the service to itself, a list of further calls.
    #[serde(default)]
    pub arguments: Value,
}

async fn test(
    State(client): State<ClientWithMiddleware>,
    Json(calls): Json<Vec<Call>>,
) -> Result<Json<Value>, (StatusCode, String)> {
    for call in calls {
        let sent = client.post(&call.url).json(&call.arguments).send().await;
        sent.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
    }
    Ok(Json(Value::Null))
}
