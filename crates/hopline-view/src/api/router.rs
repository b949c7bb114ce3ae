//! The paths of the API and the page.
//! `server` and `mount` call it, each with the rules and facts of its listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::state::{About, Api};
use super::{diff, import, lists, live, map, page, traces, why};
use crate::assets::Document;
use crate::guard::{Guard, guard};
use crate::view::View;

/// Bytes of an imported file.
///
/// 64 MiB: an import is held in memory and decoded at once. A larger request is refused with 413 before it is read to
/// its end.
const MAX_IMPORT: usize = 64 << 20;

/// The routes below `about.base`, each behind the guard.
///
/// The paths are the interface of the page and of scripts; the front page of the crate describes their answers.
/// Routes that change something take another method than `GET`, for which the guard requires its own header.
///
/// The layers run from the last to the first: the guard refuses a request before the body is read.
pub(crate) fn router(view: &View, guard_rules: Guard, about: About) -> Router {
    let api = Api {
        view: view.clone(),
        document: Arc::new(Document::new(about.base)),
        about: Arc::new(about),
    };
    Router::new()
        .route("/", get(page::document))
        .route("/{*path}", get(page::asset))
        .route("/t/{trace}", get(page::document))
        .route("/api/info", get(lists::info))
        .route("/api/traces", get(lists::traces).delete(lists::clear))
        .route("/api/scatter", get(lists::scatter))
        .route("/api/traces/{id}", get(traces::detail))
        .route("/api/traces/{id}/search", get(traces::search))
        .route("/api/traces/{id}/spans/{span}", get(traces::span))
        .route("/api/traces/{id}/logs", get(traces::logs))
        .route("/api/traces/{id}/map", get(traces::map))
        .route("/api/traces/{id}/otlp.json", get(traces::otlp))
        .route("/api/traces/{id}/perfetto.json", get(traces::perfetto))
        .route(
            "/api/traces/{id}/pin",
            post(traces::pin).delete(traces::unpin),
        )
        .route("/api/services", get(lists::services))
        .route("/api/map", get(map::map))
        .route("/api/diff", get(diff::diff))
        .route("/api/why", get(why::why))
        .route("/api/live", get(live::live))
        .route("/api/import", post(import::import))
        .layer(DefaultBodyLimit::max(MAX_IMPORT))
        .layer(axum::middleware::from_fn_with_state(guard_rules, guard))
        .with_state(api)
}
