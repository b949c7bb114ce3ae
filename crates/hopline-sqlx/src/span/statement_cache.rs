//! A cache of parsed statements for each thread.
//!
//! The span factory parses each recorded or measured statement through it. Parsing a statement of 40 bytes takes about 6,000
//! instructions, which is much compared with a query; a lookup takes about 100.
//!
//! | | |
//! |---|---|
//! | key | text, [`generation`](crate::settings::Settings::generation) of the settings, presence of bound values and of a summary |
//! | value | [`ParsedText`]: all attributes of the span, ready to be copied |
//! | admission | of statements with bound values at once: they are few, and sqlx's own cache holds the same texts. Of others at the second call in a row of its slot, so that texts with values in them, each of which runs once, are neither copied nor evict others |
//! | bound | 64 statements of up to 1 KiB per thread |
//! | eviction | by a statement with the same slot |

use std::cell::Cell;
use std::ops::Deref;

use crate::redact::{Lists, Redacted};
use crate::settings::Settings;
use crate::span::parsed_text::{ParsedText, RawText};

/// A parsed statement. Owns the thread's cache, and returns it on drop. Creating one allocates nothing once the buffers
/// are warm.
///
/// If the thread creates a second one meanwhile, that one has a new cache.
pub(super) struct ParsedStatement {
    /// None after drop only.
    cache: Option<Box<StatementCache>>,
    /// The slot of the statement. None if it is not cached.
    slot: Option<usize>,
}

/// The number of cached statements per thread. A statement replaces another one with the same slot.
///
/// The slot is the top six bits of a hash.
const SLOTS: usize = 64;

/// The length of the longest cached statement, in bytes. With their attributes, all slots take up to half a MiB per
/// thread, if the database's names are of ordinary length.
const MAX_CACHED: usize = 1024;

thread_local! {
    /// The thread's cache, while no statement uses it.
    static CACHE: Cell<Option<Box<StatementCache>>> = const { Cell::new(None) };
}

/// For a read after drop, which does not happen: it avoids a panic.
static EMPTY: ParsedText = ParsedText::EMPTY;

/// The buffers for parsing, and the cached statements.
#[derive(Default)]
struct StatementCache {
    /// Scratch space for lists of values, reused by each parse.
    lists: Lists,
    /// Scratch space for the redacted text.
    redacted: Redacted,
    /// The last statement that is not cached.
    uncached: ParsedText,
    /// Empty until the first statement is cached.
    slots: Vec<CachedStatement>,
}

/// A slot: the key of a statement, compared in full, and its parsed text.
#[derive(Clone, Default)]
struct CachedStatement {
    /// The whole text: a hash alone could record the text of another statement.
    sql: String,
    /// The generation of the settings; 0 in an empty slot.
    generation: u64,
    /// Parts of the key: presence of bound values, and of a summary of its own. Other attributes are recorded.
    facts: (bool, bool),
    /// The attributes, copied to the span.
    parsed: ParsedText,
    /// The hash of the last statement without bound values that was not admitted.
    refused: u64,
}

impl ParsedStatement {
    /// Parses a statement, or finds it in the cache.
    pub(super) fn new(raw: &RawText<'_>, settings: &Settings) -> Self {
        // there is no cache while the thread ends
        let cache = CACHE.try_with(Cell::take).unwrap_or_default();
        let mut cache = cache.unwrap_or_default();
        let cacheable = raw.sql.len() <= MAX_CACHED;
        let slot = cacheable.then(|| cache.fill_slot(raw, settings)).flatten();
        if slot.is_none() {
            let StatementCache {
                lists,
                redacted,
                uncached,
                ..
            } = &mut *cache;
            uncached.fill(raw, settings, redacted, lists);
        }
        Self {
            cache: Some(cache),
            slot,
        }
    }

    /// True if the next call of the statement parses nothing.
    #[cfg(test)]
    pub(super) fn is_cached(&self) -> bool {
        self.slot.is_some()
    }
}

impl Deref for ParsedStatement {
    type Target = ParsedText;

    fn deref(&self) -> &ParsedText {
        match (self.cache.as_deref(), self.slot) {
            (Some(cache), Some(slot)) => &cache.slots[slot].parsed,
            (Some(cache), None) => &cache.uncached,
            (None, _) => &EMPTY,
        }
    }
}

impl StatementCache {
    /// Finds the slot of a statement, or parses it into that slot. Returns none if the statement is not admitted.
    fn fill_slot(&mut self, raw: &RawText<'_>, settings: &Settings) -> Option<usize> {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, CachedStatement::default());
        }
        let hash = hash(raw, settings.generation());
        let slot = slot(hash);
        let cached = &mut self.slots[slot];
        let facts = (raw.parameterised, raw.has_summary);
        let is_same = (cached.generation, cached.facts) == (settings.generation(), facts);
        if is_same && cached.sql == raw.sql {
            return Some(slot);
        }
        if !raw.parameterised && std::mem::replace(&mut cached.refused, hash) != hash {
            return None;
        }
        let (redacted, lists) = (&mut self.redacted, &mut self.lists);
        cached.parsed.fill(raw, settings, redacted, lists);
        cached.sql.clear();
        cached.sql.push_str(raw.sql);
        (cached.generation, cached.facts) = (settings.generation(), facts);
        Some(slot)
    }
}

impl Drop for ParsedStatement {
    /// Returns the cache to the thread. Never blocks.
    fn drop(&mut self) {
        let cache = self.cache.take();
        let _ = CACHE.try_with(|place| place.set(cache));
    }
}

/// The slot of a hash. A collision costs the statements their slot, nothing else.
pub(super) fn slot(hash: u64) -> usize {
    (hash >> 58) as usize % SLOTS
}

/// The hash of a statement: its text, the settings, and the presence of bound values and of a summary.
pub(super) fn hash(raw: &RawText<'_>, generation: u64) -> u64 {
    let mix =
        |hash: u64, eight: u64| (hash.rotate_left(5) ^ eight).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let facts = 2 * u64::from(raw.parameterised) + u64::from(raw.has_summary);
    let (sql, key) = (raw.sql, 4 * generation + facts);
    let (chunks, _) = sql.as_bytes().as_chunks();
    let hash = chunks.iter().fold(sql.len() as u64 ^ key, |hash, chunk| {
        mix(hash, u64::from_le_bytes(*chunk))
    });
    // the last eight bytes, which overlap the last chunk
    match sql.as_bytes().last_chunk() {
        Some(last) => mix(hash, u64::from_le_bytes(*last)),
        None => sql.bytes().fold(hash, |hash, byte| mix(hash, byte.into())),
    }
}
