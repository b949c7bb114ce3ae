//! Reads the row of a list from a trace.
//! The API calls it. A row is made once for each change of a trace and kept in the entry, since lists read it often.

use std::sync::Arc;

use hopline_analysis::{describe, traces};
use hopline_core::export::SpanData;

use super::entry::Entry;
use super::red::kind_name;
use super::summary::{Bar, ServiceCount, Summary};

/// Bars of a summary.
const BARS: usize = 24;
/// Services of a summary.
const SERVICES: usize = 16;
/// Characters of a name. A label may contain the summary of a long statement.
const NAME: usize = 200;
/// Flags of a bar.
const IS_ERROR: u8 = 1;
/// The span has not ended.
const IS_OPEN: u8 = 2;
/// The span is on the critical path.
const IS_CRITICAL: u8 = 4;

/// The row of a trace that is shown. Made again only after a change.
///
/// The lock of the store guards the cell, so the borrow never conflicts.
pub(crate) fn summary_of(entry: &Entry) -> Arc<Summary> {
    let mut cached = entry.summary.borrow_mut();
    match &*cached {
        Some(summary) if summary.seq == entry.seq => Arc::clone(summary),
        _ => {
            let summary = Arc::new(summarise(entry));
            *cached = Some(Arc::clone(&summary));
            summary
        }
    }
}

/// Reads the trace. Without a root, the running span that started first names it.
fn summarise(entry: &Entry) -> Summary {
    let root = entry.first_root().map(|root| root.to_data(entry.id));
    let root = root.or_else(|| {
        entry
            .running()
            .min_by_key(|span| span.start_unix_nanos)
            .cloned()
    });
    let name = root.as_ref().map(describe::label).unwrap_or_default();
    let (start, end) = entry.extent();
    let mut services: Vec<ServiceCount> = entry
        .services()
        .into_iter()
        .map(|(name, spans)| ServiceCount {
            name: shortened(&name),
            spans,
        })
        .collect();
    if services.is_empty() {
        services.extend(root.as_ref().map(|root| ServiceCount {
            name: shortened(root.service()),
            spans: 0,
        }));
    }
    services.truncate(SERVICES);
    Summary {
        id: entry.id.to_string(),
        seq: entry.seq,
        name: shortened(&name),
        service: root
            .as_ref()
            .map(|root| shortened(root.service()))
            .unwrap_or_default(),
        kind: root
            .as_ref()
            .map_or("internal", |root| kind_name(root.kind)),
        http_status: root.as_ref().and_then(describe::status_code),
        start_ms: start as f64 / 1e6,
        start_ns: start.to_string(),
        duration: end - start,
        spans: entry.spans.len(),
        errors: entry.errors,
        bars: bars(entry, &services, start),
        services,
        incomplete: entry.is_incomplete(),
        open: entry.open_ids().len(),
        pinned: entry.is_pinned,
        cut: entry.cut,
        logs: entry.logs.len(),
    }
}

/// The first spans in tree order; where there are more than fit, the longest.
///
/// A picture of a row has no room for more, and a list of 1,000 traces would be too large. The limit for joining
/// bounds the time under the store's lock.
fn bars(entry: &Entry, services: &[ServiceCount], start: u64) -> Vec<Bar> {
    /// Beyond it only the longest spans are joined to a tree.
    const JOINED: usize = 2_000;
    let mut spans = entry.outlines();
    if spans.len() > JOINED {
        spans.sort_by_key(|span| std::cmp::Reverse(span.duration_nanos()));
        spans.truncate(JOINED);
    }
    let joined = traces(&spans);
    let Some(trace) = joined.first() else {
        return Vec::new();
    };
    let critical = trace.critical_nanos();
    let mut order = trace.in_tree_order();
    if order.len() > BARS {
        let mut durations: Vec<u64> = trace
            .spans()
            .iter()
            .map(|span| span.duration_nanos())
            .collect();
        durations.sort_unstable_by_key(|nanos| std::cmp::Reverse(*nanos));
        let least = durations.get(BARS - 1).copied().unwrap_or(0);
        order.retain(|(index, _)| trace.spans()[*index].duration_nanos() >= least);
        order.truncate(BARS);
    }
    let open = entry.open_ids();
    let bar = |(index, depth): (usize, usize)| {
        let span: &SpanData = trace.spans()[index];
        let service = services
            .iter()
            .position(|service| service.name == span.service());
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(span.is_error(), IS_ERROR)
            | flag(open.contains(&span.span_id), IS_OPEN)
            | flag(critical[index] > 0, IS_CRITICAL);
        Bar(
            span.start_unix_nanos - start,
            span.duration_nanos(),
            service.unwrap_or(0),
            depth,
            flags,
        )
    };
    order.into_iter().map(bar).collect()
}

/// The first 200 characters of a text, counted in characters and not in bytes.
fn shortened(text: &str) -> String {
    text.chars().take(NAME).collect()
}
