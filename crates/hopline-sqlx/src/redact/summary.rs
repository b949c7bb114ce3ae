//! The summary of a statement: its operations and targets, `db.query.summary`.

use crate::redact::keyword::Keyword;
use crate::redact::token::{Token, TokenKind};

/// The length of a summary in bytes, as the semantic conventions limit it. Names are never cut.
const MAX: usize = 255;

/// The number of names defined by WITH that are distinguished from tables. Further ones count as tables.
const MAX_OWN: usize = 32;

/// Writes operations and targets in the order of the text. Receives only tokens that the text keeps.
pub(super) struct SummaryWriter<'a> {
    out: String,
    /// The limit is reached.
    full: bool,
    /// The offset of the last added word, including the space before it.
    added: usize,
    statement: StatementState<'a>,
    /// An operation that changes rows occurred.
    writes: bool,
    /// The number of statements so far.
    statements: usize,
    /// One of them is a CALL.
    calls: bool,
}

/// The state of the current statement.
#[derive(Default)]
struct StatementState<'a> {
    /// The first word was read.
    begun: bool,
    /// The next word is a target.
    expects_target: bool,
    /// The number of open brackets.
    depth: usize,
    /// The depth of the current FROM clause, in which a comma is followed by another target.
    from: Option<usize>,
    /// A bit for each depth up to 63: the brackets belong to a function, whose FROM has no target.
    functions: u64,
    /// The last operation. USING names a target in some operations.
    operation: Option<Keyword>,
    /// A definition (CREATE, ALTER, DROP …) whose object is not yet named.
    defines: bool,
    /// Names defined by WITH.
    own: Vec<&'a str>,
    /// In the WITH clause, before the operation.
    with: bool,
    /// The next word is a name defined by WITH.
    expects_own: bool,
    /// The previous token, if it is a word.
    last: Option<Keyword>,
    /// The previous token is part of a target, which a dot continues.
    in_target: bool,
    /// REPLACE or INSERT inside a statement: an operation, unless a bracket follows and it is a function.
    pending: Option<(&'a str, Keyword)>,
}

/// The summary, and facts about the statement that were found on the way.
pub(super) struct Outline {
    pub(super) summary: String,
    /// An operation changes rows.
    pub(super) writes: bool,
    /// The number of statements.
    pub(super) statements: usize,
    /// The text is a single CALL.
    pub(super) calls: bool,
}

impl<'a> SummaryWriter<'a> {
    /// Writes into `out`, whose memory is reused.
    pub(super) fn new(mut out: String) -> Self {
        out.clear();
        Self {
            out,
            full: false,
            added: 0,
            statement: StatementState::default(),
            writes: false,
            statements: 0,
            calls: false,
        }
    }

    /// Reads a token.
    pub(super) fn token(&mut self, token: &Token<'a>) {
        if let Some((text, word)) = self.statement.pending.take()
            && token.kind != TokenKind::Symbol("(")
        {
            self.operation(text, word);
        }
        match token.kind {
            TokenKind::Word(text, word) => self.word(text, word),
            TokenKind::Name(name) => self.name(name),
            TokenKind::Symbol(symbol) => self.symbol(symbol),
            TokenKind::Literal
            | TokenKind::Placeholder(_)
            | TokenKind::Sign(_)
            | TokenKind::Unclear => {
                self.statement.expects_target = false;
                self.statement.last = None;
                self.statement.in_target = false;
            }
        }
    }

    pub(super) fn finish(self) -> Outline {
        Outline {
            summary: self.out,
            writes: self.writes,
            statements: self.statements,
            calls: self.calls && self.statements == 1,
        }
    }

    fn word(&mut self, text: &'a str, word: Keyword) {
        let last = self.statement.last.replace(word);
        if !self.statement.begun {
            return self.first_word(text, word);
        }
        if self.statement.expects_own && word != Keyword::Recursive {
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
            if matches!(word, Keyword::Replace | Keyword::Insert) {
                self.statement.pending = Some((text, word));
            } else {
                self.operation(text, word);
            }
            return;
        }
        if matches!(
            word,
            Keyword::From | Keyword::Join | Keyword::Into | Keyword::Using
        ) {
            self.clause(word, last);
        } else if self.statement.defines {
            self.definition(text, word);
        } else if self.statement.expects_target {
            let passed_over =
                matches!(
                    word,
                    Keyword::Abort
                        | Keyword::Exists
                        | Keyword::Fail
                        | Keyword::If
                        | Keyword::Ignore
                        | Keyword::Lateral
                        | Keyword::Not
                        | Keyword::Only
                        | Keyword::Or
                        | Keyword::Replace
                        | Keyword::Rollback
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
                Keyword::Conflict
                    | Keyword::Group
                    | Keyword::Having
                    | Keyword::Key
                    | Keyword::Limit
                    | Keyword::Order
                    | Keyword::Returning
                    | Keyword::Set
                    | Keyword::Union
                    | Keyword::Values
                    | Keyword::Where
            );
            if ends_from {
                self.statement.from = None;
            }
        }
    }

