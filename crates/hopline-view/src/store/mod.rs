//! The bounded store of traces. The receivers, files and the in-process sink put spans in; the API reads.
//!
//! It counts its bytes and never exceeds them: before a span is added, traces are let go of until there is room, those
//! that changed longest ago first, failed ones after all others, pinned ones last. Each loss is counted with its reason.

pub(crate) mod counts;
pub(crate) mod entry;
mod mask;
mod origin;
pub(crate) mod red;
pub(crate) mod stored;
pub(crate) mod summarise;
pub(crate) mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use hopline_core::export::SpanData;
use hopline_core::{Resource, TraceId};

use crate::LogData;
use crate::limits::ViewLimits;
use counts::{Counts, Loss, Reason, Received};
use entry::{Added, Class, ENTRY, Entry, Running};
use origin::Origins;
use red::Red;
use stored::{StoredSpan, Storing};
use text::Interner;

/// Traces by id, with their order and all that is counted.
///
/// One lock around it, in `Shared`: each method is short, and none of them waits.
#[derive(Debug)]
pub(crate) struct Store {
    /// Bounds, fixed at the start.
    limits: ViewLimits,
    /// Traces held.
    traces: HashMap<TraceId, Entry>,
    /// Of each class, the traces by the number of their last change.
    order: [BTreeMap<u64, TraceId>; 3],
    /// Texts of all spans and logs.
    texts: Interner,
    /// Resources of all spans.
    origins: Origins,
    /// Bytes of all entries.
    entry_bytes: usize,
    /// Finished spans held.
    spans: usize,
    /// Log records held.
    logs: usize,
    /// Spans that have not ended, of traces in the store.
    pub(crate) open_spans: usize,
    /// Number of the last change; each change of a trace has the next one.
    seq: u64,
    /// The last traces that were let go of, with the number of that change, for readers that follow.
    gone: VecDeque<(u64, TraceId)>,
    /// Changes up to this number are no longer in `gone`.
    forgotten: u64,
    /// Everything received, evicted or not.
    pub(crate) received: Received,
    /// Everything cut, masked or evicted.
    loss: Loss,
    /// Rates of services. They count each span on arrival, so eviction does not change them.
    pub(crate) red: Red,
}

/// Traces that were let go of and are remembered by id.
///
/// A stream that is further behind loads the list again.
const GONE: usize = 4096;

/// Log records of one trace.
///
/// Further ones are counted and not stored.
const LOGS_PER_TRACE: usize = 10_000;

impl Store {
    /// Makes an empty store.
    pub(crate) fn new(limits: ViewLimits) -> Self {
        Self {
            limits,
            traces: HashMap::new(),
            order: Default::default(),
            texts: Interner::default(),
            origins: Origins::default(),
            entry_bytes: 0,
            spans: 0,
            logs: 0,
            open_spans: 0,
            seq: 0,
            gone: VecDeque::new(),
            forgotten: 0,
            received: Received::default(),
            loss: Loss::default(),
            red: Red::default(),
        }
    }

    /// Adds finished spans; `now` in nanoseconds since the Unix epoch, for the rates of services.
    ///
    /// Spans of one trace in sequence are one change, so a batch wakes the readers once.
    pub(crate) fn add_spans(&mut self, spans: &[SpanData], now: u64) {
        self.received.spans += spans.len() as u64;
        let mut last = None;
        for span in spans {
            // one change for a run of spans of one trace
            if let Some(id) = last.filter(|id| *id != span.trace_id) {
                self.touch(id);
            }
            last = Some(span.trace_id);
            self.red.count(span, now);
            self.add_span(span);
        }
        if let Some(id) = last {
            self.touch(id);
        }
        self.origins.forget_last(&mut self.texts);
        self.evict(None);
    }

    /// Adds one span to its trace, or counts it if the trace is full.
    fn add_span(&mut self, span: &SpanData) {
        let id = span.trace_id;
        let limits = self.limits;
        if let Some(entry) = self.traces.get_mut(&id)
            && entry.spans.len() >= limits.spans_per_trace
        {
            entry.cut += 1;
            self.loss.evict(Reason::SpansPerTrace, 0, 1);
            return;
        }
        let resource = self
            .origins
            .find(&span.resource, limits.value_bytes, &mut self.texts);
        let mut storing = Storing {
            texts: &mut self.texts,
            value_bytes: limits.value_bytes,
            loss: &mut self.loss,
        };
        let stored = storing.span(span, &resource);
        drop(resource);
        let entry = self.entry(id);
        let (before, class) = (entry.bytes, entry.class());
        match entry.add(stored) {
            Added::New => {
                self.spans += 1;
            }
            Added::Merged(stored, at) => self.merge(id, stored, at),
        }
        if let Some(entry) = self.traces.get(&id) {
            self.entry_bytes = self.entry_bytes + entry.bytes - before;
            if entry.seq == 0 || entry.class() != class {
                self.touch(id);
            }
        }
        self.evict(Some(id));
    }

