//! The metrics of a pool: the values that a meter reads at each collection, and the times of waits and of use.
//!
//! `source.rs`, the pool and its connections call it. The pool registers once, at its first use with a meter: that of its tracer, else that of the installed one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

use hopline_core::metrics::{Observer, Timer};
use hopline_core::{Context, Literal, Span, Tracer, attr};
use sqlx::{Database, Error};

use crate::database::Endpoint;
use crate::metrics::{
    CONNECTIONS, MAX_CONNECTIONS, MIN_IDLE, PENDING, TIMEOUTS, USE_TIME, WAIT_TIME, pool_name,
};
use crate::settings::Settings;

/// The metrics of a pool and its clones, once it was used with a meter.
///
/// Empty in an application without a meter, which then pays for one check at each acquisition.
pub(super) struct PoolMetrics<DB: Database>(OnceLock<Arc<Registered<DB>>>);

/// The pool as a meter observes it. The meter has a weak reference, so a pool that is dropped is forgotten.
struct Registered<DB: Database> {
    /// A clone of sqlx's handle: the size, the idle connections and the options are read from it.
    pool: sqlx::Pool<DB>,
    counts: Arc<PoolCounts>,
}

/// Counts of a pool that sqlx does not have. Shared by the pool, its waiting calls and its connections in use.
pub(super) struct PoolCounts {
    /// The tracer whose meter observes the pool. A later change of the settings does not move it.
    tracer: Tracer,
    /// `db.client.connection.pool.name`, made once.
    name: String,
    /// Calls that wait now. Relaxed: it orders nothing else.
    pending: AtomicU64,
    /// Calls that waited until the pool's timeout, since the registration.
    timeouts: AtomicU64,
}

impl<DB: Database> PoolMetrics<DB> {
    /// Makes the metrics of a pool that has no meter yet. Clones of the pool share them.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(OnceLock::new()))
    }

    /// The counts, if there is a meter. Registers the pool at the first call with one.
    #[inline]
    pub(super) fn counts(
        &self,
        pool: &sqlx::Pool<DB>,
        settings: &Settings,
    ) -> Option<Arc<PoolCounts>> {
        let tracer = settings.tracer.as_ref().or_else(|| Tracer::installed())?;
        tracer
            .has_meter()
            .then(|| self.registered(tracer, pool, settings))
    }

    /// Registers the pool with the tracer's meter, once. A concurrent first call waits for the registration.
    fn registered(
        &self,
        tracer: &Tracer,
        pool: &sqlx::Pool<DB>,
        settings: &Settings,
    ) -> Arc<PoolCounts> {
        let registered = self.0.get_or_init(|| {
            let registered = Arc::new(Registered {
                pool: pool.clone(),
                counts: Arc::new(PoolCounts {
                    tracer: tracer.clone(),
                    name: name(&settings.endpoint),
                    pending: AtomicU64::new(0),
                    timeouts: AtomicU64::new(0),
                }),
            });
            let weak = Arc::downgrade(&registered);
            tracer.observe(move |observer| observe(&weak, observer));
            registered
        });
        Arc::clone(&registered.counts)
    }
}

/// Reports the pool's values. Returns false once it is dropped or closed.
///
/// The meter calls it at each collection, and forgets the pool after false. It reads counters only, so it does not
/// wait for the pool.
fn observe<DB: Database>(pool: &Weak<Registered<DB>>, observer: &mut Observer<'_>) -> bool {
    let Some(registered) = pool.upgrade() else {
        return false;
    };
    let Registered { pool, counts } = &*registered;
    if pool.is_closed() {
        return false;
    }
    let name = pool_name(&counts.name);
    let size = pool.size();
    // sqlx subtracts from the number of idle connections before it adds, so for a moment it may be below zero, as `usize::MAX`;
    // it is also read after the size, which may have changed
    let idle = u32::try_from(pool.num_idle()).unwrap_or(0).min(size);
    for (state, connections) in [("idle", idle), ("used", size - idle)] {
        let state = attr("db.client.connection.state", Literal(state));
        observer.value(&CONNECTIONS, connections.into(), &[name, state]);
    }
    let options = pool.options();
    for (instrument, value) in [
        (&MAX_CONNECTIONS, f64::from(options.get_max_connections())),
        (&MIN_IDLE, f64::from(options.get_min_connections())),
        (&PENDING, counts.pending.load(Relaxed) as f64),
        (&TIMEOUTS, counts.timeouts.load(Relaxed) as f64),
    ] {
        observer.value(instrument, value, &[name]);
    }
    true
}

