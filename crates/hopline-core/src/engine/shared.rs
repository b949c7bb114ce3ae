//! The state of a tracer that its local traces share.

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
use crate::export::sink::{Sink, SourceTracer};
use crate::limits::Limits;
use crate::meter::receiver::Meter;
use crate::notice::contained::contained;
use crate::notice::line::notify;
use crate::propagation::id_source::IdSource;
use crate::record::chunk::Chunk;
use crate::sampling::active_plan::{ActivePlan, Means};
use crate::sampling::keep::KeptPerSecond;
use crate::sampling::sampler::Sampler;
use crate::time::tick::{Tick, Ticker};

/// The state of one tracer. Every buffer of an open trace holds a reference, so a tracer that is dropped lives until its
/// last trace has ended; sinks and batches hold weak ones.
pub(crate) struct Shared {
    /// Identifies the tracer in contexts, so that comparing them takes no lock.
    pub(crate) number: u32,
    pub(crate) resource: Arc<Resource>,
    /// Read at the start of each local trace without a lock, and rarely replaced.
    pub(crate) plan: ArcSwap<ActivePlan>,
    /// The custom sampler, which replaces the plan at the start.
    pub(crate) sampler: Option<Box<dyn Sampler>>,
    /// The failed traces kept in this second.
    pub(crate) errors_kept: KeptPerSecond,
    /// The slow traces kept in this second.
    pub(crate) slow_kept: KeptPerSecond,
    /// True if messages of errors are recorded.
    pub(crate) error_messages: bool,
    /// The keys of baggage members that are recorded as attributes.
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
    /// True after shutdown. Read at the start of each local trace; nothing depends on its order with other writes.
    pub(crate) closed: AtomicBool,
    /// The time at which the tracer was built.
    pub(crate) begun: Tick,
    /// Set if the application dropped its telemetry instead of shutting it down.
    pub(crate) dropped: OnceLock<Dropped>,
}

/// The time and the circumstances of dropped telemetry.
#[derive(Debug)]
pub(crate) struct Dropped {
    at: Tick,
    /// True if it was dropped at once, before anything was recorded.
    unused: bool,
    /// True after the notice.
    reported: AtomicBool,
}

/// Telemetry dropped within this time after its start was dropped by mistake.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The time after the drop in which a process may still be ending properly.
const AFTERWARDS: Duration = Duration::from_secs(10);

impl Shared {
    /// Hands finished spans to the sinks, outside all locks.
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

    /// Runs code of the application, and counts its panic. Sinks and samplers are wrapped by
    /// [`TracerBuilder`](crate::TracerBuilder), so they run in a muted context.
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

    /// The parts that a sampling decision uses.
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

    /// Counts a trace that starts after the end, and reports it if that end was a mistake.
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

impl SourceTracer for Shared {
    fn hand_over(self: Arc<Self>) {
        Self::hand_over(&self);
    }

    fn running(self: Arc<Self>, max: usize) -> Batch {
        // its memory is of an odd size, so it does not return to the tracer
        self.batch(trace_ref::running(&self, max), Weak::<Self>::new())
    }
}

impl Home for Shared {
    fn recycle(&self, chunk: Chunk) {
        self.queue.recycle(chunk);
    }
}

impl Drop for Shared {
    /// Runs when the last handle is dropped, on that thread: hands finished spans to the sinks.
    fn drop(&mut self) {
        for chunk in self.queue.turn() {
            self.deliver(self.batch(chunk, Weak::new()));
        }
        // one by one, because two panics at once would abort the process
        for sink in std::mem::take(&mut self.sinks) {
            let effect = || "a sink panicked when it was dropped".to_owned();
            self.guarded("sink", effect, || drop(sink));
        }
        let sampler = self.sampler.take();
        let effect = || "the sampler panicked when it was dropped".to_owned();
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
