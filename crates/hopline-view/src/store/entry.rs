//! One trace of the store.
//! The store adds to it under its lock; `Summary`, searches and the details of a trace read it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hopline_core::export::SpanData;
use hopline_core::{SpanId, TraceId};

use super::stored::{StoredLog, StoredSpan};
use super::summary::Summary;
use super::text::Text;
use crate::LogData;

/// The spans and log records of one trace.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Unique in the store.
    pub(crate) id: TraceId,
    /// In order of arrival; readers sort.
    pub(crate) spans: Vec<StoredSpan>,
    /// The first span of each id.
    ///
    /// Finds the second record of a span, which is merged with the first: an exporter may send a batch twice.
    ///
    /// Of two spans with one id, the first is found; a trace from Zipkin has such pairs.
    index: HashMap<SpanId, u32>,
    /// In order of arrival; `to_logs` sorts.
    pub(crate) logs: Vec<StoredLog>,
    /// Spans of local traces that still run, and whether each is open; replaced at each copy, and not counted
    /// as bytes.
    pub(crate) open: Vec<Running>,
    /// Bytes of spans and logs beside shared text.
    pub(crate) bytes: usize,
    /// The number of its last change.
    ///
    /// Readers compare it with the number that they have seen.
    pub(crate) seq: u64,
    /// Failed spans.
    pub(crate) errors: u32,
    /// Pinned by a user: evicted after all others.
    pub(crate) is_pinned: bool,
    /// Spans that were not kept because of the limit for one trace.
    ///
    /// The page of the trace shows the number.
    pub(crate) cut: u64,
    /// The row of lists, as of the change whose number it has. The store's lock guards it.
    pub(crate) summary: RefCell<Option<Arc<Summary>>>,
}

/// A span of a local trace that still runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// As its tracer had it at the moment of the copy.
    pub(crate) span: SpanData,
    /// It has not ended: its end is the moment of the copy.
    pub(crate) is_open: bool,
}

/// The order in which traces are let go of: all of a class before any of the next. The least useful traces are
/// evicted first, and within a class the ones that changed longest ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Neither failed nor pinned.
    Plain,
    /// With a failed span.
    Failed,
    /// Pinned by a user.
    Pinned,
}

/// Bytes of a trace beside its spans: itself, its places in maps, its row of lists.
pub(crate) const ENTRY: usize = 3072;

/// Result of adding a span.
pub(crate) enum Added {
    /// It was added.
    New,
    /// The same span was there; the text of the older record is to be given back by the merge.
    Merged(StoredSpan, usize),
}

impl Entry {
    /// Makes an empty trace. It has the bytes of `ENTRY` from the start, so that many traces of one span are not
    /// underestimated.
    pub(crate) fn new(id: TraceId) -> Self {
        Self {
            id,
            spans: Vec::new(),
            index: HashMap::new(),
            logs: Vec::new(),
            open: Vec::new(),
            bytes: ENTRY,
            seq: 0,
            errors: 0,
            is_pinned: false,
            cut: 0,
            summary: RefCell::new(None),
        }
    }

    /// The class of eviction. A pinned trace is in the last one, with or without a failed span.
    pub(crate) fn class(&self) -> Class {
        match (self.is_pinned, self.errors) {
            (true, _) => Class::Pinned,
            (false, 0) => Class::Plain,
            (false, _) => Class::Failed,
        }
    }

    /// Adds a span, or gives it back with the place of the record it is to be merged into.
    ///
    /// Counts the bytes and the failure of a new span. Those of a merged one are counted by the store, which has the
    /// interned texts.
    pub(crate) fn add(&mut self, span: StoredSpan) -> Added {
        if let Some(at) = self.index.get(&span.id) {
            let at = *at as usize;
            let known = &self.spans[at];
            // an id that two services use, as Zipkin's client and server do, means two spans
            if known.kind == span.kind && known.resource.service == span.resource.service {
                return Added::Merged(span, at);
            }
        } else {
            self.index.insert(span.id, self.spans.len() as u32);
        }
        let room = self.spans.capacity();
        let bytes = span.bytes();
        self.errors += u32::from(span.is_error);
        self.spans.push(span);
        // the room that a vector keeps for the next spans is memory, too
        self.bytes += bytes + (self.spans.capacity() - room) * size_of::<StoredSpan>();
        Added::New
    }

