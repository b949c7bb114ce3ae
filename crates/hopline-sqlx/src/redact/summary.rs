//! A statement in a few words.

use crate::redact::lexer::{Kind, Token};
use crate::redact::words::Word;

/// Bytes of a summary at most; names are never cut.
const MAX: usize = 255;

/// Names that WITH defines and that are told from tables; beyond that they count as tables.
const MAX_OWN: usize = 32;

/// Operations and targets, in the order of the text. Sees only tokens that the text keeps.
pub(super) struct Summary<'a> {
    out: String,
    /// Nothing more fits.
    full: bool,
    /// Where the last word that was added begins, with the space before it.
    added: usize,
    statement: Statement<'a>,
    /// An operation that changes rows was seen.
    writes: bool,
    /// How many statements there are, and whether the first is a call.
    statements: usize,
    calls: bool,
}

#[derive(Default)]
struct Statement<'a> {
    /// Its first word was seen.
    begun: bool,
    expects_target: bool,
    /// How many brackets are open.
    depth: usize,
    /// In a FROM clause that began at this depth, a comma is followed by another target.
    from: Option<usize>,
    /// By depth, up to 63: open brackets that belong to a function, whose FROM has no target.
    functions: u64,
    /// The last operation: USING names a target in some.
    operation: Option<Word>,
    /// CREATE and its kin, until what they are about is named.
    defines: bool,
    /// Names that the statement itself defines, with WITH.
    own: Vec<&'a str>,
    /// Before the operation that WITH stands before.
    with: bool,
    /// The next word is such a name.
    expects_own: bool,
    /// The word before, if one was.
    last: Option<Word>,
    /// A target is being read: a dot goes on with it.
    in_target: bool,
    /// REPLACE or INSERT in a statement: an operation, unless brackets follow and it is a function.
    pending: Option<(&'a str, Word)>,
}

/// What a summary says beside its words.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) writes: bool,
    pub(super) statements: usize,
    /// It is one statement, which calls a procedure.
    pub(super) calls: bool,
}

impl<'a> Summary<'a> {
    /// Writes into this text, whose memory is used again.
    pub(super) fn new(mut out: String) -> Self {
        out.clear();
        Self {
            out,
            full: false,
            added: 0,
            statement: Statement::default(),
            writes: false,
            statements: 0,
            calls: false,
        }
    }

    pub(super) fn token(&mut self, token: &Token<'a>) {
        if let Some((text, word)) = self.statement.pending.take()
            && token.kind != Kind::Symbol("(")
        {
            self.operation(text, word);
        }
        match token.kind {
            Kind::Word(text, word) => self.word(text, word),
            Kind::Name(name) => self.name(name),
            Kind::Symbol(symbol) => self.symbol(symbol),
            Kind::Literal | Kind::Placeholder(_) | Kind::Sign(_) | Kind::Unclear => {
                self.statement.expects_target = false;
                self.statement.last = None;
                self.statement.in_target = false;
            }
        }
    }

    pub(super) fn finish(self) -> Said {
        Said {
            text: self.out,
            writes: self.writes,
            statements: self.statements,
            calls: self.calls && self.statements == 1,
        }
    }

