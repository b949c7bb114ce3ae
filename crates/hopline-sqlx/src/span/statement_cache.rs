//! A cache of parsed statements for each thread.
//!
//! The span factory parses each recorded statement through it. Parsing a statement of 40 bytes takes about 6,000
//! instructions, which is much compared with a query; a lookup takes about 100. Only statements with bound values are
//! cached: they are few, and sqlx's own cache holds the same texts.
//!
//! | | |
//! |---|---|
//! | key | text, [`generation`](crate::settings::Settings::generation) of the settings, presence of a summary |
//! | value | [`ParsedText`]: all attributes of the span, ready to be copied |
//! | bound | 64 statements of up to 1 KiB per thread |
//! | eviction | by a statement with the same hash |

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
    /// A part of the key: a statement with its own summary has other attributes.
    has_summary: bool,
    /// The attributes, copied to the span.
    parsed: ParsedText,
}

impl ParsedStatement {
    /// Parses a statement, or finds it in the cache.
    pub(super) fn new(raw: &RawText<'_>, settings: &Settings) -> Self {
        // there is no cache while the thread ends
        let cache = CACHE.try_with(Cell::take).unwrap_or_default();
        let mut cache = cache.unwrap_or_default();
        let cacheable = raw.parameterised && raw.sql.len() <= MAX_CACHED;
        let slot = cacheable.then(|| slot(raw, settings.generation()));
        match slot {
            Some(slot) => cache.fill_slot(slot, raw, settings),
            None => {
                let StatementCache {
                    lists,
                    redacted,
                    uncached,
                    ..
                } = &mut *cache;
                uncached.fill(raw, settings, redacted, lists);
            }
        }
        Self {
            cache: Some(cache),
            slot,
        }
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
    /// Parses the statement into a slot, unless the slot has it.
    fn fill_slot(&mut self, slot: usize, raw: &RawText<'_>, settings: &Settings) {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, CachedStatement::default());
        }
        let cached = &mut self.slots[slot];
        let key = (settings.generation(), raw.has_summary);
        if (cached.generation, cached.has_summary) == key && cached.sql == raw.sql {
            return;
        }
        let (redacted, lists) = (&mut self.redacted, &mut self.lists);
        cached.parsed.fill(raw, settings, redacted, lists);
        cached.sql.clear();
        cached.sql.push_str(raw.sql);
        (cached.generation, cached.has_summary) = key;
    }
}

impl Drop for ParsedStatement {
    /// Returns the cache to the thread. Never blocks.
    fn drop(&mut self) {
        let cache = self.cache.take();
        let _ = CACHE.try_with(|place| place.set(cache));
    }
}

/// The slot of a statement: a hash of its text, the settings and the presence of a summary. A collision costs the
/// statements their slot, nothing else.
pub(super) fn slot(raw: &RawText<'_>, generation: u64) -> usize {
    let mix =
        |hash: u64, eight: u64| (hash.rotate_left(5) ^ eight).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (sql, key) = (raw.sql, 2 * generation + u64::from(raw.has_summary));
    let (chunks, _) = sql.as_bytes().as_chunks();
    let hash = chunks.iter().fold(sql.len() as u64 ^ key, |hash, chunk| {
        mix(hash, u64::from_le_bytes(*chunk))
    });
    // the last eight bytes, which overlap the last chunk
    let hash = match sql.as_bytes().last_chunk() {
        Some(last) => mix(hash, u64::from_le_bytes(*last)),
        None => sql.bytes().fold(hash, |hash, byte| mix(hash, byte.into())),
    };
    (hash >> 58) as usize % SLOTS
}