    /// Merges a second record of a span into the first, and corrects the bytes and errors of its trace. The second
    /// record is not counted as a span of the store.
    fn merge(&mut self, id: TraceId, newer: StoredSpan, at: usize) {
        self.loss.merged += 1;
        let Some(entry) = self.traces.get_mut(&id) else {
            return;
        };
        let Some(known) = entry.spans.get_mut(at) else {
            return;
        };
        let (bytes, was_error) = (known.bytes(), known.is_error);
        let resource = Arc::clone(&newer.resource);
        known.merge(newer, &mut self.texts);
        entry.bytes = entry.bytes + known.bytes() - bytes;
        entry.errors += u32::from(known.is_error && !was_error);
        self.origins.release(resource, &mut self.texts);
    }

    /// Adds log records that belong to a trace. Others have no place in a view of traces, and are only counted.
    pub(crate) fn add_logs(&mut self, logs: &[LogData]) {
        self.received.logs += logs.len() as u64;
        for log in logs {
            let Some(id) = log.trace_id else {
                self.loss.evict(Reason::Logs, 0, 1);
                continue;
            };
            if self
                .traces
                .get(&id)
                .is_some_and(|entry| entry.logs.len() >= LOGS_PER_TRACE)
            {
                self.loss.evict(Reason::Logs, 0, 1);
                continue;
            }
            let limits = self.limits;
            let resource = self
                .origins
                .find(&log.resource, limits.value_bytes, &mut self.texts);
            let mut storing = Storing {
                texts: &mut self.texts,
                value_bytes: limits.value_bytes,
                loss: &mut self.loss,
            };
            let stored = storing.log(log, &resource);
            let bytes = stored.bytes();
            let entry = self.entry(id);
            entry.bytes += bytes;
            entry.logs.push(stored);
            self.entry_bytes += bytes;
            self.logs += 1;
            self.touch(id);
            self.evict(Some(id));
        }
        self.origins.forget_last(&mut self.texts);
        self.evict(None);
    }

    /// Replaces what is known of spans that have not ended.
    ///
    /// A trace that has neither running nor finished spans any more is removed.
    pub(crate) fn set_open(&mut self, spans: Vec<Running>) {
        let mut by_trace: HashMap<TraceId, Vec<Running>> = HashMap::new();
        let value_bytes = self.limits.value_bytes;
        // the spans of a process have one resource: it is made safe once
        let mut resource: Option<(Arc<Resource>, Arc<Resource>)> = None;
        for mut running in spans {
            let own = &running.span.resource;
            let known = resource.take().filter(|(raw, _)| Arc::ptr_eq(raw, own));
            let (raw, safe) = known
                .unwrap_or_else(|| (Arc::clone(own), Arc::new(origin::safe(own, value_bytes))));
            mask::mask_span(&mut running.span, value_bytes);
            running.span.resource = Arc::clone(&safe);
            resource = Some((raw, safe));
            by_trace
                .entry(running.span.trace_id)
                .or_default()
                .push(running);
        }
        let ended: Vec<TraceId> = self
            .traces
            .values()
            .filter(|entry| !entry.open.is_empty() && !by_trace.contains_key(&entry.id))
            .map(|entry| entry.id)
            .collect();
        self.open_spans = 0;
        for (id, open) in by_trace {
            self.open_spans += open.iter().filter(|running| running.is_open).count();
            self.entry(id).open = open;
            self.touch(id);
        }
        for id in ended {
            self.entry(id).open = Vec::new();
            if self.traces.get(&id).is_some_and(|entry| entry.is_shown()) {
                self.touch(id);
            } else {
                // the trace was not kept by its tracer
                self.remove(id);
            }
        }
        self.evict(None);
    }

    /// `None` also for a trace that has log records alone: it has no row.
    pub(crate) fn trace(&self, id: TraceId) -> Option<&Entry> {
        self.traces.get(&id).filter(|entry| entry.is_shown())
    }