/// The name of a pool, as the conventions advise: address, port and database.
///
/// An endpoint without any of them, such as SQLite in memory, has the name of its database system.
fn name(endpoint: &Endpoint) -> String {
    let mut name = endpoint.address.clone().unwrap_or_default();
    if let Some(port) = endpoint.port {
        name += &format!(":{port}");
    }
    if let Some(namespace) = &endpoint.namespace {
        if !name.is_empty() {
            name.push('/');
        }
        name += namespace;
    }
    if name.is_empty() {
        endpoint.system.clone_into(&mut name);
    }
    name
}

impl PoolCounts {
    /// Counts a call that waits for a connection, until the guard is dropped.
    pub(super) fn waiting(self: &Arc<Self>) -> Pending {
        self.pending.fetch_add(1, Relaxed);
        Pending {
            timer: self.timer(),
            counts: Arc::clone(self),
        }
    }

    /// Begins the use of a connection that was idle.
    ///
    /// `Lease::NONE` is used where the pool has no meter.
    pub(super) fn lease(self: &Arc<Self>) -> Lease {
        Lease(Some((self.timer(), Arc::clone(self))))
    }

    /// Starts a timer without a span. Nothing is measured in a muted context, as for statements.
    fn timer(&self) -> Timer {
        if Context::current().is_muted() {
            return Timer::STOPPED;
        }
        Timer::start(Some(&self.tracer), &Span::none())
    }
}

/// A call that waits for a connection.
pub(super) struct Pending {
    /// From the call to its connection.
    timer: Timer,
    /// Those of the pool; the number of pending calls falls when this is dropped.
    counts: Arc<PoolCounts>,
}

impl Pending {
    /// Ends the wait. Without an error it reports the time, and the use of the connection begins.
    ///
    /// A timeout is counted. Other errors, such as a refused connection, are reported by their span.
    pub(super) fn end(mut self, error: Option<&Error>) -> Lease {
        if let Some(error) = error {
            if matches!(error, Error::PoolTimedOut) {
                self.counts.timeouts.fetch_add(1, Relaxed);
            }
            return Lease::NONE;
        }
        let timer = std::mem::replace(&mut self.timer, Timer::STOPPED);
        timer.stop(Span::none(), |report| {
            report.value(
                &WAIT_TIME,
                report.seconds(),
                &[pool_name(&self.counts.name)],
            );
        });
        self.counts.lease()
    }
}

impl Drop for Pending {
    /// Also of a call that is dropped while it waits. Never blocks.
    fn drop(&mut self) {
        self.counts.pending.fetch_sub(1, Relaxed);
    }
}

/// The use of a connection of the pool, from its acquisition to its return. Empty without a meter.
pub(super) struct Lease(Option<(Timer, Arc<PoolCounts>)>);

impl Lease {
    /// No measured use.
    pub(super) const NONE: Self = Self(None);
}

impl Drop for Lease {
    /// Reports the time of use: the connection returns to the pool, or is detached from it. Never blocks.
    fn drop(&mut self) {
        if let Some((timer, counts)) = self.0.take() {
            timer.stop(Span::none(), |report| {
                report.value(&USE_TIME, report.seconds(), &[pool_name(&counts.name)]);
            });
        }
    }
}

impl<DB: Database> fmt::Debug for PoolMetrics<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PoolMetrics")
            .field(&self.0.get().map(|registered| &registered.counts.name))
            .finish()
    }
}
