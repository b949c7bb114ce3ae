//! Copies of traces, made under the store's lock and read without it.
//! The routes of one trace and of comparisons call it. The copy lets the receivers go on while a large trace is joined and
//! encoded.

use std::collections::HashSet;
use std::sync::Arc;

use hopline_core::export::SpanData;
use hopline_core::{SpanId, TraceId};

use super::params::Params;
use super::state::Api;
use crate::LogData;
use crate::error::ApiError;
use crate::store::summarise::summary_of;
use crate::store::summary::Summary;
use crate::view::View;

/// Spans that are looked at for a map or for reasons, over all traces.
///
/// The newest traces up to it are used, whole ones only. It bounds the memory that one request takes.
const MAX_SPANS: usize = 200_000;

/// A copy of a trace, made under the store's lock and read without it.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) id: TraceId,
    pub(super) summary: Arc<Summary>,
    /// Finished spans, then those that run. Not sorted.
    pub(super) spans: Vec<SpanData>,
    pub(super) logs: Vec<LogData>,
    /// Spans that have not ended: their end is the moment of the copy.
    pub(super) open: HashSet<SpanId>,
    /// Earliest start, in nanoseconds since the Unix epoch. Times in answers are relative to it, which keeps them
    /// within the exact numbers of JavaScript.
    pub(super) start: u64,
}

impl Copied {
    /// Copies a trace; `None` if the viewer does not hold it.
    ///
    /// Spans that run are in the copy as of the last look at them; a route that shows them looks first.
    pub(super) fn of(view: &View, id: TraceId) -> Option<Self> {
        let store = view.lock();
        let entry = store.trace(id)?;
        Some(Self {
            id,
            summary: summary_of(entry),
            spans: entry.to_spans(),
            logs: entry.to_logs(),
            open: entry.open_ids(),
            start: entry.extent().0,
        })
    }
}

/// The spans of the newest traces that match.
///
/// # Errors
///
/// Returns an error for a query that is not valid.
pub(super) fn matching(api: &Api, params: &Params) -> Result<Vec<SpanData>, ApiError> {
    let search = params.search()?;
    let store = api.view.lock();
    let mut spans = Vec::new();
    for entry in store.newest_first().filter(|entry| search.matches(entry)) {
        if spans.len() + entry.spans.len() > MAX_SPANS {
            break;
        }
        spans.extend(entry.spans.iter().map(|span| span.to_data(entry.id)));
    }
    Ok(spans)
}
