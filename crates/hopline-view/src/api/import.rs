//! The import of a file.
//! `router` calls it; a user drops the file on the page.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use hopline_core::TraceId;
use serde::Serialize;

use super::state::Api;
use crate::decode;
use crate::error::ApiError;

/// Answer of `/api/import`: numbers of spans and log records, and the ids of up to 100 traces.
///
/// The page opens the trace if there is one, and the list if there are more. The numbers are of the file: spans that
/// the limits of the store left out are among them.
#[derive(Serialize)]
pub(super) struct Imported {
    spans: usize,
    logs: usize,
    traces: Vec<String>,
}

/// Stores a file of OTLP JSON: one document, or one on each line. The limits of the store apply, so an import may
/// evict older traces.
///
/// # Errors
///
/// 400 with the code `bad_body` if the file is not UTF-8 or cannot be decoded. Nothing is stored then.
pub(super) async fn import(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Imported>, ApiError> {
    /// Ids in the answer.
    const LISTED: usize = 100;
    let text =
        std::str::from_utf8(&body).map_err(|_| ApiError::bad_body("the file is not UTF-8"))?;
    let decoded = decode::file(text).map_err(|error| ApiError::bad_body(error.to_string()))?;
    api.view.receive(&decoded);
    let ids: BTreeSet<TraceId> = decoded.spans.iter().map(|span| span.trace_id).collect();
    Ok(Json(Imported {
        spans: decoded.spans.len(),
        logs: decoded.logs.len(),
        traces: ids.iter().take(LISTED).map(TraceId::to_string).collect(),
    }))
}
