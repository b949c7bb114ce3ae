//! Open spans of a layer, by their ids.
//!
//! The layer adds a span at its creation and removes it at its close. In between it finds the hopline span here, to
//! enter it, to record fields, and to start it late.
//!
//! | state | enter | late field | close |
//! |---|---|---|---|
//! | `Outside` | starts a root, if it may | joins the fields that wait | forgets it |
//! | `Starting` | does nothing: another thread starts it | is dropped | forgets it; the thread that starts it ends it |
//! | `Started` | makes it current | is recorded | ends it |
//! | not here | does nothing: its trace is not sampled, or muted | is dropped | does nothing |

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use hopline_core::bridge::enter;
use hopline_core::{Context, Incoming, Span};
use parking_lot::{Mutex, MutexGuard};
use tracing::Metadata;

use crate::fields::Fields;

/// The number of locks that ids are spread over, so that two threads rarely use the same.
const SHARDS: usize = 64;

/// All open spans of one layer.
///
/// Not the registry's extensions: those allocate a box for each span. Each lock is held for one look-up, an insertion or
/// a removal, and no code of the application runs under it. Bounded by the registry, which holds the same spans.
#[derive(Debug)]
pub(crate) struct Store {
    /// A part of the key of a span, since the registries of two layers use the same ids.
    number: u64,
    /// A mutex for each part, so that two threads rarely wait for each other. Held for one look-up.
    shards: Box<[Mutex<Shard>]>,
}

/// The number of the next store.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Spans whose ids fall to one lock.
#[derive(Debug, Default)]
struct Shard {
    /// The place of nearly every span: the ids of the spans that a thread has open fall to different locks.
    first: Option<(u64, Bridged)>,
    more: HashMap<u64, Bridged, BuildHasherDefault<IdHasher>>,
}

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
    /// The time within entered spans so far.
    pub(crate) busy: Duration,
    /// The rest of its time so far.
    pub(crate) idle: Duration,
    /// The last enter or exit.
    pub(crate) last: Instant,
}

impl Store {
    /// Creates a store without spans, whose keys differ from those of all other stores.
    pub(crate) fn new() -> Self {
        Self {
            number: NEXT.fetch_add(1, Relaxed),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The key of a span on the stack of its thread; no two layers have the same.
    #[inline]
    pub(crate) fn key(&self, id: u64) -> u64 {
        // the upper half of the registry's ids is a generation, and of the numbers it is zero for a long time
        id ^ self.number.rotate_left(40)
    }

    /// Adds a span.
    #[inline]
    pub(crate) fn insert(&self, id: u64, bridged: Bridged) {
        let mut guard = self.shard(id);
        let Shard { first, more } = &mut *guard;
        let before = match first {
            None => {
                *first = Some((id, bridged));
                if more.is_empty() {
                    return;
                }
                more.remove(&id)
            }
            Some((own, before)) if *own == id => Some(std::mem::replace(before, bridged)),
            Some(_) => more.insert(id, bridged),
        };
        drop(guard);
        // outside the lock; there is none, unless a registry used an id twice
        drop(before);
    }

    /// Takes a span out.
    #[inline]
    pub(crate) fn remove(&self, id: u64) -> Option<Bridged> {
        let Shard { first, more } = &mut *self.shard(id);
        match first.take_if(|(first, _)| *first == id) {
            Some((_, bridged)) => Some(bridged),
            None if more.is_empty() => None,
            None => more.remove(&id),
        }
    }

    /// Runs code of ours with a span under the lock of its shard.
    ///
    /// `work` takes no other lock and starts no span: it would wait for itself if that had the same shard.
    #[inline]
    pub(crate) fn with<R>(&self, id: u64, work: impl FnOnce(&mut Bridged) -> R) -> Option<R> {
        let Shard { first, more } = &mut *self.shard(id);
        match first {
            Some((first, bridged)) if *first == id => Some(work(bridged)),
            _ if more.is_empty() => None,
            _ => more.get_mut(&id).map(work),
        }
    }

    /// The context of a span that is recorded.
    #[inline]
    pub(crate) fn context(&self, id: u64) -> Option<Context> {
        self.with(id, |bridged| match &bridged.state {
            State::Started(span) => Some(span.context()),
            State::Outside(_) | State::Starting => None,
        })?
    }

    /// Makes a span current on this thread, if it has started. `None` for a span that is not here.
    #[inline]
    pub(crate) fn enter(&self, id: u64) -> Option<bool> {
        // under the lock, so that the context is copied once, to where it belongs; no other code runs in it
        self.with(id, |bridged| match &bridged.state {
            State::Started(span) => {
                enter(self.key(id), span.context_ref());
                true
            }
            State::Outside(_) | State::Starting => false,
        })
    }

    /// The spans whose ids share a lock with this one, locked.
    #[inline]
    fn shard(&self, id: u64) -> MutexGuard<'_, Shard> {
        // the low bits, in which ids of one thread differ
        self.shards[id as usize % SHARDS].lock()
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
