//! The viewer: a shared store with its sink, its receivers and its API.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hopline_core::export::SpanData;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::decode::Decoded;
use crate::limits::ViewLimits;
use crate::opened::Opened;
use crate::store::Store;
use crate::store::counts::Counts;

/// A bounded store of traces, shared by the sink, the receivers and the page. Clones are handles to the same store.
///
/// # Examples
///
/// ```
/// use hopline_core::export::SpanData;
/// use hopline_core::{SpanId, TraceId};
/// use hopline_view::View;
///
/// let view = View::new();
/// let trace = TraceId::from_u128(1).unwrap();
/// view.add(&[SpanData::new("GET /orders", trace, SpanId::from_u64(1).unwrap())], &[]);
/// assert_eq!(view.counts().spans, 1);
/// assert_eq!(view.spans(trace)[0].name, "GET /orders");
/// ```
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// Locked to add a request's spans or to copy a trace, never across an await. A plain mutex: writers are as many as
    /// readers.
    store: Mutex<Store>,
    /// The number of the last change, for readers that follow. It holds one number, so slow readers cost nothing.
    changed: watch::Sender<u64>,
    pub(crate) limits: ViewLimits,
    /// Distinguishes this store from one before a restart.
    pub(crate) run: String,
    pub(crate) opened: Opened,
    pub(crate) streams: std::sync::atomic::AtomicUsize,
}

impl View {
    /// Creates an empty viewer with the default [limits](ViewLimits).
    pub fn new() -> Self {
        Self::with_limits(ViewLimits::default())
    }

    /// Creates an empty viewer with these limits.
    pub fn with_limits(limits: ViewLimits) -> Self {
        let shared = Shared {
            store: Mutex::new(Store::new(limits)),
            changed: watch::Sender::new(0),
            limits,
            run: format!("{:x}", now_nanos() / 1_000_000),
            opened: Opened::default(),
            streams: std::sync::atomic::AtomicUsize::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Adds spans and log records.
    pub fn add(&self, spans: &[SpanData], logs: &[crate::LogData]) {
        let mut store = self.lock();
        store.add_spans(spans, now_nanos());
        store.add_logs(logs);
        self.announce(store);
    }

    /// Copies the spans of a trace, those that have not ended included; none if the trace is not held.
    pub fn spans(&self, trace: hopline_core::TraceId) -> Vec<SpanData> {
        self.lock()
            .trace(trace)
            .map_or_else(Vec::new, |entry| entry.to_spans())
    }

    /// Copies the spans of each trace that matches, the oldest trace first.
    ///
    /// # Examples
    ///
    /// ```
    /// use hopline_core::export::SpanData;
    /// use hopline_core::{SpanId, TraceId};
    /// use hopline_view::View;
    ///
    /// let view = View::new();
    /// let trace = TraceId::from_u128(1).unwrap();
    /// view.add(&[SpanData::new("GET /orders", trace, SpanId::from_u64(1).unwrap())], &[]);
    /// assert_eq!(view.find(&"orders".parse()?).len(), 1);
    /// assert_eq!(view.find(&"status:error".parse()?).len(), 0);
    /// # Ok::<(), hopline_view::SearchError>(())
    /// ```
    pub fn find(&self, search: &crate::Search) -> Vec<Vec<SpanData>> {
        let store = self.lock();
        let found = store.newest_first().filter(|entry| search.matches(entry));
        let mut found: Vec<(u64, Vec<SpanData>)> = found
            .map(|entry| (entry.extent().0, entry.to_spans()))
            .collect();
        drop(store);
        found.sort_by_key(|(start, _)| *start);
        found.into_iter().map(|(_, spans)| spans).collect()
    }

    /// Waits until a condition holds; it is tested now and after each change of the store.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let view = hopline_view::View::new();
    /// view.wait_until(|view| view.counts().spans == 0).await;
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn wait_until(&self, mut holds: impl FnMut(&Self) -> bool) {
        let mut changes = self.changes();
        while !holds(self) {
            // the sender lives as long as the view
            let _ = changes.changed().await;
        }
    }

    /// Reads the counters.
    pub fn counts(&self) -> Counts {
        let queue_dropped = self.shared.opened.dropped();
        Counts {
            queue_dropped,
            ..self.lock().counts()
        }
    }

    /// Adds what a receiver decoded, as one accepted request.
    pub(crate) fn receive(&self, decoded: &Decoded) {
        let mut store = self.lock();
        store.received.requests += 1;
        store.received.metrics += decoded.metrics;
        store.add_spans(&decoded.spans, now_nanos());
        store.add_logs(&decoded.logs);
        self.announce(store);
    }

    /// Counts a request that a receiver refused.
    #[cfg(feature = "server")]
    pub(crate) fn reject(&self) {
        self.lock().received.rejected += 1;
    }

    /// Looks at the spans of this process that have not ended.
    pub(crate) fn refresh_open(&self) {
        if let Some(open) = self.shared.opened.spans() {
            let mut store = self.lock();
            store.set_open(open);
            self.announce(store);
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock()
    }

    /// Wakes the readers that follow.
    pub(crate) fn announce(&self, store: MutexGuard<'_, Store>) {
        let seq = store.seq();
        drop(store);
        self.shared.changed.send_if_modified(|last| {
            let is_newer = *last < seq;
            *last = seq.max(*last);
            is_newer
        });
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
