//! Memory for redacted statements that is used again, and what is known of those seen before.

use std::cell::Cell;
use std::ops::Deref;

use super::{Redacted, redact_into};
use crate::database::Dialect;
use crate::redact::lists::Lists;

/// A redacted statement: recording one allocates nothing, and one that this thread saw lately is not read again.
///
/// Reading costs a statement of 40 bytes some 6,000 instructions, which is much beside a query; to find it again, some
/// hundred. Only statements with bound values are remembered: few, and sqlx's own cache holds the same texts.
///
/// The memory is given back when it is dropped. Taken twice at a time, the second is new.
pub(crate) struct Scratch {
    /// There until it is dropped.
    memory: Option<Box<Memory>>,
    /// Which of those seen it is.
    seen: Option<usize>,
}

/// Statements that a thread remembers; a newer one takes the place of one with the same slot.
const SEEN: usize = 64;

/// Bytes of a statement beyond which it is not remembered: at most 128 KiB a thread, with what became of them.
const LONGEST: usize = 1024;

thread_local! {
    static USED: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
}

static NOTHING: Redacted = Redacted {
    text: String::new(),
    summary: String::new(),
    writes: false,
    statements: None,
    calls: false,
};

/// What reading a statement needs.
#[derive(Default)]
struct Memory {
    lists: Lists,
    redacted: Redacted,
    /// Empty until the first is remembered.
    seen: Vec<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    sql: String,
    dialect: Option<Dialect>,
    redacted: Redacted,
}

impl Scratch {
    /// Redacts a statement, or remembers how it was.
    pub(crate) fn of(sql: &str, dialect: Dialect, parameterised: bool) -> Self {
        // while the thread ends there is none
        let used = USED.try_with(Cell::take).unwrap_or_default();
        let mut memory = used.unwrap_or_default();
        let seen = (parameterised && sql.len() <= LONGEST).then(|| slot(sql));
        match seen {
            Some(at) => memory.remember(at, sql, dialect),
            None => redact_into(&mut memory.redacted, &mut memory.lists, sql, dialect),
        }
        Self {
            memory: Some(memory),
            seen,
        }
    }
}

impl Memory {
    fn remember(&mut self, at: usize, sql: &str, dialect: Dialect) {
        if self.seen.is_empty() {
            self.seen.resize(SEEN, Seen::default());
        }
        let seen = &mut self.seen[at];
        if seen.dialect == Some(dialect) && seen.sql == sql {
            return;
        }
        redact_into(&mut seen.redacted, &mut self.lists, sql, dialect);
        seen.sql.clear();
        seen.sql.push_str(sql);
        seen.dialect = Some(dialect);
    }
}

impl Deref for Scratch {
    type Target = Redacted;

    fn deref(&self) -> &Redacted {
        let memory = self.memory.as_deref();
        let redacted = memory.map(|memory| match self.seen {
            Some(at) => &memory.seen[at].redacted,
            None => &memory.redacted,
        });
        redacted.unwrap_or(&NOTHING)
    }
}

impl Drop for Scratch {
    /// Nothing waits here, and it runs on every way out.
    fn drop(&mut self) {
        let memory = self.memory.take();
        let _ = USED.try_with(|used| used.set(memory));
    }
}

/// Where a statement is remembered, if it is: statements that share a slot only cost each other their place.
fn slot(sql: &str) -> usize {
    let mix =
        |hash: u64, eight: u64| (hash.rotate_left(5) ^ eight).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (chunks, rest) = sql.as_bytes().as_chunks();
    let hash = chunks.iter().fold(sql.len() as u64, |hash, chunk| {
        mix(hash, u64::from_le_bytes(*chunk))
    });
    let hash = rest
        .iter()
        .fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    (hash >> 58) as usize % SEEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Dialect::{MySql, Postgres};
    use crate::redact::redact;

    #[test]
    fn what_is_remembered_is_what_is_read() {
        let statements: Vec<String> = (0..500)
            .map(|i| format!("SELECT a{i} FROM \"t{i}\" WHERE b = 'x{i}' AND c = $1"))
            .collect();
        for round in 0..3 {
            for (at, sql) in statements.iter().enumerate() {
                // each again at once, in the other dialect, and after others took its place
                for dialect in [Postgres, MySql, MySql] {
                    let parameterised = (at + round) % 3 > 0;
                    let scratch = Scratch::of(sql, dialect, parameterised);
                    assert_eq!(*scratch, redact(sql, dialect), "{sql}");
                }
            }
        }
    }

    #[test]
    fn a_look_within_a_look_has_one_of_its_own() {
        let outer = Scratch::of("SELECT a FROM t", Postgres, true);
        let inner = Scratch::of("DELETE FROM u", Postgres, true);
        assert_eq!(
            (outer.summary.as_str(), inner.summary.as_str()),
            ("SELECT t", "DELETE u")
        );
    }

    #[test]
    fn statements_find_places_of_their_own() {
        let slots: std::collections::HashSet<usize> = (0..64)
            .map(|i| slot(&format!("SELECT name FROM users_{i} WHERE id = $1")))
            .collect();
        assert!(slots.len() > 32, "{}", slots.len());
    }
}
