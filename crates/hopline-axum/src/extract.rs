//! Extractors for handlers: the request's context and its span.

use std::convert::Infallible;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use hopline_core::Context;
use hopline_tower::RouteCell;
use http::request::Parts;

use crate::layer::matched_path;

/// Extracts the request's context, to pass it to a task, a thread or another client.
///
/// Never rejects a request. Without a layer the context is empty.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::post};
/// use hopline_axum::{TraceContext, TraceLayer};
/// use hopline_core::{FutureExt, span};
///
/// async fn order(TraceContext(context): TraceContext) {
///     let mail = async { span("mail.send").end() };
///     tokio::spawn(mail.in_context(context)).await.unwrap();
/// }
///
/// let layer = TraceLayer::new();
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let layer = layer.tracer(tracer);
/// let app: Router = Router::new().route("/orders", post(order)).layer(layer);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     let request = http::Request::post("/orders").body(axum::body::Body::empty()).unwrap();
/// #     tower::ServiceExt::oneshot(app, request).await.unwrap();
/// # });
/// # hopline_testing::assert_tree(&spans.all(), "POST /orders ▸ orders  200\n└─ mail.send");
/// ```
///
/// ```text
/// POST /orders ▸ orders  200
/// └─ mail.send
/// ```
#[expect(
    clippy::exhaustive_structs,
    reason = "an extractor is destructured in the handler's signature"
)]
#[derive(Clone, Debug)]
pub struct TraceContext(pub Context);

/// Extracts the request's span, to add attributes and outcomes to it. Dereferences to [`Context`], whose methods change
/// the span.
///
/// Never rejects a request. Without a layer its methods have no effect.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
/// use hopline_axum::{CurrentSpan, TraceLayer};
///
/// async fn order(span: CurrentSpan) {
///     span.set("user.tier", "gold");
/// }
///
/// let layer = TraceLayer::new();
/// # let (tracer, spans) = hopline_testing::tracer("orders");
/// # let layer = layer.tracer(tracer);
/// let app: Router = Router::new().route("/order", get(order)).layer(layer);
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     let request = http::Request::get("/order").body(axum::body::Body::empty()).unwrap();
/// #     tower::ServiceExt::oneshot(app, request).await.unwrap();
/// # });
/// // after GET /order
/// spans.one("GET /order").attribute("user.tier", "gold");
/// ```
#[derive(Clone, Debug)]
pub struct CurrentSpan(Context);

impl Deref for CurrentSpan {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TraceContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(current(parts)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentSpan {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(current(parts)))
    }
}

/// Returns the context, and passes the handler's route to a layer outside that could not see it.
fn current(parts: &Parts) -> Context {
    if let Some(route) = matched_path(&parts.extensions) {
        RouteCell::fill(&parts.extensions, route);
    }
    Context::current()
}