    fn word(&mut self, text: &'a str, word: Word) {
        let last = self.statement.last.replace(word);
        if !self.statement.begun {
            return self.first_word(text, word);
        }
        if self.statement.expects_own && word != Word::Recursive {
            self.statement.expects_own = false;
            if self.statement.own.len() < MAX_OWN {
                self.statement.own.push(text);
            }
            return;
        }
        if self.statement.in_target && self.out.ends_with('.') {
            return self.target(text);
        }
        if self.begins_operation(word, last) {
            if matches!(word, Word::Replace | Word::Insert) {
                self.statement.pending = Some((text, word));
            } else {
                self.operation(text, word);
            }
            return;
        }
        if matches!(word, Word::From | Word::Join | Word::Into | Word::Using) {
            self.clause(word, last);
        } else if self.statement.defines {
            self.definition(text, word);
        } else if self.statement.expects_target {
            let passed_over =
                matches!(
                    word,
                    Word::Abort
                        | Word::Exists
                        | Word::Fail
                        | Word::If
                        | Word::Ignore
                        | Word::Lateral
                        | Word::Not
                        | Word::Only
                        | Word::Or
                        | Word::Replace
                        | Word::Rollback
                ) || is_one_of(&["DELAYED", "HIGH_PRIORITY", "LOW_PRIORITY", "QUICK"], text);
            if is_one_of(&["DUMPFILE", "OUTFILE"], text) {
                self.statement.expects_target = false;
            } else if !passed_over {
                self.target(text);
            }
        } else {
            self.statement.in_target = false;
            let ends_from = matches!(
                word,
                Word::Conflict
                    | Word::Group
                    | Word::Having
                    | Word::Key
                    | Word::Limit
                    | Word::Order
                    | Word::Returning
                    | Word::Set
                    | Word::Union
                    | Word::Values
                    | Word::Where
            );
            if ends_from {
                self.statement.from = None;
            }
        }
    }

    fn first_word(&mut self, text: &'a str, word: Word) {
        let statement = &mut self.statement;
        let explained = statement.operation.is_some();
        if explained && statement.depth > 0 && (word.explains() || !word.begins_kept()) {
            return; // an option of EXPLAIN
        }
        self.statements += usize::from(!explained);
        self.writes |= word.writes();
        statement.begun = !word.explains();
        // what is described has a name of parts, as what is explained has a target
        statement.in_target = explained && statement.begun && !word.begins_kept();
        statement.operation = Some(word);
        statement.with = word == Word::With;
        statement.expects_own = statement.with;
        statement.defines = matches!(
            word,
            Word::Alter | Word::Create | Word::Drop | Word::Lock | Word::Refresh | Word::Truncate
        );
        statement.expects_target = matches!(
            word,
            Word::Call
                | Word::Copy
                | Word::Insert
                | Word::Lock
                | Word::Replace
                | Word::Table
                | Word::Truncate
                | Word::Update
        );
        statement.from = (word == Word::Update).then_some(statement.depth);
        self.calls |= word == Word::Call;
        let is_option = word.explains()
            && !matches!(
                word,
                Word::Analyse | Word::Analyze | Word::Desc | Word::Describe | Word::Explain
            );
        if !(statement.with || is_option) {
            self.add(text);
        }
    }

    fn begins_operation(&self, word: Word, last: Option<Word>) -> bool {
        let part_of_clause = matches!(
            last,
            Some(
                Word::After
                    | Word::Before
                    | Word::Do
                    | Word::Instead
                    | Word::Key
                    | Word::No
                    | Word::Of
                    | Word::On
                    | Word::Or
                    | Word::Then
            )
        );
        let locks = last == Some(Word::For) && word == Word::Update;
        word.is_operation()
            && !part_of_clause
            && !locks
            && !self.statement.expects_target
            && !self.statement.defines
    }

    fn operation(&mut self, text: &str, word: Word) {
        self.writes |= word.writes();
        let depth = self.statement.depth;
        self.statement.functions &= !bit(depth);
        self.statement.with &= depth > 0;
        self.statement.operation = Some(word);
        self.statement.from = (word == Word::Update).then_some(depth);
        self.statement.in_target = false;
        self.statement.expects_target = matches!(word, Word::Insert | Word::Replace | Word::Update);
        self.add(text);
    }

    fn clause(&mut self, word: Word, last: Option<Word>) {
        let statement = &mut self.statement;
        let in_function = statement.functions & bit(statement.depth) != 0;
        statement.in_target = false;
        let joins =
            word == Word::Using && !matches!(statement.operation, Some(Word::Merge | Word::Delete));
        if in_function || joins || matches!(last, Some(Word::Distinct | Word::Not)) {
            return;
        }
        statement.expects_target = true;
        match word {
            Word::From | Word::Using => statement.from = Some(statement.depth),
            Word::Into => statement.from = None,
            _ => {}
        }
    }

