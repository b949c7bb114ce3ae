//! Valid statements of every kind, with a marker in every literal, comment and secret.
//!
//! They are about two tables, see [`schema`], so that the real engine can show whether they are valid.

mod pieces;
mod statements;

use hopline_sqlx::redact::Dialect::{self, MySql, Postgres, Sqlite};

/// In every text, comment and secret.
pub const TEXT: &str = "zq9";
/// In every number.
pub const NUMBER: &str = "770077";

/// The objects that the statements use; [`drop_schema`] drops them first.
pub fn schema(dialect: Dialect) -> String {
    let mut schema =
        "CREATE TABLE gen_t (id INTEGER PRIMARY KEY, name VARCHAR(2000), amount INTEGER);\
         CREATE TABLE gen_u (id INTEGER PRIMARY KEY, note VARCHAR(2000), qty INTEGER);"
            .to_owned();
    schema += match dialect {
        Postgres => "CREATE PROCEDURE gen_p(a text, b numeric) LANGUAGE sql AS '';",
        MySql => "CREATE PROCEDURE gen_p(a TEXT, b DECIMAL(20, 5)) BEGIN END;",
        _ => "",
    };
    schema
}

/// Undoes [`schema`], whether it is there or not.
pub fn drop_schema(dialect: Dialect) -> String {
    let mut drop = "DROP TABLE IF EXISTS gen_t; DROP TABLE IF EXISTS gen_u;".to_owned();
    if dialect != Sqlite {
        drop += "DROP PROCEDURE IF EXISTS gen_p;";
    }
    drop
}

/// A statement, and what is to be expected of it.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The statement.
    pub sql: String,
    /// Its text is kept to its end.
    pub whole: bool,
    /// The engine should be asked to prepare it only: it cannot be undone, or not run twice.
    pub prepare_only: bool,
}

/// A source of statements that gives the same ones for the same seed.
#[derive(Debug)]
pub struct Generator {
    dialect: Dialect,
    state: u64,
    out: String,
    depth: usize,
    defines: bool,
}

impl Generator {
    /// A generator whose statements repeat for a seed.
    pub fn new(dialect: Dialect, seed: u64) -> Self {
        Self {
            dialect,
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            out: String::new(),
            depth: 0,
            defines: false,
        }
    }

    /// The next statement.
    pub fn statement(&mut self) -> Generated {
        self.out.clear();
        (self.depth, self.defines) = (0, false);
        let (mut whole, mut prepare_only) = (true, false);
        match self.below(24) {
            0..=5 => self.select(),
            6 if self.one_in(3) => self.window(),
            6 => self.union(),
            7..=9 => self.insert(),
            10 | 11 => self.update(),
            12 => self.delete(),
            13 => self.with(),
            14 => self.values(),
            15 => {
                self.word("EXPLAIN");
                self.select();
            }
            16 => prepare_only = self.definition(),
            17 => self.other(),
            18 => {
                self.select();
                self.out.push(';');
                self.update();
                self.out.push(';');
                self.delete();
            }
            19 if self.dialect == Postgres => self.merge(),
            _ => {
                whole = false;
                prepare_only = self.secret();
            }
        }
        // SQLite keeps the text of definitions, and cannot add to one that ends with a comment
        if self.one_in(6) && !(self.dialect == Sqlite && self.defines) {
            self.comment();
        }
        Generated {
            sql: self.out.clone(),
            whole,
            prepare_only,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        // xorshift*: good enough to reach every branch
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len())]
    }
}
