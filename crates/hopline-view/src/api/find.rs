//! The search inside one trace.
//! `traces` calls it with the text of the page's search field.

use std::collections::HashSet;

use hopline_core::SpanId;
use hopline_core::export::{SpanData, StatusData};

use super::copied::Copied;
use super::rows::Rows;
use crate::search::{attribute_contains, contains};

/// The rows whose names, keys, values, events or log records have this text.
///
/// Searches all text of the trace, not the fields of the query language. ASCII letters of both cases are equal.
pub(super) fn rows_with(copied: &Copied, text: &str) -> Vec<usize> {
    let Some(rows) = Rows::new(copied) else {
        return Vec::new();
    };
    let logs: HashSet<SpanId> = copied
        .logs
        .iter()
        .filter(|log| {
            contains(&log.body, text)
                || log
                    .attributes
                    .iter()
                    .any(|pair| attribute_contains(pair, text))
        })
        .filter_map(|log| log.span_id)
        .collect();
    let has = |span: &SpanData| {
        let status = match &span.status {
            StatusData::Error { message } => message.as_str(),
            StatusData::Unset => "",
        };
        contains(&span.name, text)
            || contains(span.service(), text)
            || (!status.is_empty() && contains(status, text))
            || span
                .attributes
                .iter()
                .any(|pair| attribute_contains(pair, text))
            || span.events.iter().any(|event| {
                contains(&event.name, text)
                    || event
                        .attributes
                        .iter()
                        .any(|pair| attribute_contains(pair, text))
            })
            || logs.contains(&span.span_id)
    };
    rows.spans()
        .filter(|(_, span)| has(span))
        .map(|(row, _)| row)
        .collect()
}
