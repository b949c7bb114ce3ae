//! Statements that are built to be slow to redact.

use std::hint::black_box;

use hopline_core::Clock;
use hopline_sqlx::redact::{Dialect, redact};

use crate::case::{Case, Work};

/// The two lengths at which each is read: twice as long must not take much more than twice the time.
pub(crate) const LENGTHS: [usize; 2] = [2_000, 4_000];

pub(crate) const DIALECTS: [(&str, Dialect); 4] = [
    ("postgresql", Dialect::Postgres),
    ("mysql", Dialect::MySql),
    ("sqlite", Dialect::Sqlite),
    ("other", Dialect::Other),
];

/// All of them together, a case for each dialect: one that took by the square would outweigh the others.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, dialect) in DIALECTS {
        for length in LENGTHS {
            let make = move |_: &Clock| {
                let statements = hopline_test_support::sql::hostile(length);
                Work::each(move || {
                    for sql in &statements {
                        drop(black_box(redact(black_box(sql), dialect)));
                    }
                })
            };
            cases.push(Case::new(format!("redact/{name}/{length}"), make).times(1));
        }
    }
    cases
}
