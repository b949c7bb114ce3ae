//! Lists over all traces: the list itself, the scatter, the services; and the facts of the viewer.
//! `router` calls it. Each route locks the store once, for one pass over its traces.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::params::Params;
use super::state::Api;
use crate::error::ApiError;
use crate::limits::ViewLimits;
use crate::store::counts::Counts;
use crate::store::red::{Services, WINDOW};
use crate::store::summarise::summary_of;
use crate::store::summary::Summary;
use crate::view::now_nanos;

/// Answer of `/api/info`, which the page loads first.
#[derive(Serialize)]
pub(super) struct Info {
    /// Version of the crate, as text.
    version: &'static str,
    /// `server` or `app`: the page describes the source of its traces by it.
    mode: &'static str,
    /// Path prefix of page and API.
    base: &'static str,
    /// Addresses that accept OTLP; the page shows them while the store is empty.
    receivers: Vec<String>,
    /// Limits of the store, which the page shows beside the counts.
    limits: ViewLimits,
    /// Counts at the moment of the answer.
    counts: Counts,
}

/// Version, limits and counters of the viewer.
///
/// The page loads it once, and takes later counts from the live stream.
pub(super) async fn info(State(api): State<Api>) -> Json<Info> {
    Json(Info {
        version: env!("CARGO_PKG_VERSION"),
        mode: api.about.mode,
        base: api.about.base,
        receivers: api.about.receivers.clone(),
        limits: api.view.shared.limits,
        counts: api.view.counts(),
    })
}

/// Answer of `/api/traces`. The store is locked for the whole pass, so the list is of one moment: no trace is in it
/// twice, and none is left out because of a change meanwhile.
#[derive(Serialize)]
pub(super) struct List {
    /// Change of the store at this moment: the live stream continues from it.
    seq: u64,
    /// Id of the store; another one means that the viewer was started again.
    run: String,
    /// Traces held.
    total: usize,
    /// Traces that match, of which `traces` is a part.
    matched: usize,
    /// The rows of this part, in the order of `sort`.
    traces: Vec<Arc<Summary>>,
}

/// Lists matching traces from `offset`, up to `limit` (100, at most 1,000), by `sort`: recent, slowest, spans or errors.
///
/// # Errors
///
/// Returns an error for a query or parameter that is not valid.
pub(super) async fn traces(State(api): State<Api>, params: Params) -> Result<Json<List>, ApiError> {
    let search = params.search()?;
    let limit = params.number("limit", 100, 1000)?;
    let offset = params.number("offset", 0, usize::MAX)?;
    let sort = params.text("sort").unwrap_or("recent");
    api.view.refresh_open();
    let store = api.view.lock();
    let mut total = 0;
    let counted = store.newest_first().inspect(|_| total += 1);
    let mut found: Vec<_> = counted.filter(|entry| search.matches(entry)).collect();
    match sort {
        "recent" => {}
        "slowest" => found.sort_by_cached_key(|entry| {
            let (start, end) = entry.extent();
            Reverse(end - start)
        }),
        "spans" => found.sort_by_key(|entry| Reverse(entry.spans.len())),
        "errors" => found.sort_by_key(|entry| Reverse(entry.errors)),
        _ => {
            return Err(ApiError::bad_parameter(
                "sort: write recent, slowest, spans or errors",
            ));
        }
    }
    Ok(Json(List {
        seq: store.seq(),
        run: api.view.shared.run.clone(),
        total,
        matched: found.len(),
        traces: found
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(summary_of)
            .collect(),
    }))
}

/// Answer of `/api/scatter`. The chart of durations draws one point for each trace.
#[derive(Serialize)]
pub(super) struct Scatter {
    /// Start in milliseconds, duration in nanoseconds, errors, id, name and service. Arrays, as thousands are sent.
    points: Vec<(f64, u64, u32, String, String, String)>,
}

/// Lists matching traces as points, the newest up to `limit` (2,000, at most 10,000).
///
/// # Errors
///
/// Returns an error for a query or parameter that is not valid.
pub(super) async fn scatter(
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Scatter>, ApiError> {
    let search = params.search()?;
    let limit = params.number("limit", 2000, 10_000)?;
    let store = api.view.lock();
    let found = store
        .newest_first()
        .filter(|entry| search.matches(entry))
        .take(limit);
    let points = found.map(|entry| {
        let summary = summary_of(entry);
        (
            summary.start_ms,
            summary.duration,
            summary.errors,
            summary.id.clone(),
            summary.name.clone(),
            summary.service.clone(),
        )
    });
    Ok(Json(Scatter {
        points: points.collect(),
    }))
}

/// Rate, errors and duration of each service and operation over the last `window` seconds: 60 up to the kept ones.
///
/// The window defaults to 300 seconds.
///
/// # Errors
///
/// Returns an error for a window that is not a number. A window outside the bounds is moved to the nearest one.
///
/// The numbers are of received spans, not of held traces: they stay right after an eviction.
pub(super) async fn services(
    State(api): State<Api>,
    params: Params,
) -> Result<Json<Services>, ApiError> {
    let window = params.number("window", 300, WINDOW as usize)?.max(60) as u64;
    Ok(Json(api.view.lock().red.read(window, now_nanos())))
}

/// Removes all traces that are not pinned, and announces it to the live streams.
///
/// Answers 204. Counters keep their values, and the removed traces are counted under `cleared`.
///
/// The guard requires the header of the page, since the method is `DELETE`.
pub(super) async fn clear(State(api): State<Api>) -> StatusCode {
    let mut store = api.view.lock();
    store.clear();
    api.view.announce(store);
    StatusCode::NO_CONTENT
}