    /// What a definition is about, then its name.
    fn definition(&mut self, text: &str, word: Word) {
        let about = word.is_plain_object()
            || word.is_bodied_object()
            || matches!(word, Word::Database | Word::Role | Word::User);
        // the word may be left out of these
        let optional = matches!(self.statement.operation, Some(Word::Lock | Word::Truncate))
            && (word == Word::Table || is_one_of(&["TABLES"], text));
        if optional || (about && !self.statement.expects_target) {
            self.add(text);
            self.statement.expects_target = true;
        } else if self.statement.expects_target && !word.is_before_object_name() {
            self.statement.defines = false;
            self.target(text);
        }
    }

    fn name(&mut self, name: &'a str) {
        self.statement.last = None;
        if self.statement.expects_own {
            self.statement.expects_own = false;
            if self.statement.own.len() < MAX_OWN {
                self.statement.own.push(name);
            }
            return;
        }
        if self.statement.expects_target || (self.statement.in_target && self.out.ends_with('.')) {
            self.statement.defines = false;
            self.target(name);
        } else {
            self.statement.in_target = false;
        }
    }

    fn target(&mut self, name: &str) {
        self.statement.expects_target = false;
        let own = |own: &&str| own.eq_ignore_ascii_case(name);
        if self.statement.own.iter().any(own) {
            self.statement.in_target = false;
            return;
        }
        if self.statement.in_target && self.out.ends_with('.') {
            self.append(name);
        } else {
            self.add(name);
        }
        self.statement.in_target = !self.full;
    }

    fn symbol(&mut self, symbol: &str) {
        let statement = &mut self.statement;
        let last = statement.last.take();
        match symbol {
            "(" => {
                statement.depth += 1;
                let operand = last.is_some_and(|last| {
                    !last.is_no_operand()
                        && !matches!(
                            last,
                            Word::Array
                                | Word::Exists
                                | Word::Into
                                | Word::Join
                                | Word::Lateral
                                | Word::Union
                                | Word::With
                        )
                });
                statement.functions &= !bit(statement.depth);
                if operand && !statement.in_target {
                    statement.functions |= bit(statement.depth);
                }
                statement.expects_target = false;
                statement.in_target = false;
            }
            ")" => {
                statement.depth = statement.depth.saturating_sub(1);
                statement.in_target = false;
            }
            "," => {
                statement.in_target = false;
                statement.expects_own = statement.with && statement.depth == 0;
                statement.expects_target |= statement.from == Some(statement.depth);
            }
            "." if statement.in_target => self.append("."),
            ";" => self.statement = Statement::default(),
            _ => statement.in_target = false,
        }
    }

    fn add(&mut self, word: &str) {
        let space = usize::from(!self.out.is_empty());
        if self.full || self.out.len() + space + word.len() > MAX {
            self.full = true;
            return;
        }
        self.added = self.out.len();
        if space > 0 {
            self.out.push(' ');
        }
        self.out.push_str(word);
    }

    fn append(&mut self, piece: &str) {
        if self.out.len() + piece.len() > MAX {
            // a name is left out rather than cut
            self.out.truncate(self.added);
            self.full = true;
        }
        if self.full {
            self.statement.in_target = false;
            return;
        }
        self.out.push_str(piece);
    }
}

/// Case-insensitively, for words that mean nothing anywhere else.
fn is_one_of(words: &[&str], text: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(text))
}

/// Of this depth; none beyond 63.
fn bit(depth: usize) -> u64 {
    u32::try_from(depth)
        .ok()
        .and_then(|depth| 1_u64.checked_shl(depth))
        .unwrap_or(0)
}
