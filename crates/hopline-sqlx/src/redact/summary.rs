//! A statement in a few words.

use crate::redact::lexer::{Kind, Token};
use crate::redact::words::{EXPLAINING, is_one_of};

/// Bytes of a summary at most; names are never cut.
const MAX: usize = 255;

/// Operations and targets, in the order of the text. Sees only tokens that the text keeps.
#[derive(Default)]
pub(super) struct Summary {
    out: String,
    full: bool,
    expects: Expects,
    /// How many brackets are open.
    depth: usize,
    /// In a FROM clause that began at this depth, a comma is followed by another target.
    from_depth: Option<usize>,
    /// Depths of open brackets that belong to a function, whose FROM has no target.
    calls: Vec<usize>,
    /// A statement has begun.
    begun: bool,
    /// CREATE and its kin, until what they are about is named.
    defines: bool,
    /// Names that the statement itself defines, with WITH.
    own: Vec<String>,
    /// Before the operation that WITH stands before.
    with: bool,
    /// The next word is such a name.
    expects_own: bool,
    /// The word or name before, if it was one.
    last: Option<String>,
    /// A target is being read: a dot goes on with it.
    in_target: bool,
    /// An operation that changes rows was seen.
    writes: bool,
    /// REPLACE or INSERT in a statement: an operation, unless brackets follow and it is a function.
    pending: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Expects {
    #[default]
    Nothing,
    /// A name, or brackets.
    Target,
}

/// Words that begin an operation wherever they stand alone.
const OPERATIONS: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"];

/// Those of them that change rows.
const WRITES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"];

impl Summary {
    pub(super) fn token(&mut self, token: &Token<'_>) {
        if let Some(word) = self.pending.take()
            && token.kind != Kind::Symbol("(")
        {
            self.operation(&word);
        }
        match token.kind {
            Kind::Word(word) => self.word(word),
            Kind::Name(name) => self.name(name),
            Kind::Symbol(symbol) => self.symbol(symbol),
            Kind::Literal | Kind::Placeholder(_) | Kind::Unclear => {
                self.expects = Expects::Nothing;
                self.last = None;
                self.in_target = false;
            }
        }
    }

    /// The words, and whether the statement changes rows.
    pub(super) fn finish(self) -> (String, bool) {
        (self.out, self.writes)
    }

    fn word(&mut self, word: &str) {
        let last = self.last.replace(word.to_owned()).unwrap_or_default();
        let after = |words: &[&str]| is_one_of(words, &last);
        if !self.begun {
            if self.depth > 0 && !self.out.is_empty() {
                return; // an option of EXPLAIN
            }
            self.writes |= is_one_of(&WRITES, word);
            self.begun = !is_one_of(&EXPLAINING, word);
            self.with = word.eq_ignore_ascii_case("WITH");
            self.defines = is_one_of(
                &[
                    "CREATE", "ALTER", "DROP", "TRUNCATE", "COPY", "LOCK", "REFRESH",
                ],
                word,
            );
            self.expects_own = self.with;
            if !self.with {
                self.add(word);
            }
            self.expects = if is_one_of(&["UPDATE", "CALL", "TABLE", "COPY"], word) {
                Expects::Target
            } else {
                Expects::Nothing
            };
            return;
        }
        if self.expects_own && !word.eq_ignore_ascii_case("RECURSIVE") {
            self.expects_own = false;
            self.own.push(word.to_owned());
            return;
        }
        if self.in_target && self.out.ends_with('.') {
            return self.target(word);
        }
        let new = OPERATIONS
            .iter()
            .any(|operation| operation.eq_ignore_ascii_case(word))
            && !after(&[
                "FOR", "ON", "DO", "KEY", "OR", "AFTER", "BEFORE", "OF", "NO", "INSTEAD",
            ])
            && self.expects == Expects::Nothing
            && !self.defines;
        if new && is_one_of(&["REPLACE", "INSERT"], word) {
            self.pending = Some(word.to_owned());
            return;
        }
        if new {
            return self.operation(word);
        }
        match () {
            () if is_one_of(&["FROM", "JOIN", "INTO", "USING"], word) => self.clause(word, &last),
            () if self.defines && self.definition(word) => {}
            () if self.expects == Expects::Target => {
                if !is_one_of(
                    &[
                        "ONLY",
                        "LATERAL",
                        "IF",
                        "NOT",
                        "EXISTS",
                        "IGNORE",
                        "LOW_PRIORITY",
                        "OR",
                        "ROLLBACK",
                        "ABORT",
                        "FAIL",
                    ],
                    word,
                ) {
                    self.target(word);
                }
            }
            () if is_one_of(
                &[
                    "WHERE",
                    "GROUP",
                    "ORDER",
                    "SET",
                    "HAVING",
                    "LIMIT",
                    "UNION",
                    "RETURNING",
                    "ON",
                    "VALUES",
                ],
                word,
            ) =>
            {
                self.from_depth = None;
                self.in_target = false;
            }
            () => self.in_target = false,
        }
    }

