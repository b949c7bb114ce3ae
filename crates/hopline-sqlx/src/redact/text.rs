//! The text that is kept.

use crate::redact::lexer::{Kind, Token};
use crate::redact::words::{AFTER_COLUMN, DEFINED, EXPLAINING, HOT, KEPT, is_one_of};

/// Bytes of text that are kept at most.
const MAX_OUTPUT: usize = 4 * 1024;

/// What becomes of the text with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Kept,
    /// It is kept, and nothing behind it.
    Last,
    /// Nothing is kept any more.
    Cut,
}

pub(super) struct Text {
    out: String,
    statement: Statement,
    /// The word before, in upper case as far as it matters; empty if it was none.
    last: Last,
    lists: Lists,
    /// Behind EXPLAIN, whose options may stand in brackets: how many are open.
    options: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Statement {
    /// The next word says what it is.
    New,
    /// CREATE, ALTER or DROP: the next word says of what.
    Defines,
    /// Its table is the last that is kept.
    Copies,
    Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    In,
    Values,
    Is,
    /// A word behind which a secret stands, if a word or name follows.
    Hot,
    Other,
}

/// Where a list of values may become shorter.
#[derive(Default)]
struct Lists {
    /// The list at hand began there, and holds values only so far.
    open: Option<usize>,
    /// The row of values before ended there; another one like it may follow.
    row: Option<usize>,
    /// The list at hand is a row of VALUES.
    in_values: bool,
}

impl Text {
    pub(super) fn new() -> Self {
        Self {
            out: String::new(),
            statement: Statement::New,
            last: Last::Other,
            lists: Lists::default(),
            options: None,
        }
    }

    pub(super) fn token(&mut self, token: &Token<'_>) -> Verdict {
        if self.out.len() + 1 + token.len() > MAX_OUTPUT {
            return Verdict::Cut;
        }
        match token.kind {
            Kind::Unclear => Verdict::Cut,
            Kind::Word(word) => self.word(word, token.spaced),
            Kind::Name(name) => {
                if self.last == Last::Hot {
                    return Verdict::Cut;
                }
                self.put(name, token.spaced);
                self.lists.open = None;
                self.last = Last::Other;
                if self.statement == Statement::Copies {
                    Verdict::Last
                } else {
                    Verdict::Kept
                }
            }
            Kind::Literal => {
                self.put("?", token.spaced);
                self.last = Last::Other;
                Verdict::Kept
            }
            Kind::Placeholder(marker) => {
                self.put(marker, token.spaced);
                self.last = Last::Other;
                Verdict::Kept
            }
            Kind::Symbol(symbol) => {
                self.symbol(symbol, token.spaced);
                Verdict::Kept
            }
        }
    }

    /// Says that something is missing here.
    pub(super) fn cut(&mut self) {
        self.put("?…", true);
    }

    pub(super) fn finish(mut self) -> String {
        self.out.truncate(self.out.trim_end().len());
        self.out
    }

    fn word(&mut self, word: &str, spaced: bool) -> Verdict {
        if self.last == Last::Hot && !is_one_of(&AFTER_COLUMN, word) {
            return Verdict::Cut;
        }
        match self.statement {
            Statement::New => return self.first_word(word, spaced),
            Statement::Defines => {
                self.put(word, spaced);
                if !is_one_of(&DEFINED, word) {
                    return Verdict::Last;
                }
                let prefix = ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED"];
                self.statement = if is_one_of(&prefix, word) {
                    Statement::Defines
                } else {
                    Statement::Known
                };
                return Verdict::Kept;
            }
            Statement::Copies => {
                self.put(word, spaced);
                return Verdict::Last;
            }
            Statement::Known => {}
        }
        let truth = is_one_of(&["TRUE", "FALSE"], word) && self.last != Last::Is;
        if truth {
            self.put("?", spaced);
        } else {
            self.put(word, spaced);
            self.lists.open = None;
        }
        self.last = match word.len() {
            2 if word.eq_ignore_ascii_case("IN") => Last::In,
            2 if word.eq_ignore_ascii_case("IS") => Last::Is,
            3 if word.eq_ignore_ascii_case("NOT") => self.last,
            6 if word.eq_ignore_ascii_case("VALUES") => Last::Values,
            _ if is_one_of(&HOT, word) => Last::Hot,
            _ => Last::Other,
        };
        Verdict::Kept
    }

    fn first_word(&mut self, word: &str, spaced: bool) -> Verdict {
        self.put(word, spaced);
        self.last = Last::Other;
        if word.eq_ignore_ascii_case("COPY") {
            self.statement = Statement::Copies;
            return Verdict::Kept;
        }
        if self.options.is_some_and(|open| open > 0) {
            return Verdict::Kept;
        }
        if is_one_of(&EXPLAINING, word) {
            self.options = Some(0);
            return Verdict::Kept;
        }
        self.options = None;
        if !is_one_of(&KEPT, word) {
            return Verdict::Last;
        }
        let defines = is_one_of(&["CREATE", "ALTER", "DROP"], word);
        self.statement = if defines {
            Statement::Defines
        } else {
            Statement::Known
        };
        if word.eq_ignore_ascii_case("VALUES") {
            self.last = Last::Values;
        }
        Verdict::Kept
    }

    fn symbol(&mut self, symbol: &str, spaced: bool) {
        if let Some(open) = &mut self.options {
            match symbol {
                "(" => *open += 1,
                ")" => *open = open.saturating_sub(1),
                _ => {}
            }
        }
        let next_row = self.lists.row.is_some() && matches!(symbol, "," | "(");
        match symbol {
            "(" => {
                self.put("(", spaced);
                let row = self.last == Last::Values || next_row;
                let list = row || self.last == Last::In;
                self.lists.open = list.then_some(self.out.len());
                self.lists.in_values = row;
            }
            ")" => self.close_list(spaced),
            ";" => {
                self.out.truncate(self.out.trim_end().len());
                self.out.push(';');
                self.statement = Statement::New;
                self.lists = Lists::default();
            }
            "," => self.put(",", spaced),
            _ => {
                self.put(symbol, spaced);
                // a sign before a value is no more than that
                if !matches!(symbol, "-" | "+") {
                    self.lists.open = None;
                }
            }
        }
        if !next_row && symbol != ")" {
            self.lists.row = None;
        }
        // `PASSWORD (x)` and `password = x` are a call and a column
        self.last = Last::Other;
    }

    fn close_list(&mut self, spaced: bool) {
        let Some(open) = self.lists.open.take() else {
            self.put(")", spaced);
            self.lists.row = None;
            return;
        };
        if self.out.len() > open {
            self.out.truncate(open);
            self.out.push('?');
        }
        self.out.push(')');
        if self.lists.in_values {
            match self.lists.row {
                Some(end) => self.out.truncate(end),
                None => self.lists.row = Some(self.out.len()),
            }
        }
    }

    fn put(&mut self, piece: &str, spaced: bool) {
        if spaced && !self.out.is_empty() && !self.out.ends_with(' ') {
            self.out.push(' ');
        }
        self.out.push_str(piece);
    }
}
