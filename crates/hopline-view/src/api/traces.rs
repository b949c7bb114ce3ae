//! Routes of one trace.
//! `router` calls it. Each route copies the trace while the store is locked and does its work on the copy, so that a large
//! trace does not hold up the receivers.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::copied::Copied;
use super::detail::Detail;
use super::find::rows_with;
use super::logs::{Log, all_logs};
use super::map::{Map, map_of};
use super::params::{Params, span_id, trace_id};
use super::span::SpanDetail;
use super::state::Api;
use crate::error::ApiError;
use crate::export::{otlp_json, perfetto_json};

/// Copies the trace that a path names.
///
/// # Errors
///
/// 400 if the id is not valid, 404 if the trace is not held. The routes below have the same errors.
fn copied(api: &Api, id: &str) -> Result<Copied, ApiError> {
    let id = trace_id(id)?;
    Copied::of(&api.view, id).ok_or_else(ApiError::no_trace)
}

/// The rows of a trace, for its waterfall. Running spans are copied first, so that they are in it.
///
/// # Errors
///
/// As `copied`; 404 too for a trace that has log records alone.
pub(super) async fn detail(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Detail>, ApiError> {
    api.view.refresh_open();
    Detail::new(&copied(&api, &id)?)
        .map(Json)
        .ok_or_else(ApiError::no_trace)
}

/// Rows with the text, by their index in the detail. The page marks them and moves from one to the next.
#[derive(Serialize)]
pub(super) struct Found {
    /// Sorted, each row once.
    rows: Vec<usize>,
}

/// Finds the rows of a trace in which `q` occurs; no row for an empty one.
///
/// All text of the spans is searched, their log records included. This is not the query language of the list.
pub(super) async fn search(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Found>, ApiError> {
    let text = params.text("q").unwrap_or_default();
    let copied = copied(&api, &id)?;
    let rows = if text.is_empty() {
        Vec::new()
    } else {
        rows_with(&copied, text)
    };
    Ok(Json(Found { rows }))
}

/// One span with all its attributes, events and links.
///
/// # Errors
///
/// 404 if the trace or the span is not held, 400 if an id is not valid.
///
/// A row has only a part of a span. The page loads the rest when a user selects the row.
pub(super) async fn span(
    State(api): State<Api>,
    Path((id, span)): Path<(String, String)>,
) -> Result<Json<SpanDetail>, ApiError> {
    let span = span_id(&span)?;
    let copied = copied(&api, &id)?;
    let knows = |trace| api.view.lock().trace(trace).is_some();
    SpanDetail::new(&copied, span, knows)
        .map(Json)
        .ok_or_else(|| ApiError::not_found("no such span in this trace"))
}

/// Log records in the order of time.
#[derive(Serialize)]
pub(super) struct Logs {
    /// Up to the store's limit for one trace.
    logs: Vec<Log>,
}

/// The log records of a trace.
///
/// Records of spans that are not in the trace are among them, without a row.
pub(super) async fn logs(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Logs>, ApiError> {
    Ok(Json(Logs {
        logs: all_logs(&copied(&api, &id)?),
    }))
}

/// The services of a trace, with the calls between them.
///
/// The same answer as `/api/map`, for one trace.
pub(super) async fn map(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Map>, ApiError> {
    Ok(Json(map_of(&copied(&api, &id)?.spans)))
}

/// The trace as OTLP JSON, which the viewer and other tools can import. Values are masked and cut as in the store.
///
/// A span that runs has the moment of the request as its end.
pub(super) async fn otlp(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let copied = copied(&api, &id)?;
    Ok(download(
        &format!("trace-{}.json", copied.id),
        otlp_json(&copied.spans, &copied.logs),
    ))
}

/// The trace in the format of Chrome's trace viewer and of <https://ui.perfetto.dev>.
///
/// Only spans are written: the format has no log records.
pub(super) async fn perfetto(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let copied = copied(&api, &id)?;
    Ok(download(
        &format!("trace-{}.perfetto.json", copied.id),
        perfetto_json(&copied.spans),
    ))
}

/// A file to be saved under this name, which needs no quoting. `no-store`, because a trace may change until all its
/// spans have arrived.
fn download(name: &str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

/// Pins a trace: it is evicted after all others, and not removed by a request to clear the list. Answers 204, also
/// for a pinned trace.
pub(super) async fn pin(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    set_pinned(&api, &id, true)
}

/// Makes a trace subject to eviction as others are. Answers 204.
///
/// The request counts as a change of the trace, so the trace is evicted after the others of its class.
pub(super) async fn unpin(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    set_pinned(&api, &id, false)
}

/// Changes the pin and announces it, so that other open pages show it.
///
/// A pin of a trace that is not held is an error: it would have no effect when the trace arrives.
fn set_pinned(api: &Api, id: &str, is_pinned: bool) -> Result<StatusCode, ApiError> {
    let id = trace_id(id)?;
    let mut store = api.view.lock();
    if !store.pin(id, is_pinned) {
        return Err(ApiError::no_trace());
    }
    api.view.announce(store);
    Ok(StatusCode::NO_CONTENT)
}
