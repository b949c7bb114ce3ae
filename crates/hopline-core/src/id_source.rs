//! Where a tracer's ids come from.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{SpanId, TraceId};

/// Where a tracer's ids come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// Random ones. Trace ids come from a cryptographic generator, so that services do not collide.
    #[default]
    Random,
    /// Random ones that are the same in each run, for tests.
    Seeded(u64),
    /// 1, 2, 3, … for each tracer, for tests. Not random, so a share below 100 % goes by a number made from the
    /// trace's, which travels along (`rv` in the tracestate).
    Sequence,
}

#[derive(Debug)]
pub(crate) enum IdSource {
    Random,
    /// How far the generator is.
    Seeded(AtomicU64),
    /// The last number given.
    Sequence(AtomicU64),
}

impl From<Ids> for IdSource {
    fn from(ids: Ids) -> Self {
        match ids {
            Ids::Random => Self::Random,
            Ids::Seeded(seed) => Self::Seeded(AtomicU64::new(seed)),
            Ids::Sequence => Self::Sequence(AtomicU64::new(0)),
        }
    }
}

impl IdSource {
    pub(crate) fn is_random(&self) -> bool {
        !matches!(self, Self::Sequence(_))
    }

    #[inline]
    pub(crate) fn trace_id(&self) -> TraceId {
        loop {
            let number = match self {
                Self::Random => rand::random(),
                Self::Seeded(state) => {
                    u128::from(split_mix(state)) << 64 | u128::from(split_mix(state))
                }
                Self::Sequence(last) => u128::from(next(last)),
            };
            if let Some(id) = TraceId::from_u128(number) {
                return id;
            }
        }
    }

    #[inline]
    pub(crate) fn span_id(&self) -> SpanId {
        match self {
            Self::Random => random_span_id(),
            Self::Seeded(state) => {
                SpanId::from_u64(split_mix(state)).unwrap_or_else(random_span_id)
            }
            Self::Sequence(last) => SpanId::from_u64(next(last)).unwrap_or_else(random_span_id),
        }
    }
}

/// Gives this thread's generators new seeds, for a process that forks: else parent and child draw the same ids.
///
/// To be called once in the child, before its first span. Other threads do not live on in a child. A tracer that
/// was built before the fork has no export thread in the child: build one there.
pub fn reseed_after_fork() {
    // the operating system's own randomness, which no fork copies
    if rand::rng().reseed().is_err() {
        crate::notify("ids", || {
            "no fresh randomness after a fork: ids may repeat".to_owned()
        });
    }
    fastrand::seed(rand::random());
}

/// Bits for consistent sampling, from an id that has none: the same for the same id.
pub(crate) fn randomness_of(id: TraceId) -> u64 {
    mix(id.to_u128() as u64) >> 8
}

/// The next number of Vigna's SplitMix64; threads that share it get different ones.
fn split_mix(state: &AtomicU64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    mix(state.fetch_add(STEP, Relaxed).wrapping_add(STEP))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn next(last: &AtomicU64) -> u64 {
    last.fetch_add(1, Relaxed).wrapping_add(1)
}

/// Span ids need only be unique within a trace, so a fast generator does.
#[inline]
pub(crate) fn random_span_id() -> SpanId {
    loop {
        if let Some(id) = SpanId::from_u64(fastrand::u64(..)) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reseeded_thread_draws_other_ids() {
        // as after a fork: two that begin in the same state
        fastrand::seed(7);
        let parent = random_span_id();
        fastrand::seed(7);
        assert_eq!(random_span_id(), parent);
        fastrand::seed(7);
        reseed_after_fork();
        assert_ne!(random_span_id(), parent);
    }

    #[test]
    fn seeded_ids_repeat_in_the_next_run_and_not_in_this_one() {
        let ids = || {
            let source = IdSource::from(Ids::Seeded(7));
            (source.trace_id(), source.span_id(), source.trace_id())
        };
        let (first, _, second) = ids();
        assert_eq!(ids(), ids());
        assert_ne!(first, second);
    }
}
