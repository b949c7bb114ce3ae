//! The OTLP receivers: HTTP, and gRPC with the feature `grpc`.
//! `server` makes the router. Both protocols share one path from the body to the store, with its limits.

#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod receiver;

use axum::Router;

use crate::guard::{Guard, guard_otlp};
use crate::view::View;
use receiver::Receiver;

/// The routes of OTLP over HTTP, and over gRPC with the feature `grpc`: the paths differ, so one listener can serve both.
///
/// The guard is in front: a page of another site cannot send spans to a viewer on loopback.
///
/// All routes share the permits of one receiver, so that the memory of requests is bounded once for both protocols
/// and all three signals.
pub(crate) fn router(view: &View, rules: Guard) -> Router {
    let receiver = Receiver::new(view);
    let routes = http::routes();
    #[cfg(feature = "grpc")]
    let routes = routes.merge(grpc::routes());
    routes
        .layer(axum::middleware::from_fn_with_state(rules, guard_otlp))
        .with_state(receiver)
}
