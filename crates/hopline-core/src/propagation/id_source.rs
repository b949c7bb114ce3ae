//! Where a tracer's ids come from.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};

use crate::notice::line::start_anew;
use crate::propagation::id::{SpanId, TraceId};
use crate::time::clock::unix_nanos;

/// Where a tracer's ids come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdGenerator {
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

impl From<IdGenerator> for IdSource {
    fn from(ids: IdGenerator) -> Self {
        match ids {
            IdGenerator::Random => Self::Random,
            IdGenerator::Seeded(seed) => Self::Seeded(AtomicU64::new(seed)),
            IdGenerator::Sequence => Self::Sequence(AtomicU64::new(0)),
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
                Self::Random => with_generators(|generators| {
                    let high = u128::from(generators.traces.next_u64());
                    high << 64 | u128::from(generators.traces.next_u64())
                }),
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

    /// 56 bits in which no caller has a part. Cheap: what they decide is no secret.
    #[inline]
    pub(crate) fn randomness(&self) -> u64 {
        let bits = match self {
            Self::Random => fastrand::u64(..),
            Self::Seeded(state) => split_mix(state),
            // no number of the sequence is used up
            Self::Sequence(last) => mix(last.load(Relaxed)),
        };
        bits >> 8
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
/// was built before the fork has no export thread in the child: build one there. [Notices](crate::Notice) work in
/// a child also without it.
pub fn reseed_after_fork() {
    start_anew();
    with_generators(|generators| *generators = Generators::new());
}

thread_local! {
    // Made at a thread's first id. A cell, since no code of others runs while it is borrowed. It has no destructor, so
    // ids can be drawn also in those of other thread-locals.
    static GENERATORS: RefCell<Option<Generators>> = const { RefCell::new(None) };
}

/// A thread's generator of ids.
struct Generators {
    traces: StdRng,
    spans: fastrand::Rng,
}

impl Generators {
    #[cold]
    fn new() -> Self {
        let mut traces = StdRng::from_seed(fresh_seed());
        let spans = fastrand::Rng::with_seed(traces.next_u64());
        Self { traces, spans }
    }
}

#[inline]
fn with_generators<R>(draw: impl Fn(&mut Generators) -> R) -> R {
    let drawn = GENERATORS.try_with(|generators| {
        let mut generators = generators.try_borrow_mut().ok()?;
        Some(draw(generators.get_or_insert_with(Generators::new)))
    });
    // where the generator's crate gives it a destructor after all, and that has run
    let drawn = drawn.ok().flatten();
    drawn.unwrap_or_else(|| draw(&mut Generators::new()))
}

/// The operating system's own randomness, which no fork copies; else what differs from process to process.
fn fresh_seed() -> [u8; 32] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut seed = [0; 32];
    if SysRng.try_fill_bytes(&mut seed).is_err() {
        crate::notice::line::notify("ids", || {
            "the system gives no randomness: ids come from the time and may repeat among processes"
                .to_owned()
        });
        let here = std::ptr::from_ref(&seed).addr() as u64;
        let process = u64::from(std::process::id()) << 32;
        let state = AtomicU64::new(unix_nanos(SystemTime::now()) ^ here ^ process);
        state.fetch_add(next(&COUNT), Relaxed);
        for word in seed.as_chunks_mut::<8>().0 {
            *word = split_mix(&state).to_ne_bytes();
        }
    }
    seed
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

/// A random number, as good as a span's id; not for secrets.
#[inline]
pub(crate) fn random_u64() -> u64 {
    with_generators(|generators| generators.spans.u64(..))
}

/// Span ids need only be unique within a trace, so a fast generator does.
#[inline]
pub(crate) fn random_span_id() -> SpanId {
    loop {
        if let Some(id) = SpanId::from_u64(random_u64()) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_ids_repeat_in_the_next_run_and_not_in_this_one() {
        let ids = || {
            let source = IdSource::from(IdGenerator::Seeded(7));
            (source.trace_id(), source.span_id(), source.trace_id())
        };
        let (first, _, second) = ids();
        assert_eq!(ids(), ids());
        assert_ne!(first, second);
    }
}
