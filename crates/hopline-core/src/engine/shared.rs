//! What all local traces of a tracer share.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::attribute::resource::Resource;
use crate::engine::pool::{Pool, Traces};
use crate::engine::queue::Queue;
use crate::engine::stats::{Budget, Counters};
use crate::engine::trace_ref;
use crate::export::batch::Batch;
use crate::export::home::Home;
use crate::export::sink::Sink;
use crate::limits::Limits;
use crate::meter::receiver::Meter;
use crate::notice::contained::contained;
use crate::notice::line::notify;
use crate::propagation::id_source::IdSource;
use crate::record::chunk::Chunk;
use crate::sampling::active::{Active, Means};
use crate::sampling::keep::KeptPerSecond;
use crate::sampling::sampler::Sampler;
use crate::time::tick::{Tick, Ticker};

pub(crate) struct Shared {
    /// Distinguishes tracers without comparing pointers through a lock.
    pub(crate) number: u32,
    pub(crate) resource: Arc<Resource>,
    /// Read at the start of each local trace without a lock; exchanged at most now and then.
    pub(crate) plan: ArcSwap<Active>,
    /// Decides instead of the plan who is sampled.
    pub(crate) sampler: Option<Box<dyn Sampler>>,
    pub(crate) errors_kept: KeptPerSecond,
    pub(crate) slow_kept: KeptPerSecond,
    pub(crate) error_messages: bool,
    pub(crate) baggage_attributes: Vec<Box<str>>,
    pub(crate) limits: Limits,
    pub(crate) clock: Ticker,
    pub(crate) ids: IdSource,
    pub(crate) meter: Option<Box<dyn Meter>>,
    pub(crate) sinks: Vec<Box<dyn Sink>>,
    pub(crate) queue: Queue,
    pub(crate) pool: Pool,
    pub(crate) traces: Traces,
    pub(crate) budget: Budget,
    pub(crate) counters: Counters,
    pub(crate) closed: AtomicBool,
    pub(crate) begun: Tick,
    /// Set where the application let go of its telemetry instead of shutting it down.
    pub(crate) dropped: OnceLock<Dropped>,
}

/// When telemetry was dropped.
#[derive(Debug)]
pub(crate) struct Dropped {
    at: Tick,
    /// As soon as it was made, and nothing was recorded.
    unused: bool,
    /// There was a notice of it.
    reported: AtomicBool,
}

/// Telemetry that is dropped within this time after its start was not kept.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How long after its drop a process may still end in order.
const AFTERWARDS: Duration = Duration::from_secs(10);

impl Shared {
    /// Gives what has finished to the sinks, outside all locks.
    pub(crate) fn hand_over(self: &Arc<Self>) {
        for chunk in self.queue.turn() {
            let home = Arc::downgrade(self);
            self.deliver(self.batch(chunk, home));
        }
    }

    fn batch(&self, chunk: Chunk, home: Weak<Self>) -> Batch {
        let keep_slower = self.plan.load().keep.slower.map(|slower| slower.limit);
        Batch::new(chunk, Arc::clone(&self.resource), keep_slower, home)
    }

    fn deliver(&self, batch: Batch) {
        self.counters
            .handed_over
            .fetch_add(batch.len() as u64, Relaxed);
        let batch = Arc::new(batch);
        for sink in &self.sinks {
            let effect = || format!("a sink panicked; it may have lost {} spans", batch.len());
            self.guarded("sink", effect, || sink.accept(&batch));
        }
    }

    /// Runs code of the application, and counts its panic. Sinks and samplers run it with nothing current:
    /// [`TracerBuilder`](crate::TracerBuilder) wraps them.
    pub(crate) fn guarded<R>(
        &self,
        kind: &'static str,
        effect: impl FnOnce() -> String,
        guest: impl FnOnce() -> R,
    ) -> Option<R> {
        let done = contained(kind, effect, guest);
        if done.is_none() {
            self.counters.panics.fetch_add(1, Relaxed);
        }
        done
    }

    /// What a sampling decision uses.
    #[inline]
    pub(crate) fn means(&self) -> Means<'_> {
        Means {
            ids: &self.ids,
            clock: &self.clock,
            over_budget: &self.counters.over_budget,
        }
    }

    pub(crate) fn drop_telemetry(&self) {
        let at = self.clock.now();
        let stats = self.counters.read(&self.budget, self.pool.discarded());
        let recorded = stats.handed_over + stats.discarded + stats.lost_traces > 0;
        self.dropped.get_or_init(|| Dropped {
            at,
            unused: self.begun.until(at) < AT_ONCE && !recorded && stats.buffer_bytes == 0,
            reported: AtomicBool::new(false),
        });
    }

    /// Counts a trace that begins after the end, and reports it where that end was a mistake.
    #[cold]
    pub(crate) fn begun_after_end(&self) {
        self.counters.after_shutdown.fetch_add(1, Relaxed);
        let Some(dropped) = self.dropped.get() else {
            return;
        };
        let since = dropped.at.until(self.clock.now());
        if (dropped.unused || since >= AFTERWARDS) && !dropped.reported.swap(true, Relaxed) {
            notify("dropped", || {
                let ago = since.as_secs();
                format!(
                    "nothing is recorded: the Telemetry of hopline::init was dropped {ago} s ago, which ended it; keep \
                     it until the end of main (`let telemetry = hopline::init(…)`, neither `let _ =` nor a local of a \
                     function that returns)"
                )
            });
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }
}

impl Home for Shared {
    fn hand_over(self: Arc<Self>) {
        Self::hand_over(&self);
    }

    fn running(self: Arc<Self>, max: usize) -> Batch {
        // its memory is of an odd size, so it does not return to the tracer
        self.batch(trace_ref::running(&self, max), Weak::<Self>::new())
    }

    fn recycle(&self, chunk: Chunk) {
        self.queue.recycle(chunk);
    }
}

impl Drop for Shared {
    /// The last handle is gone: what has finished still goes to the sinks.
    fn drop(&mut self) {
        for chunk in self.queue.turn() {
            self.deliver(self.batch(chunk, Weak::new()));
        }
        // on the thread that dropped the last handle
        // one by one: two panics at once would be an abort
        for sink in std::mem::take(&mut self.sinks) {
            let effect = || "a sink panicked as it was dropped".to_owned();
            self.guarded("sink", effect, || drop(sink));
        }
        let sampler = self.sampler.take();
        let effect = || "the sampler panicked as it was dropped".to_owned();
        self.guarded("sampler", effect, || drop(sampler));
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
