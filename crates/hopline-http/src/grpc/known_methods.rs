//! Bounded set of gRPC methods that may name spans.
//!
//! hopline-tower has one for the methods that a process serves, [`client`](crate::client) one for those that it calls.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Set of gRPC methods that may name spans. Holds about 1024 methods; none is removed.
///
/// Callers choose paths, directly or through a proxy, so an unbounded set would create any number of span names. A server
/// learns a method when it has answered it; a client when it calls it.
///
/// # Examples
///
/// ```
/// use hopline_http::grpc::KnownMethods;
///
/// static KNOWN: KnownMethods = KnownMethods::new();
/// assert!(!KNOWN.contains("shop.Orders/Get"));
/// assert!(KNOWN.learn("shop.Orders/Get") && KNOWN.contains("shop.Orders/Get"));
/// ```
// An open-addressed table of atomics instead of a lock, since each gRPC call of all threads reads it. An entry is a hash,
// or 0 if it is free. No data is published through an entry, so relaxed ordering suffices.
#[derive(Debug)]
pub struct KnownMethods([AtomicU64; CAPACITY]);

const CAPACITY: usize = 1024;

/// Number of entries that one method may be stored in.
const PLACES: usize = 32;

/// Randomly seeded, so that callers cannot choose colliding methods.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl KnownMethods {
    /// Creates an empty set.
    #[expect(
        clippy::new_without_default,
        reason = "a static needs a const function"
    )]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; CAPACITY])
    }

    /// Returns true if the method is in the set.
    pub fn contains(&self, method: &str) -> bool {
        let hash = hash(method);
        self.places(hash).any(|place| place.load(Relaxed) == hash)
    }

    /// Adds a method. Adding it again has no effect and returns true. Returns false if there is no room: such a method must not name a span.
    pub fn learn(&self, method: &str) -> bool {
        let hash = hash(method);
        self.places(hash).any(|place| {
            let found = match place.load(Relaxed) {
                0 => place.compare_exchange(0, hash, Relaxed, Relaxed).err(),
                found => Some(found),
            };
            found.is_none_or(|found| found == hash)
        })
    }

    fn places(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> {
        // the remainder is below `CAPACITY`, so it fits
        let first = (hash % CAPACITY as u64) as usize;
        (0..PLACES).map(move |step| &self.0[(first + step) % CAPACITY])
    }
}

/// Hashes a method. 0 marks a free entry, so it is replaced.
fn hash(method: &str) -> u64 {
    STATE.hash_one(method).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_bounded() {
        static KNOWN: KnownMethods = KnownMethods::new();
        let method = |at: usize| format!("shop.Orders/M{at}");
        assert!(!KNOWN.contains(&method(0)));
        assert!(KNOWN.learn(&method(0)) && KNOWN.learn(&method(0)) && KNOWN.contains(&method(0)));
        let learned = (1..10_000).filter(|at| KNOWN.learn(&method(*at))).count();
        assert!(learned < CAPACITY, "{learned}");
        assert!(learned > CAPACITY * 9 / 10, "{learned}");
        assert!(KNOWN.contains(&method(0)), "a full set keeps its methods");
    }
}
