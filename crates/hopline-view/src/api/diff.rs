//! The comparison of two traces.
//! `router` calls it. Spans are copied while the store is locked, and compared after it is unlocked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hopline_analysis::diff::{self as comparison, Change};
use hopline_analysis::{Trace, describe, traces};
use hopline_core::export::SpanData;
use serde::Serialize;

use super::copied::Copied;
use super::params::Params;
use super::state::Api;
use crate::error::ApiError;
use crate::store::summary::Summary;

/// Answer of `/api/diff`: two traces, aligned by service, name and order.
#[derive(Serialize)]
pub(super) struct Diff {
    /// The first trace, of the parameter `a`; the one to compare with.
    a: Arc<Summary>,
    /// The second trace, of the parameter `b`.
    b: Arc<Summary>,
    /// One row for each span of either trace, in tree order; a pair of spans has one row.
    rows: Vec<DiffRow>,
    /// Number of rows by change. All five changes are present, with 0 too.
    counts: BTreeMap<&'static str, usize>,
}

/// A span of `a`, the corresponding span of `b`, or both.
#[derive(Serialize)]
struct DiffRow {
    /// Number of spans above it.
    depth: usize,
    /// Label of the span of `b`, or of `a` where `b` has none.
    name: String,
    service: String,
    /// `same`, `slower`, `faster`, `added` (in `b` only) or `missing` (in `a` only).
    change: &'static str,
    a: Option<Side>,
    b: Option<Side>,
    /// Nanoseconds that `b` took beyond `a`; negative if it took less.
    delta: i64,
}

/// A span of one of the traces.
#[derive(Serialize)]
struct Side {
    /// Row in the detail of its trace.
    row: usize,
    /// 16 hexadecimal digits.
    id: String,
    /// Nanoseconds from the start of its trace.
    start: u64,
    /// Nanoseconds.
    duration: u64,
    error: bool,
}

/// Compares the traces of the parameters `a` and `b`. They may have different roots; then most rows are in one of
/// them only.
///
/// # Errors
///
/// 400 if a parameter is missing or not an id, 404 if a trace is not held.
pub(super) async fn diff(State(api): State<Api>, params: Params) -> Result<Json<Diff>, ApiError> {
    let copied = |name| Copied::of(&api.view, params.trace(name)?).ok_or_else(ApiError::no_trace);
    let (a, b) = (copied("a")?, copied("b")?);
    let (of_a, of_b) = (traces(&a.spans), traces(&b.spans));
    let (Some(first), Some(second)) = (of_a.first(), of_b.first()) else {
        return Err(ApiError::no_trace());
    };
    let changes = comparison::diff(first, second);
    let rows_of = |trace: &Trace<'_>| -> HashMap<*const SpanData, usize> {
        let order = trace.in_tree_order();
        order
            .into_iter()
            .enumerate()
            .map(|(row, (index, _))| (std::ptr::from_ref(trace.spans()[index]), row))
            .collect()
    };
    let (rows_of_a, rows_of_b) = (rows_of(first), rows_of(second));
    let side = |span: &SpanData, trace: &Trace<'_>, rows: &HashMap<*const SpanData, usize>| Side {
        row: rows.get(&std::ptr::from_ref(span)).copied().unwrap_or(0),
        id: span.span_id.to_string(),
        start: span.start_unix_nanos
            - trace
                .spans()
                .first()
                .map_or(0, |first| first.start_unix_nanos),
        duration: span.duration_nanos(),
        error: span.is_error(),
    };
    let mut rows = Vec::with_capacity(changes.rows.len());
    for row in &changes.rows {
        let Some(shown) = row.b.or(row.a) else {
            continue;
        };
        rows.push(DiffRow {
            depth: row.depth,
            name: describe::label(shown),
            service: shown.service().to_owned(),
            change: change_name(row.change),
            a: row.a.map(|span| side(span, first, &rows_of_a)),
            b: row.b.map(|span| side(span, second, &rows_of_b)),
            delta: row.delta_nanos(),
        });
    }
    let all = [
        Change::Same,
        Change::Slower,
        Change::Faster,
        Change::Added,
        Change::Missing,
    ];
    Ok(Json(Diff {
        a: a.summary,
        b: b.summary,
        rows,
        counts: all
            .into_iter()
            .map(|change| (change_name(change), changes.count(change)))
            .collect(),
    }))
}

/// The name of a change in the API.
fn change_name(change: Change) -> &'static str {
    match change {
        Change::Same => "same",
        Change::Slower => "slower",
        Change::Faster => "faster",
        Change::Added => "added",
        Change::Missing => "missing",
    }
}