    fn operation(&mut self, word: &str) {
        if self.calls.last() == Some(&self.depth) {
            self.calls.pop();
        }
        self.writes |= is_one_of(&WRITES, word);
        self.with &= self.depth > 0;
        self.add(word);
        self.from_depth = None;
        self.in_target = false;
        self.expects = if word.eq_ignore_ascii_case("UPDATE") {
            Expects::Target
        } else {
            Expects::Nothing
        };
    }

    fn clause(&mut self, word: &str, last: &str) {
        let in_call = self.calls.last() == Some(&self.depth);
        self.in_target = false;
        if in_call
            || is_one_of(&["DISTINCT", "NOT"], last)
            || (word.eq_ignore_ascii_case("USING") && !self.out.contains("MERGE"))
        {
            return;
        }
        self.expects = Expects::Target;
        self.from_depth = word.eq_ignore_ascii_case("FROM").then_some(self.depth);
    }

    /// What a definition is about, then its name. True if the word was part of that.
    fn definition(&mut self, word: &str) -> bool {
        const ABOUT: [&str; 13] = [
            "AGGREGATE",
            "DOMAIN",
            "EXTENSION",
            "INDEX",
            "POLICY",
            "ROLE",
            "SCHEMA",
            "SEQUENCE",
            "TABLE",
            "TRIGGER",
            "TYPE",
            "USER",
            "VIEW",
        ];
        if is_one_of(&ABOUT, word) && self.expects == Expects::Nothing {
            self.add(word);
            self.expects = Expects::Target;
            return true;
        }
        if self.expects == Expects::Nothing
            || is_one_of(&["IF", "NOT", "EXISTS", "CONCURRENTLY", "ONLY"], word)
        {
            return true;
        }
        self.defines = false;
        self.target(word);
        true
    }

    fn name(&mut self, name: &str) {
        self.last = Some(name.to_owned());
        if self.expects == Expects::Target || (self.in_target && self.out.ends_with('.')) {
            self.defines = false;
            self.target(name);
        } else {
            self.in_target = false;
        }
    }

    fn target(&mut self, name: &str) {
        self.expects = Expects::Nothing;
        if self.own.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            self.in_target = false;
            return;
        }
        if self.in_target && self.out.ends_with('.') {
            self.append(name);
        } else {
            self.add(name);
        }
        self.in_target = !self.full;
    }

    fn symbol(&mut self, symbol: &str) {
        let last = self.last.take();
        match symbol {
            "(" => {
                self.depth += 1;
                let operand = last.as_deref().is_some_and(|last| {
                    !is_one_of(
                        &[
                            "FROM", "JOIN", "IN", "EXISTS", "AS", "VALUES", "AND", "OR", "ON",
                            "WHERE", "SELECT", "NOT", "ANY", "ALL", "INTO",
                        ],
                        last,
                    )
                });
                if operand && !self.in_target {
                    self.calls.push(self.depth);
                }
                self.expects = Expects::Nothing;
                self.in_target = false;
            }
            ")" => {
                if self.calls.last() == Some(&self.depth) {
                    self.calls.pop();
                }
                self.depth = self.depth.saturating_sub(1);
                self.in_target = false;
            }
            "," => {
                self.in_target = false;
                self.expects_own = self.with && self.depth == 0;
                if self.from_depth == Some(self.depth) {
                    self.expects = Expects::Target;
                }
            }
            "." if self.in_target => self.append("."),
            ";" => {
                let (out, full, writes) = (std::mem::take(&mut self.out), self.full, self.writes);
                *self = Self {
                    out,
                    full,
                    writes,
                    ..Self::default()
                };
            }
            _ => self.in_target = false,
        }
    }

    fn add(&mut self, word: &str) {
        let space = usize::from(!self.out.is_empty());
        if self.full || self.out.len() + space + word.len() > MAX {
            self.full = true;
            return;
        }
        if space > 0 {
            self.out.push(' ');
        }
        self.out.push_str(word);
    }

    fn append(&mut self, piece: &str) {
        if self.full || self.out.len() + piece.len() > MAX {
            self.full = true;
            return;
        }
        self.out.push_str(piece);
    }
}
