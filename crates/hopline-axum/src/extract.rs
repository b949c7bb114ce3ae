//! What handlers take.

use std::convert::Infallible;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use hopline_core::Context;
use hopline_tower::RouteCell;
use http::request::Parts;

use crate::layer::matched_path;

/// The request's context, to hand on: to a task, a thread, a client of one's own.
///
/// Without a layer it is empty; taking it never fails.
///
/// # Examples
///
/// ```
/// use hopline_axum::TraceContext;
/// use hopline_core::FutureExt;
///
/// async fn handle(TraceContext(context): TraceContext) {
///     tokio::spawn(async { /* … */ }.in_context(context));
/// }
/// # fn is<T>(_: impl axum::handler::Handler<T, ()>) {} is(handle);
/// ```
#[derive(Clone, Debug)]
pub struct TraceContext(pub Context);

/// The request's span, to add to. Derefs to [`Context`], whose methods act on it.
///
/// Without a layer they do nothing; taking it never fails.
///
/// # Examples
///
/// ```
/// use hopline_axum::CurrentSpan;
///
/// async fn handle(span: CurrentSpan) {
///     span.set("enduser.tier", "gold");
/// }
/// # fn is<T>(_: impl axum::handler::Handler<T, ()>) {} is(handle);
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

/// A handler knows its route, so a layer that does not learns it here.
fn current(parts: &Parts) -> Context {
    if let Some(route) = matched_path(&parts.extensions) {
        RouteCell::fill(&parts.extensions, route);
    }
    Context::current()
}
