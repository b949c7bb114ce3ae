//! Traces: spans grouped by trace id and joined to trees.
//!
//! Every analysis starts here. Input may be incomplete or wrong: missing parents make more roots, cycles are cut, and of
//! spans with the same id the first is the parent of their children.

use std::collections::HashMap;

use hopline_core::export::SpanData;
use hopline_core::{SpanId, TraceId};

/// The spans of one trace, joined to a tree.
///
/// A span whose parent is missing is a root, after those without a parent. A cycle is cut at its earliest span.
///
/// # Examples
///
/// ```
/// use hopline_analysis::traces;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let span = |id, name: &str| SpanData::new(name, TraceId::from_u128(1).unwrap(), SpanId::from_u64(id).unwrap());
/// let mut query = span(2, "db.query");
/// query.parent = SpanId::from_u64(1);
/// let spans = [query, span(1, "GET /orders")];
/// let trace = &traces(&spans)[0];
/// assert_eq!(trace.roots().next().unwrap().name, "GET /orders");
/// let order: Vec<_> = trace.in_tree_order().into_iter().map(|(index, depth)| (&*trace.spans()[index].name, depth)).collect();
/// assert_eq!(order, [("GET /orders", 0), ("db.query", 1)]);
/// ```
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// Sorted by start, so that the order of arrival changes nothing.
    pub(crate) spans: Vec<&'a SpanData>,
    pub(crate) parents: Vec<Option<usize>>,
    /// The children of each span, sorted by start.
    pub(crate) children: Vec<Vec<usize>>,
    /// Spans without a parent, sorted by start, then those of each missing parent together.
    pub(crate) roots: Vec<usize>,
}

/// Groups spans by trace id and joins each group to a tree. The traces are sorted by start.
///
/// It borrows the spans and copies none. The time is that of sorting.
///
/// # Examples
///
/// ```
/// use hopline_analysis::traces;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let span = |trace, id| SpanData::new("job", TraceId::from_u128(trace).unwrap(), SpanId::from_u64(id).unwrap());
/// let spans = [span(1, 1), span(2, 2), span(1, 3)];
/// let sizes: Vec<usize> = traces(&spans).iter().map(|trace| trace.spans().len()).collect();
/// assert_eq!(sizes, [2, 1]);
/// ```
pub fn traces(spans: &[SpanData]) -> Vec<Trace<'_>> {
    let mut by_trace: HashMap<TraceId, Vec<&SpanData>> = HashMap::new();
    for span in spans {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    let mut traces: Vec<Trace<'_>> = by_trace.into_values().map(Trace::new).collect();
    traces.sort_by_key(|trace| {
        trace
            .spans
            .first()
            .map(|span| (span.start_unix_nanos, span.trace_id))
    });
    traces
}

impl<'a> Trace<'a> {
    /// Joins spans of one trace.
    ///
    /// Spans are sorted by start, the longer first, so that a parent precedes a child that starts at the same time; then by
    /// id and name, so that the result does not depend on the order of arrival.
    fn new(mut spans: Vec<&'a SpanData>) -> Self {
        spans.sort_by(|a, b| {
            let key = |span: &SpanData| {
                (
                    span.start_unix_nanos,
                    std::cmp::Reverse(span.end_unix_nanos),
                    span.span_id,
                )
            };
            key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
        });
        let mut by_id: HashMap<SpanId, usize> = HashMap::new();
        for (index, span) in spans.iter().enumerate() {
            by_id.entry(span.span_id).or_insert(index);
        }
        let parent = |span: &&SpanData| span.parent.and_then(|parent| by_id.get(&parent).copied());
        let mut parents: Vec<Option<usize>> = spans.iter().map(parent).collect();
        cut_cycles(&mut parents);
        let mut children = vec![Vec::new(); spans.len()];
        let mut roots = Vec::new();
        for (index, parent) in parents.iter().enumerate() {
            match parent {
                Some(parent) => children[*parent].push(index),
                None => roots.push(index),
            }
        }
        let mut first_of: HashMap<SpanId, usize> = HashMap::new();
        for root in &roots {
            if let Some(missing) = spans[*root].parent {
                first_of.entry(missing).or_insert(*root);
            }
        }
        // stable: by start within each
        roots.sort_by_key(|root| {
            spans[*root]
                .parent
                .and_then(|missing| first_of.get(&missing))
        });
        Self {
            spans,
            parents,
            children,
            roots,
        }
    }

    /// The trace id.
    ///
    /// `None` for a trace without spans only, which [`traces`] does not make.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.spans.first().map(|span| span.trace_id)
    }

    /// The spans, sorted by start.
    pub fn spans(&self) -> &[&'a SpanData] {
        &self.spans
    }

    /// The spans without a parent in this trace: one in a complete trace. Spans that never had a parent are first, sorted
    /// by start; spans of one missing parent follow together.
    pub fn roots(&self) -> impl Iterator<Item = &'a SpanData> {
        self.roots.iter().map(|root| self.spans[*root])
    }

    /// The roots as indices of [`spans`](Trace::spans), in the order of [`roots`](Trace::roots).
    pub fn root_indices(&self) -> &[usize] {
        &self.roots
    }

    /// The index of the span's parent; `None` for a root. A parent that would close a cycle counts as missing.
    pub fn parent(&self, index: usize) -> Option<usize> {
        self.parents.get(index).copied().flatten()
    }

    /// The indices of all spans in tree order, each with its depth: a span before its children, these by start.
    pub fn in_tree_order(&self) -> Vec<(usize, usize)> {
        let mut order = Vec::with_capacity(self.spans.len());
        let mut stack: Vec<(usize, usize)> =
            self.roots.iter().rev().map(|root| (*root, 0)).collect();
        while let Some((index, depth)) = stack.pop() {
            order.push((index, depth));
            stack.extend(
                self.children[index]
                    .iter()
                    .rev()
                    .map(|child| (*child, depth + 1)),
            );
        }
        order
    }

    /// The spans under the one at `index` of [`spans`](Trace::spans), as indices, by start.
    pub fn children(&self, index: usize) -> &[usize] {
        self.children.get(index).map_or(&[], Vec::as_slice)
    }

    /// The own time of a span in nanoseconds: its duration without the time in which a child ran.
    ///
    /// Children that overlap are counted once, and only within the span. 0 for an index outside of
    /// [`spans`](Trace::spans).
    pub fn self_time(&self, index: usize) -> u64 {
        let Some(span) = self.spans.get(index) else {
            return 0;
        };
        let mut covered = 0;
        let mut until = span.start_unix_nanos;
        for child in self.children(index).iter().map(|child| self.spans[*child]) {
            let start = child.start_unix_nanos.max(until);
            let end = child.end_unix_nanos.min(span.end_unix_nanos);
            if end > start {
                covered += end - start;
                until = end;
            }
        }
        span.duration_nanos() - covered
    }
}

/// Cuts cycles: follows each chain of parents, and removes the link that returns to it.
fn cut_cycles(parents: &mut [Option<usize>]) {
    /// The walk on which a span was visited first.
    const UNSEEN: usize = usize::MAX;
    let mut seen = vec![UNSEEN; parents.len()];
    for first in 0..parents.len() {
        let mut at = first;
        while seen[at] == UNSEEN {
            seen[at] = first;
            let Some(parent) = parents[at] else { break };
            if seen[parent] == first {
                parents[at] = None;
                break;
            }
            at = parent;
        }
    }
}
