//! The spans of the services of this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hopline::TraceId;
use hopline::core::export::SpanData;
use hopline::core::{Batch, Sink, notify};
use parking_lot::Mutex;

/// Collects finished spans by trace, until they are taken.
///
/// The lock is held for one look or one copy. Bounded: beyond `MAX_SPANS`, spans are dropped with a notice.
#[derive(Clone, Debug, Default)]
pub struct Collected(Arc<Mutex<Traces>>);

#[derive(Debug, Default)]
struct Traces {
    traces: HashMap<TraceId, Trace>,
    spans: usize,
}

#[derive(Debug)]
struct Trace {
    spans: Vec<SpanData>,
    touched: Instant,
}

const MAX_SPANS: usize = 100_000;

impl Collected {
    /// All spans so far, in the order of their traces' starts.
    pub fn take(&self) -> Vec<SpanData> {
        self.take_idle(Duration::ZERO)
            .into_iter()
            .flatten()
            .collect()
    }

    /// The traces to which nothing was added for this long.
    pub fn take_idle(&self, idle: Duration) -> Vec<Vec<SpanData>> {
        let mut all = self.0.lock();
        let done = all
            .traces
            .extract_if(|_, trace| trace.touched.elapsed() >= idle);
        let mut traces: Vec<Vec<SpanData>> = done.map(|(_, trace)| trace.spans).collect();
        all.spans -= traces.iter().map(Vec::len).sum::<usize>();
        drop(all);
        traces.sort_by_key(|spans| spans.iter().map(|span| span.start_unix_nanos).min());
        traces
    }
}

impl Sink for Collected {
    fn accept(&self, batch: &Arc<Batch>) {
        let mut all = self.0.lock();
        if all.spans + batch.len() > MAX_SPANS {
            notify("checkout", || {
                format!("{} spans are not printed: too many at once", batch.len())
            });
            return;
        }
        all.spans += batch.len();
        for span in batch.to_spans() {
            let trace = all.traces.entry(span.trace_id);
            let trace = trace.or_insert_with(|| Trace {
                spans: Vec::new(),
                touched: Instant::now(),
            });
            trace.touched = Instant::now();
            trace.spans.push(span);
        }
    }
}
