//! Methods of gRPC that may name spans.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Methods of gRPC that may name spans: up to 1024, none of which is ever removed.
///
/// Paths are made up by callers without end, also where a proxy passes them on. A server learns a method when it has
/// answered it; a client when it calls it.
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
// A table of atomics: every call of gRPC looks into it, from all threads. It holds hashes, and 0 where there is room. There
// is nothing behind the values, so no order between them matters.
#[derive(Debug)]
pub struct KnownMethods([AtomicU64; MOST]);

const MOST: usize = 1024;

/// Places of the table where one method may be.
const PLACES: usize = 32;

/// Random, so that callers cannot choose methods that share a hash.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl KnownMethods {
    /// Knows no method.
    #[expect(
        clippy::new_without_default,
        reason = "a static needs a const function"
    )]
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; MOST])
    }

    /// True if this method was learned.
    pub fn contains(&self, method: &str) -> bool {
        let hash = hash(method);
        self.places(hash).any(|place| place.load(Relaxed) == hash)
    }

    /// Learns a method. False if there is no room for it: then it names no span.
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
        // the remainder is below `MOST`
        let first = (hash % MOST as u64) as usize;
        (0..PLACES).map(move |step| &self.0[(first + step) % MOST])
    }
}

fn hash(method: &str) -> u64 {
    STATE.hash_one(method).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_methods_is_learned() {
        static KNOWN: KnownMethods = KnownMethods::new();
        let method = |at: usize| format!("shop.Orders/M{at}");
        assert!(!KNOWN.contains(&method(0)));
        assert!(KNOWN.learn(&method(0)) && KNOWN.learn(&method(0)) && KNOWN.contains(&method(0)));
        let learned = (1..10_000).filter(|at| KNOWN.learn(&method(*at))).count();
        assert!(learned < MOST, "{learned}");
        assert!(learned > MOST * 9 / 10, "{learned}");
        assert!(KNOWN.contains(&method(0)), "what is known stays known");
    }
}
