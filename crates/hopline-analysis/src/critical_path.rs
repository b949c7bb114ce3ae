//! The critical path of a trace: the operations that determined its duration.
//!
//! Trees show its shares, latency tables and `why` add them up over many traces. The rule is the usual one of
//! distributed tracing: seen from the end backwards, a span waits for the child that finished last.
//!
//! ```text
//! request   ██████████████████████       path: request, db, request, call, request
//! ├─ db       ██████
//! └─ call             ████████
//! ```

use hopline_core::export::SpanData;

use crate::trace::Trace;

/// A time range in which a trace waited for one span's own work.
///
/// # Examples
///
/// ```
/// use hopline_analysis::traces;
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
///
/// let mut span = SpanData::new("job", TraceId::from_u128(1).unwrap(), SpanId::from_u64(1).unwrap());
/// span.end_unix_nanos = 5;
/// let spans = [span];
/// let path = traces(&spans)[0].critical_path();
/// assert_eq!((path.len(), path[0].nanos()), (1, 5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Segment<'a> {
    /// The index of the span in [`Trace::spans`].
    pub index: usize,
    /// The span that worked.
    pub span: &'a SpanData,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End, in nanoseconds since the Unix epoch.
    pub end_unix_nanos: u64,
}

impl Segment<'_> {
    /// The length in nanoseconds.
    pub fn nanos(&self) -> u64 {
        self.end_unix_nanos - self.start_unix_nanos
    }
}

impl<'a> Trace<'a> {
    /// The segments that the first root waited for, without gaps from its start to its end.
    ///
    /// Seen from the end backwards, a span waited for the child that finished last. Work after the root's end is not on
    /// the path.
    pub fn critical_path(&self) -> Vec<Segment<'a>> {
        let mut path: Vec<_> = self
            .path()
            .into_iter()
            .map(|(at, start, end)| self.segment(at, start, end))
            .collect();
        path.sort_by_key(|segment| segment.start_unix_nanos);
        path
    }

    /// Nanoseconds on the critical path, by index of the span in [`spans`](Trace::spans).
    pub fn critical_nanos(&self) -> Vec<u64> {
        let mut nanos = vec![0; self.spans.len()];
        for (at, start, end) in self.path() {
            nanos[at] += end - start;
        }
        nanos
    }

    fn segment(&self, at: usize, start_unix_nanos: u64, end_unix_nanos: u64) -> Segment<'a> {
        Segment {
            index: at,
            span: self.spans[at],
            start_unix_nanos,
            end_unix_nanos,
        }
    }

    /// Span, start and end of each segment, in no order. With a stack of its own, so that no depth overflows.
    fn path(&self) -> Vec<(usize, u64, u64)> {
        let mut segments = Vec::new();
        let Some(root) = self.roots.first() else {
            return segments;
        };
        let span = self.spans[*root];
        let mut windows = vec![(*root, span.start_unix_nanos, span.end_unix_nanos)];
        while let Some((at, start, end)) = windows.pop() {
            let mut children = self.children[at].clone();
            children.sort_by_key(|child| self.spans[*child].end_unix_nanos);
            let mut cursor = end;
            for child in children.into_iter().rev() {
                let from = self.spans[child].start_unix_nanos.max(start);
                let to = self.spans[child].end_unix_nanos.min(cursor);
                if to <= from {
                    continue;
                }
                if cursor > to {
                    segments.push((at, to, cursor));
                }
                windows.push((child, from, to));
                cursor = from;
            }
            if cursor > start {
                segments.push((at, start, cursor));
            }
        }
        segments
    }
}
