//! Where a tracer's ids come from.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{SpanId, TraceId};

/// Where a tracer's ids come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// Random ones. Trace ids come from a cryptographic generator, so that services do not collide.
    #[default]
    Random,
    /// 1, 2, 3, … for each tracer, for tests. Not random, so a share below 100 % takes none of them.
    Sequence,
}

#[derive(Debug)]
pub(crate) enum IdSource {
    Random,
    /// The last number given.
    Sequence(AtomicU64),
}

impl From<Ids> for IdSource {
    fn from(ids: Ids) -> Self {
        match ids {
            Ids::Random => Self::Random,
            Ids::Sequence => Self::Sequence(AtomicU64::new(0)),
        }
    }
}

impl IdSource {
    pub(crate) fn is_random(&self) -> bool {
        matches!(self, Self::Random)
    }

    #[inline]
    pub(crate) fn trace_id(&self) -> TraceId {
        loop {
            let number = match self {
                Self::Random => rand::random(),
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
            Self::Sequence(last) => SpanId::from_u64(next(last)).unwrap_or_else(random_span_id),
        }
    }
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
