//! Fields of a callsite that need more than to be copied, found once for each callsite.
//!
//! `fields.rs` asks for each field whether it is marked; only then it looks at the field's name. Most callsites have no
//! marked field, and names are compared with lists of secret words, which would cost more than the rest of a field.

use std::cell::Cell;

use tracing::Metadata;
use tracing::field::Field;

use crate::class::Class;

/// The number of callsites that a thread's cache holds. A collision of slots costs one reading of the names.
const REMEMBERED: usize = 128;

thread_local! {
    /// Marks by the address of the callsite's metadata, which is `'static` and so identifies it.
    static CALLSITES: [Cell<(usize, u64)>; REMEMBERED] = const { [const { Cell::new((0, 0)) }; REMEMBERED] };
}

/// The fields of a callsite that are not plain attributes, one bit for each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks(u64);

impl Marks {
    /// All fields: of values that do not name their callsite.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// The marks of a callsite, from the thread's cache.
    pub(crate) fn of(meta: &'static Metadata<'static>) -> Self {
        let address = std::ptr::from_ref(meta).addr();
        // metadata takes more than 64 bytes, so the bits below are alike
        let slot = (address >> 6) % REMEMBERED;
        let known = CALLSITES.try_with(|callsites| {
            let (known, marks) = callsites[slot].get();
            if known == address {
                return Self(marks);
            }
            let marks = Self::read(meta);
            callsites[slot].set((address, marks.0));
            marks
        });
        known.unwrap_or_else(|_| Self::read(meta))
    }

    /// True if the field's class must be looked up: it is a message, an error, a secret, or otherwise special.
    ///
    /// Fields beyond the 64th always are.
    #[inline]
    pub(crate) fn has(self, field: &Field) -> bool {
        let index = field.index();
        index >= 64 || self.0 >> index & 1 != 0
    }

    /// Reads the names of all fields.
    #[cold]
    fn read(meta: &Metadata<'_>) -> Self {
        let fields = meta.fields().iter().take(64);
        let marked = fields.filter(|field| Class::of(field.name()) != Class::Plain);
        Self(marked.fold(0, |marks, field| marks | 1 << field.index()))
    }
}
