//! Generators of trace and span ids.
//! One for each tracer; random ids are drawn from generators of the thread, so no lock is taken.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};

use crate::notice::line::start_anew;
use crate::propagation::id::{SpanId, TraceId};
use crate::time::clock::unix_nanos;

/// The generator of a tracer's ids.
///
/// # Examples
///
/// Ids that a test can compare:
///
/// ```
/// use hopline_core::{IdGenerator, Incoming, SpanBuilder, Tracer};
///
/// let tracer = Tracer::builder().ids(IdGenerator::Sequence).build();
/// let root = SpanBuilder::new("request").tracer(&tracer).parent(Incoming::default()).start();
/// assert_eq!(root.span_context().unwrap().trace_id().to_u128(), 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdGenerator {
    /// Random ids. Trace ids come from a cryptographic generator (seeded by the system), so that services do not collide.
    #[default]
    Random,
    /// Random ids from this seed, the same in each run, for tests.
    Seeded(u64),
    /// Ids 1, 2, 3, … of each tracer, for tests. They are not random, so probabilities below 100 % use a number derived
    /// from the trace id, which is sent as `rv` in the tracestate.
    Sequence,
}

/// The generator of a tracer, with its state.
#[derive(Debug)]
pub(crate) enum IdSource {
    Random,
    /// The state of the generator.
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
    /// True if its trace ids are random, so that new traces set the random flag.
    pub(crate) fn is_random(&self) -> bool {
        !matches!(self, Self::Sequence(_))
    }

    /// The next trace id.
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

    /// 56 random bits that no caller can influence. A fast generator: sampling decisions are no secret.
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

    /// The next span id.
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

/// Reseeds this thread's id generators in a forked child. Without it, parent and child generate the same ids.
///
/// Call it once in the child, before the first span. A fork copies only the calling thread, so a tracer that was built
/// before the fork has no export thread in the child: build another one there. [Notices](crate::Notice) work in a child
/// without it.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder, Tracer};
///
/// // in the child, after fork() returned 0
/// hopline_core::propagation::reseed_after_fork();
/// let tracer = Tracer::builder().service("worker").build();
/// let job = SpanBuilder::new("job").tracer(&tracer).parent(Incoming::default()).start();
/// assert!(job.span_context().is_some());
/// ```
pub fn reseed_after_fork() {
    start_anew();
    with_generators(|generators| *generators = Generators::new());
}

thread_local! {
    // Created at a thread's first id. A cell suffices, because no foreign code runs while it is borrowed. It has no
    // destructor, so the destructors of other thread-locals can draw ids.
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
    // only if the generator's crate gives it a destructor, and that has run
    let drawn = drawn.ok().flatten();
    drawn.unwrap_or_else(|| draw(&mut Generators::new()))
}

/// A seed of the operating system's randomness, which a fork does not copy. Falls back to time, process id and address.
fn fresh_seed() -> [u8; 32] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut seed = [0; 32];
    if SysRng.try_fill_bytes(&mut seed).is_err() {
        crate::notice::line::notify("ids", || {
            "the operating system returned no randomness: ids are derived from the time and may repeat among processes"
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

/// 56 bits for consistent sampling derived from an id that is not random: the same for the same id.
pub(crate) fn randomness_of(id: TraceId) -> u64 {
    mix(id.to_u128() as u64) >> 8
}

/// The next number of Vigna's SplitMix64; threads that share it get different ones.
fn split_mix(state: &AtomicU64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    mix(state.fetch_add(STEP, Relaxed).wrapping_add(STEP))
}

/// The finalizer of SplitMix64: spreads the bits of a number over all 64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The next number of a sequence that starts with 1.
fn next(last: &AtomicU64) -> u64 {
    last.fetch_add(1, Relaxed).wrapping_add(1)
}

/// A random number of the quality of a span id; not for secrets.
#[inline]
pub(crate) fn random_u64() -> u64 {
    with_generators(|generators| generators.spans.u64(..))
}

/// A random span id. Span ids need only be unique within a trace, so a fast generator suffices.
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
