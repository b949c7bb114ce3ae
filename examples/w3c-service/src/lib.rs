//! The service that the W3C Trace Context test suite drives.
//!
//! It is told by a request whom to call, and the suite looks at the headers of those calls. All that concerns tracing
//! is one layer on the router and the builder of the client.

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

/// `POST /test` with a list of [`Call`]s: makes them one after the other, and answers 200 when all were answered.
///
/// # Errors
///
/// A client that cannot be built.
pub fn router(tracer: &Tracer) -> Result<Router, BuildError> {
    // what the environment or a callee says about proxies and redirects is no part of the test
    let client = hopline::reqwest::builder()
        .configure(|client| client.no_proxy())
        .redirect(Policy::none())
        .build()?;
    Ok(Router::new()
        .route("/test", post(test))
        .layer(TraceLayer::new().tracer(tracer.clone()))
        .with_state(client))
}

/// Whom to call, and with what.
#[derive(Debug, Deserialize)]
pub struct Call {
    /// Where to.
    pub url: String,
    /// The body of the call. The suite lets the service call itself with a list of further calls.
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