    fn first_word(&mut self, text: &'a str, word: Keyword) {
        let statement = &mut self.statement;
        let explained = statement.operation.is_some();
        if explained && statement.depth > 0 && (word.explains() || !word.begins_kept()) {
            return; // an option of EXPLAIN
        }
        self.statements += usize::from(!explained);
        self.writes |= word.writes();
        statement.begun = !word.explains();
        // a described table may have a qualified name, as the target of an explained statement
        statement.in_target = explained && statement.begun && !word.begins_kept();
        statement.operation = Some(word);
        statement.with = word == Keyword::With;
        statement.expects_own = statement.with;
        statement.defines = matches!(
            word,
            Keyword::Alter
                | Keyword::Create
                | Keyword::Drop
                | Keyword::Lock
                | Keyword::Refresh
                | Keyword::Truncate
        );
        statement.expects_target = matches!(
            word,
            Keyword::Call
                | Keyword::Copy
                | Keyword::Insert
                | Keyword::Lock
                | Keyword::Replace
                | Keyword::Table
                | Keyword::Truncate
                | Keyword::Update
        );
        statement.from = (word == Keyword::Update).then_some(statement.depth);
        self.calls |= word == Keyword::Call;
        let is_option = word.explains()
            && !matches!(
                word,
                Keyword::Analyse
                    | Keyword::Analyze
                    | Keyword::Desc
                    | Keyword::Describe
                    | Keyword::Explain
            );
        if !(statement.with || is_option) {
            self.add(text);
        }
    }

    fn begins_operation(&self, word: Keyword, last: Option<Keyword>) -> bool {
        let part_of_clause = matches!(
            last,
            Some(
                Keyword::After
                    | Keyword::Before
                    | Keyword::Do
                    | Keyword::Instead
                    | Keyword::Key
                    | Keyword::No
                    | Keyword::Of
                    | Keyword::On
                    | Keyword::Or
                    | Keyword::Then
            )
        );
        let locks = last == Some(Keyword::For) && word == Keyword::Update;
        word.is_operation()
            && !part_of_clause
            && !locks
            && !self.statement.expects_target
            && !self.statement.defines
    }

    fn operation(&mut self, text: &str, word: Keyword) {
        self.writes |= word.writes();
        let depth = self.statement.depth;
        self.statement.functions &= !bit(depth);
        self.statement.with &= depth > 0;
        self.statement.operation = Some(word);
        self.statement.from = (word == Keyword::Update).then_some(depth);
        self.statement.in_target = false;
        self.statement.expects_target =
            matches!(word, Keyword::Insert | Keyword::Replace | Keyword::Update);
        self.add(text);
    }

    fn clause(&mut self, word: Keyword, last: Option<Keyword>) {
        let statement = &mut self.statement;
        let in_function = statement.functions & bit(statement.depth) != 0;
        statement.in_target = false;
        let joins = word == Keyword::Using
            && !matches!(statement.operation, Some(Keyword::Merge | Keyword::Delete));
        if in_function || joins || matches!(last, Some(Keyword::Distinct | Keyword::Not)) {
            return;
        }
        statement.expects_target = true;
        match word {
            Keyword::From | Keyword::Using => statement.from = Some(statement.depth),
            Keyword::Into => statement.from = None,
            _ => {}
        }
    }

    /// Reads the kind of object of a definition, then its name.
    fn definition(&mut self, text: &str, word: Keyword) {
        let about = word.is_plain_object()
            || word.is_bodied_object()
            || matches!(word, Keyword::Database | Keyword::Role | Keyword::User);
        // TABLE is optional in these
        let optional = matches!(
            self.statement.operation,
            Some(Keyword::Lock | Keyword::Truncate)
        ) && (word == Keyword::Table || is_one_of(&["TABLES"], text));
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
                            Keyword::Array
                                | Keyword::Exists
                                | Keyword::Into
                                | Keyword::Join
                                | Keyword::Lateral
                                | Keyword::Union
                                | Keyword::With
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
            ";" => self.statement = StatementState::default(),
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
            // drop the whole name rather than cut it
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

/// Compares case-insensitively, for words that are keywords here only.
fn is_one_of(words: &[&str], text: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(text))
}

/// The bit of a depth. 0 beyond 63.
fn bit(depth: usize) -> u64 {
    u32::try_from(depth)
        .ok()
        .and_then(|depth| 1_u64.checked_shl(depth))
        .unwrap_or(0)
}
