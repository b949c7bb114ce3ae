//! Open spans of a layer, by their ids.
//!
//! The layer adds a span at its creation and removes it at its close. In between it finds the hopline span here, to
//! enter it, to record fields, and to start it late.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant, SystemTime};

use hopline_core::{Context, Incoming, Span};
use parking_lot::{Mutex, MutexGuard};
use tracing::Metadata;

use crate::fields::Fields;

/// The number of locks that ids are spread over, so that two threads rarely use the same.
const SHARDS: usize = 32;

/// All open spans of one layer.
///
/// Not the registry's extensions: those allocate a box for each span. Each lock is held for one look-up, an insertion or
/// a removal, and no code of the application runs under it. Bounded by the registry, which holds the same spans.
#[derive(Debug)]
pub(crate) struct Store([Mutex<Shard>; SHARDS]);

/// Spans whose ids fall to one lock.
type Shard = HashMap<u64, Bridged, BuildHasherDefault<IdHasher>>;

/// An open `tracing` span.
#[derive(Debug)]
pub(crate) struct Bridged {
    pub(crate) state: State,
    /// Present if the option for timings is set; boxed, since it rarely is.
    pub(crate) timings: Option<Box<Timings>>,
}

/// The state of a span.
#[derive(Debug)]
pub(crate) enum State {
    /// Outside any trace. It becomes a root when it is entered or used, if it may.
    Outside(Box<Outside>),
    /// A thread is starting it.
    Starting,
    /// Recorded in a trace.
    Started(Span),
}

/// The data with which a span outside any trace becomes a root later.
#[derive(Debug)]
pub(crate) struct Outside {
    /// Name, target, level and callsite.
    pub(crate) meta: &'static Metadata<'static>,
    /// The fields recorded so far.
    pub(crate) fields: Fields,
    /// The time of its creation, which becomes its start.
    pub(crate) since: SystemTime,
    /// The context that was current at its creation.
    pub(crate) around: Context,
    /// The parent it was given.
    pub(crate) incoming: Option<Incoming>,
    /// It may start a trace by itself.
    pub(crate) may_start: bool,
}

/// The time in which a span was entered, and in which it was not.
#[derive(Debug)]
pub(crate) struct Timings {
    pub(crate) busy: Duration,
    pub(crate) idle: Duration,
    pub(crate) last: Instant,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    pub(crate) fn insert(&self, id: u64, bridged: Bridged) {
        let before = self.shard(id).insert(id, bridged);
        // outside the lock; there is none, unless a registry used an id twice
        drop(before);
    }

    pub(crate) fn remove(&self, id: u64) -> Option<Bridged> {
        self.shard(id).remove(&id)
    }

    /// Runs code of ours with a span under the lock of its shard.
    pub(crate) fn with<R>(&self, id: u64, work: impl FnOnce(&mut Bridged) -> R) -> Option<R> {
        self.shard(id).get_mut(&id).map(work)
    }

    /// The context of a span that is recorded.
    pub(crate) fn context(&self, id: u64) -> Option<Context> {
        self.with(id, |bridged| match &bridged.state {
            State::Started(span) => Some(span.context()),
            State::Outside(_) | State::Starting => None,
        })?
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, Shard> {
        // the low bits, in which ids of one thread differ
        self.0[id as usize % SHARDS].lock()
    }
}

/// Ids are distinct already: one multiplication spreads them.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