    /// Traces, the one that changed last first.
    ///
    /// Copies and sorts the ids first, at most as many as the limit for traces.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        let mut ids: Vec<(u64, TraceId)> = self
            .order
            .iter()
            .flatten()
            .map(|(seq, id)| (*seq, *id))
            .collect();
        ids.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        ids.into_iter().filter_map(|(_, id)| self.trace(id))
    }

    /// Traces that changed after this number, the first change first.
    ///
    /// A trace that changed several times is in it once, in its present state.
    pub(crate) fn changed_since(&self, seq: u64) -> Vec<&Entry> {
        let newer = self.order.iter().flat_map(|order| order.range(seq + 1..));
        let mut entries: Vec<&Entry> = newer.filter_map(|(_, id)| self.trace(*id)).collect();
        entries.sort_unstable_by_key(|entry| entry.seq);
        entries
    }

    /// Traces that were let go of after this number; `None` if that is too long ago to know.
    ///
    /// A trace that was evicted and has received spans since is not in it.
    pub(crate) fn gone_since(&self, seq: u64) -> Option<Vec<TraceId>> {
        if seq < self.forgotten || seq > self.seq {
            return None;
        }
        let later = self.gone.iter().rev().take_while(|(at, _)| *at > seq);
        Some(
            later
                .map(|(_, id)| *id)
                .filter(|id| !self.traces.contains_key(id))
                .collect(),
        )
    }

    /// The number of the last change.
    ///
    /// It identifies a state of the store: a reader asks for the changes after it.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// False if there is no such trace.
    pub(crate) fn pin(&mut self, id: TraceId, is_pinned: bool) -> bool {
        let Some(entry) = self.traces.get_mut(&id) else {
            return false;
        };
        self.order[entry.class() as usize].remove(&entry.seq);
        entry.is_pinned = is_pinned;
        self.touch(id);
        true
    }

    /// Lets go of all traces that are not pinned.
    pub(crate) fn clear(&mut self) {
        for class in [Class::Plain, Class::Failed] {
            while let Some((_, id)) = self.order[class as usize].first_key_value() {
                self.let_go(*id, Reason::Cleared);
            }
        }
    }

    /// Estimated bytes of the store, which its limit bounds. Three numbers that are kept up to date, so it costs no
    /// pass.
    pub(crate) fn bytes(&self) -> usize {
        self.entry_bytes + self.texts.bytes() + self.origins.bytes()
    }

    /// Reads the counters. `queue_dropped` is 0 here: the viewer fills it in, as the queue is its own.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            bytes: self.bytes(),
            traces: self.traces.len(),
            spans: self.spans,
            logs: self.logs,
            open_spans: self.open_spans,
            received: self.received.clone(),
            merged: self.loss.merged,
            evicted: self.loss.evicted(),
            cut_values: self.loss.cut_values,
            masked: self.loss.masked,
            queue_dropped: 0,
        }
    }

    /// The trace of this id, made if it is new.
    fn entry(&mut self, id: TraceId) -> &mut Entry {
        let bytes = &mut self.entry_bytes;
        self.traces.entry(id).or_insert_with(|| {
            *bytes += ENTRY;
            Entry::new(id)
        })
    }

    /// Numbers a change of this trace.
    fn touch(&mut self, id: TraceId) {
        let Some(entry) = self.traces.get_mut(&id) else {
            return;
        };
        for order in &mut self.order {
            order.remove(&entry.seq);
        }
        self.seq += 1;
        entry.seq = self.seq;
        self.order[entry.class() as usize].insert(self.seq, id);
    }

    /// Lets go of traces until the bounds hold; `last` after all others of its class.
    ///
    /// `last` is the trace that is being added to: evicting it first would lose the span that has just arrived.
    fn evict(&mut self, last: Option<TraceId>) {
        loop {
            let reason = if self.bytes() > self.limits.bytes {
                Reason::Bytes
            } else if self.traces.len() > self.limits.traces {
                Reason::Traces
            } else {
                return;
            };
            let oldest = self
                .order
                .iter()
                .find_map(|order| order.values().find(|id| Some(**id) != last).copied());
            // a trace that does not fit alone is let go of, too
            let Some(id) = oldest.or_else(|| {
                self.order
                    .iter()
                    .find_map(|order| order.values().next().copied())
            }) else {
                return;
            };
            self.let_go(id, reason);
        }
    }

    /// Removes a trace and counts its spans and log records as evicted for this reason.
    fn let_go(&mut self, id: TraceId, reason: Reason) {
        if let Some((spans, logs)) = self.remove(id) {
            self.loss.evict(reason, 1, spans as u64);
            self.loss.evict(Reason::Logs, 0, logs as u64);
        }
    }

    /// Removes a trace; gives the number of its spans and log records.
    ///
    /// Its texts and resources are released, and its id is remembered for readers that follow.
    fn remove(&mut self, id: TraceId) -> Option<(usize, usize)> {
        let entry = self.traces.remove(&id)?;
        for order in &mut self.order {
            order.remove(&entry.seq);
        }
        let (spans, logs) = (entry.spans.len(), entry.logs.len());
        self.entry_bytes -= entry.bytes;
        self.spans -= spans;
        self.logs -= logs;
        self.open_spans = self
            .open_spans
            .saturating_sub(entry.open.iter().filter(|running| running.is_open).count());
        for span in entry.spans {
            let resource = Arc::clone(&span.resource);
            span.release(&mut self.texts);
            self.origins.release(resource, &mut self.texts);
        }
        for log in entry.logs {
            let resource = Arc::clone(&log.resource);
            log.release(&mut self.texts);
            self.origins.release(resource, &mut self.texts);
        }
        self.texts.shrink();
        self.seq += 1;
        self.gone.push_back((self.seq, id));
        if self.gone.len() > GONE
            && let Some((seq, _)) = self.gone.pop_front()
        {
            self.forgotten = seq;
        }
        Some((spans, logs))
    }
}
