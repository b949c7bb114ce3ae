//! The edge: trusts no header of its callers, knows the tenant, verifies the caller, and passes on.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hopline::axum::TraceLayer;
use hopline::prelude::*;
use hopline::reqwest::{BuildError, ClientWithMiddleware};
use hopline::{Context, Tracer, span};

use crate::services::Failure;
use crate::{Order, Urls};

#[derive(Clone)]
struct Gateway {
    http: ClientWithMiddleware,
    urls: Urls,
}

/// `POST /checkout` and `GET /products`.
///
/// # Errors
///
/// Returns an error if the client cannot be built.
pub fn router(tracer: &Tracer, urls: Urls) -> Result<Router, BuildError> {
    let http = hopline::reqwest::ClientBuilder::new().build()?;
    Ok(Router::new()
        .route("/checkout", post(checkout))
        .route("/products", get(products))
        .layer(middleware::from_fn(tenant))
        // callers are not trusted: the trace begins here, whether or not they send trace headers
        .layer(TraceLayer::public().tracer(tracer.clone()))
        .with_state(Gateway { http, urls }))
}

/// From here on the tenant travels with the request: as an attribute here, as baggage to everyone behind.
async fn tenant(headers: HeaderMap, request: Request, next: Next) -> Response {
    let Some(tenant) = headers
        .get("x-tenant-id")
        .and_then(|value| value.to_str().ok())
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let context = Context::current();
    context.set("tenant_id", tenant);
    match context.baggage().with("tenant_id", tenant) {
        Ok(baggage) => {
            next.run(request)
                .in_context(context.with_baggage(baggage))
                .await
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn checkout(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(order): Json<Order>,
) -> Result<Response, Failure> {
    if !verify(&headers).in_span(span("auth.verify")).await {
        return Err(Failure::status(StatusCode::UNAUTHORIZED));
    }
    let answer = gateway
        .http
        .post(format!("{}/orders", gateway.urls.orders))
        .json(&order)
        .send()
        .await?;
    let status = answer.status();
    Ok((status, answer.text().await?).into_response())
}

async fn verify(headers: &HeaderMap) -> bool {
    // what takes time here in a real gateway
    tokio::task::yield_now().await;
    headers
        .get("authorization")
        .is_some_and(|value| value.as_bytes().starts_with(b"Bearer "))
}

async fn products(State(gateway): State<Gateway>) -> Result<Response, Failure> {
    let answer = gateway
        .http
        .get(format!("{}/products", gateway.urls.inventory))
        .send()
        .await?;
    let status = answer.status();
    Ok((status, answer.text().await?).into_response())
}
