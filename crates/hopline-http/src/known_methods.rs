//! Methods of gRPC that this process has shown to know.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Hashes of known methods, 0 where there is room.
///
/// A table of atomics: every answer of gRPC looks into it, from all threads. It bounds how many methods can name spans,
/// and nothing is ever removed. Values are all there is, so no order between them matters.
static KNOWN: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

/// Methods of one process that can name spans.
const MOST: usize = 1024;

/// Places of the table where one method may be.
const PLACES: usize = 32;

/// Random, so that callers cannot choose methods that share a hash.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// True if the server has answered this method before as only a method that it knows is answered.
pub(crate) fn is_known(method: &str) -> bool {
    let hash = hash(method);
    places(hash).any(|place| place.load(Relaxed) == hash)
}

/// Remembers a method. False if there is no room for it: then it names no span.
pub(crate) fn learn(method: &str) -> bool {
    let hash = hash(method);
    places(hash).any(|place| {
        let found = match place.load(Relaxed) {
            0 => place.compare_exchange(0, hash, Relaxed, Relaxed).err(),
            found => Some(found),
        };
        found.is_none_or(|found| found == hash)
    })
}

fn hash(method: &str) -> u64 {
    STATE.hash_one(method).max(1)
}

fn places(hash: u64) -> impl Iterator<Item = &'static AtomicU64> {
    // the remainder is below `MOST`
    let first = (hash % MOST as u64) as usize;
    (0..PLACES).map(move |step| &KNOWN[(first + step) % MOST])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_methods_is_remembered() {
        let method = |at: usize| format!("methods.Test/M{at}");
        assert!(!is_known(&method(0)));
        assert!(learn(&method(0)) && learn(&method(0)) && is_known(&method(0)));
        let learned = (1..10_000).filter(|at| learn(&method(*at))).count();
        assert!(learned < MOST, "{learned}");
        assert!(is_known(&method(0)), "what is known stays known");
    }
}