    /// True if the trace has something to show: log records alone have no place in a list of traces.
    pub(crate) fn is_shown(&self) -> bool {
        !self.spans.is_empty() || !self.open.is_empty()
    }

    /// Copies all spans, with their texts: finished ones first, then those that run. Rows of lists are
    /// made from `outlines` instead.
    pub(crate) fn to_spans(&self) -> Vec<SpanData> {
        let finished = self.spans.iter().map(|span| span.to_data(self.id));
        finished.chain(self.running().cloned()).collect()
    }

    /// Spans without their texts. For structure and durations, at a fraction of the cost of `to_spans`.
    pub(crate) fn outlines(&self) -> Vec<SpanData> {
        let finished = self.spans.iter().map(|span| span.outline(self.id));
        finished.chain(self.running().cloned()).collect()
    }

    /// The ids of the spans that have not ended.
    pub(crate) fn open_ids(&self) -> HashSet<SpanId> {
        let open = self
            .open
            .iter()
            .filter(|running| running.is_open && !self.index.contains_key(&running.span.span_id));
        open.map(|running| running.span.span_id).collect()
    }

    /// Spans that run, without those of which a finished record has come.
    pub(crate) fn running(&self) -> impl Iterator<Item = &SpanData> {
        self.open
            .iter()
            .map(|running| &running.span)
            .filter(|span| !self.index.contains_key(&span.span_id))
    }

    /// Copies the log records, sorted by time.
    pub(crate) fn to_logs(&self) -> Vec<LogData> {
        let mut logs: Vec<LogData> = self.logs.iter().map(|log| log.to_data(self.id)).collect();
        logs.sort_by_key(|log| log.time_unix_nanos);
        logs
    }

    /// From the earliest start to the latest end. Nanoseconds since the Unix epoch; zeros for a trace of log records
    /// alone.
    pub(crate) fn extent(&self) -> (u64, u64) {
        let finished = self.spans.iter().map(|span| (span.start, span.end));
        let open = self
            .open
            .iter()
            .map(|running| &running.span)
            .map(|span| (span.start_unix_nanos, span.end_unix_nanos));
        let extent = finished
            .chain(open)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        extent.unwrap_or_default()
    }

    /// The span that names the trace: the earliest without a parent, or else whose parent is missing.
    ///
    /// A finished span, so that the name of a trace does not change with each copy of the running ones.
    pub(crate) fn first_root(&self) -> Option<&StoredSpan> {
        let is_root = |span: &&StoredSpan| {
            span.parent
                .is_none_or(|parent| !self.index.contains_key(&parent))
        };
        let roots = self.spans.iter().filter(is_root);
        // in a cycle there is none
        let first = roots.min_by_key(|span| (span.parent.is_some(), span.start));
        first.or_else(|| self.spans.iter().min_by_key(|span| span.start))
    }

    /// True if a finished or running span has this id.
    pub(crate) fn has(&self, id: SpanId) -> bool {
        self.index.contains_key(&id) || self.open.iter().any(|running| running.span.span_id == id)
    }

    /// True if a parent or the root is missing.
    ///
    /// A running span counts as present: a trace is not incomplete only because its root has not ended.
    pub(crate) fn is_incomplete(&self) -> bool {
        let missing = |span: &StoredSpan| span.parent.is_some_and(|parent| !self.has(parent));
        self.cut > 0 || self.spans.iter().any(missing)
    }

    /// Services with their number of spans, in order of first appearance in time.
    ///
    /// Running spans are not counted.
    pub(crate) fn services(&self) -> Vec<(Text, u32)> {
        let mut services: Vec<(Text, u64, u32)> = Vec::new();
        for span in &self.spans {
            let service = &span.resource.service;
            match services.iter_mut().find(|(name, ..)| name == service) {
                Some((_, start, count)) => {
                    *start = span.start.min(*start);
                    *count += 1;
                }
                None => services.push((Text::clone(service), span.start, 1)),
            }
        }
        services.sort_by_key(|(_, start, _)| *start);
        services
            .into_iter()
            .map(|(name, _, count)| (name, count))
            .collect()
    }
}
