//! The redacted text, `db.query.text`. The state machine of a statement, [`Phase`], decides which tokens are kept.

use crate::redact::keyword::Keyword;
use crate::redact::lists::{Edit, List, Lists};
use crate::redact::token::{Token, TokenKind};

/// The length of redacted text, in bytes.
const MAX_OUTPUT: usize = 4 * 1024;

/// The effect of a token on the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The token was written, or merged with another.
    Kept,
    /// The text ends before this token.
    Cut,
}

/// Writes the redacted text, token by token.
pub(super) struct TextWriter<'m> {
    out: String,
    phase: Phase,
    last: Last,
    lists: &'m mut Lists,
    /// The offset of signs that belong to a value if one follows, and whether a space precedes them.
    sign: Option<(usize, bool)>,
    /// The first word of a definition: CREATE, ALTER or DROP.
    verb: Keyword,
    /// The number of open brackets in the options of EXPLAIN.
    options: usize,
    /// The number of open brackets in the query of COPY.
    copied: usize,
    /// All statements so far only read and write rows.
    data: bool,
}

/// The position in the grammar of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the first word.
    New,
    /// After EXPLAIN or DESCRIBE, and their options, which may be in brackets: another option, the statement or a table
    /// follows.
    Explains,
    /// After CREATE, ALTER or DROP: the kind of object follows.
    Defines,
    /// In the definition of a virtual table, which is kept up to the name of its module.
    Virtual,
    /// In a definition that is kept, unless a clause contains a secret.
    Definition,
    /// After BEGIN or START: only options are kept.
    Begins,
    /// Before a name, possibly qualified, after which the text ends.
    Named,
    /// After that name; a dot continues it.
    NameSeen,
    /// After COPY: a query in brackets or a table follows.
    Copies,
    /// No further token is kept.
    Closed,
    /// In a statement whose tokens are all kept.
    Known,
}

/// The previous token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Word(Keyword),
    Literal,
    Dot,
    /// The equals sign between a clause and its secret.
    Assigns,
    Other,
}

impl<'m> TextWriter<'m> {
    /// Writes into `out`, whose memory is reused, as that of `lists` is.
    pub(super) fn new(mut out: String, lists: &'m mut Lists, sql: &str) -> Self {
        out.clear();
        lists.clear();
        out.reserve(sql.len().min(MAX_OUTPUT) + MARK.len() + 1);
        Self {
            out,
            phase: Phase::New,
            last: Last::Other,
            lists,
            sign: None,
            verb: Keyword::Any,
            options: 0,
            copied: 0,
            data: true,
        }
    }

    /// Returns true if all statements so far only read and write rows.
    pub(super) fn is_data(&self) -> bool {
        self.data
    }

    /// Writes a token, or decides that the text ends here.
    pub(super) fn token(&mut self, token: &Token<'_>) -> Verdict {
        if self.out.len() + 1 + token.len() > MAX_OUTPUT {
            return Verdict::Cut;
        }
        if self.phase == Phase::Closed && token.kind != TokenKind::Symbol(";") {
            return Verdict::Cut;
        }
        if self.phase == Phase::NameSeen
            && !matches!(token.kind, TokenKind::Symbol("." | ";"))
            && self.last != Last::Dot
        {
            return Verdict::Cut;
        }
        let continues_rows = matches!(token.kind, TokenKind::Symbol("(" | "," | ")"))
            || matches!(token.kind, TokenKind::Word(_, Keyword::Row));
        if !continues_rows {
            self.end_rows();
        }
        let verdict = match token.kind {
            TokenKind::Unclear => Verdict::Cut,
            TokenKind::Word(text, word) => self.word(text, word, token.spaced),
            TokenKind::Name(name) => self.name(name, token.spaced),
            TokenKind::Literal => self.literal(token.spaced),
            TokenKind::Placeholder(marker) => {
                let at = self.put(marker, token.spaced);
                if self.sign.is_some() {
                    self.lists.other(at, "");
                }
                self.lists.value(at);
                self.last = Last::Other;
                self.unless_outside_of_brackets()
            }
            TokenKind::Sign(sign) => {
                let at = self.out.len();
                self.put(sign, token.spaced);
                self.sign.get_or_insert((at, token.spaced));
                self.last = Last::Other;
                return self.unless_outside_of_brackets();
            }
            TokenKind::Symbol(symbol) => self.symbol(symbol, token.spaced),
        };
        self.sign = None;
        verdict
    }

    /// Marks that the rest of the statement is omitted.
    pub(super) fn cut(&mut self) {
        self.end_rows();
        self.put(MARK, true);
    }

    /// The finished text.
    pub(super) fn finish(mut self) -> String {
        self.end_rows();
        self.out.truncate(self.out.trim_end().len());
        self.out
    }

    fn word(&mut self, text: &str, word: Keyword, spaced: bool) -> Verdict {
        let last = std::mem::replace(&mut self.last, Last::Word(word));
        match self.phase {
            Phase::New => return self.first_word(text, word, spaced),
            Phase::Explains => return self.explained(text, word, spaced),
            Phase::Defines => return self.defined(text, word, spaced),
            Phase::Named => {
                self.put(text, spaced);
                if !word.is_before_object_name() {
                    self.phase = Phase::NameSeen;
                }
                return Verdict::Kept;
            }
            Phase::Copies => {
                self.phase = Phase::NameSeen;
                self.put(text, spaced);
                return Verdict::Kept;
            }
            Phase::Begins if !word.begins_transaction() => return Verdict::Cut,
            Phase::Virtual if word == Keyword::Using => self.phase = Phase::Named,
            Phase::Definition if is_secret_clause(last, word) => return Verdict::Cut,
            Phase::Definition if word == Keyword::Select => self.phase = Phase::Known,
            _ => {}
        }
        let truth =
            matches!(word, Keyword::True | Keyword::False) && last != Last::Word(Keyword::Is);
        if truth {
            let at = self.put("?", spaced);
            self.lists.value(at);
            return Verdict::Kept;
        }
        let at = self.put(text, spaced);
        match word {
            Keyword::Null | Keyword::Default => self.lists.value(at),
            Keyword::Row if self.lists.begins_item() => {}
            _ => self.lists.other(at, text),
        }
        if word == Keyword::Not && last == Last::Word(Keyword::Is) {
            self.last = last;
        }
        if matches!(word, Keyword::Values | Keyword::Value) {
            self.lists.begin_rows(self.out.len());
        }
        Verdict::Kept
    }

    fn first_word(&mut self, text: &str, word: Keyword, spaced: bool) -> Verdict {
        let at = self.put(text, spaced);
        self.lists.other(at, text);
        self.verb = word;
        self.data &= word.is_data();
        self.phase = match word {
            Keyword::Copy => Phase::Copies,
            Keyword::Explain
            | Keyword::Analyze
            | Keyword::Analyse
            | Keyword::Describe
            | Keyword::Desc => Phase::Explains,
            Keyword::Create | Keyword::Alter | Keyword::Drop => Phase::Defines,
            Keyword::Begin | Keyword::Start => Phase::Begins,
            Keyword::Values => {
                self.lists.begin_rows(self.out.len());
                Phase::Known
            }
            word if word.begins_kept() => Phase::Known,
            _ => Phase::Closed,
        };
        Verdict::Kept
    }

    fn explained(&mut self, text: &str, word: Keyword, spaced: bool) -> Verdict {
        let option = word.explains() || (self.options > 0 && !word.begins_kept());
        if option {
            self.put(text, spaced);
            return Verdict::Kept;
        }
        if word.begins_kept() {
            return self.first_word(text, word, spaced);
        }
        self.put(text, spaced);
        self.phase = Phase::NameSeen;
        Verdict::Kept
    }

    fn defined(&mut self, text: &str, word: Keyword, spaced: bool) -> Verdict {
        self.put(text, spaced);
        let drops = self.verb == Keyword::Drop;
        self.phase = match word {
            Keyword::Virtual => {
                // the kind of object, TABLE, follows
                self.verb = Keyword::Virtual;
                Phase::Defines
            }
            word if word.is_modifier() => Phase::Defines,
            Keyword::Table if self.verb == Keyword::Virtual => Phase::Virtual,
            Keyword::Database if self.verb == Keyword::Alter => Phase::Named,
            Keyword::Database => Phase::Definition,
            word if word.is_plain_object() => Phase::Definition,
            word if word.is_bodied_object() || matches!(word, Keyword::User | Keyword::Role) => {
                match (drops, word.is_bodied_object()) {
                    (true, _) => Phase::Definition,
                    (false, true) => Phase::Named,
                    (false, false) => Phase::Closed,
                }
            }
            _ => Phase::Closed,
        };
        Verdict::Kept
    }

    fn name(&mut self, name: &str, spaced: bool) -> Verdict {
        let secret = self.phase == Phase::Definition && is_secret_clause(self.last, Keyword::Any);
        if secret || self.phase == Phase::Begins {
            return Verdict::Cut;
        }
        let at = self.put(name, spaced);
        self.lists.other(at, name);
        self.last = Last::Other;
        match self.phase {
            Phase::Named | Phase::Copies | Phase::Explains => {
                self.phase = Phase::NameSeen;
            }
            // a statement that begins with a quoted name is unknown
            Phase::New | Phase::Defines => {
                self.data = false;
                self.phase = Phase::Closed;
            }
            _ => {}
        }
        Verdict::Kept
    }

    fn literal(&mut self, spaced: bool) -> Verdict {
        if self.last == Last::Literal && self.sign.is_none() {
            // adjacent strings are one value
            return Verdict::Kept;
        }
        let mut spaced = spaced;
        if let Some((at, before)) = self.sign {
            self.out.truncate(at);
            spaced = before;
        }
        let at = self.put("?", spaced);
        self.lists.value(at);
        self.last = Last::Literal;
        self.unless_outside_of_brackets()
    }

    /// Ends a statement whose kind is still unknown. In brackets, values and operators are options or operands.
    fn unless_outside_of_brackets(&mut self) -> Verdict {
        match self.phase {
            Phase::New | Phase::Defines | Phase::Named | Phase::Copies => {
                self.phase = Phase::Closed;
            }
            _ => {}
        }
        Verdict::Kept
    }

    fn symbol(&mut self, symbol: &str, spaced: bool) -> Verdict {
        let secretive = matches!(self.last, Last::Word(last) if last.is_secretive());
        let next = match symbol {
            "." => Last::Dot,
            "=" if secretive => Last::Assigns,
            _ => Last::Other,
        };
        let last = std::mem::replace(&mut self.last, next);
        match symbol {
            "(" => {
                self.open(last, spaced);
                return Verdict::Kept;
            }
            "[" => {
                let at = self.put("[", spaced);
                let list = if last == Last::Word(Keyword::Array) {
                    List::Set
                } else {
                    List::No
                };
                self.lists.other(at, "[");
                self.lists.open(list, self.out.len());
            }
            ")" | "]" => self.close(symbol, spaced),
            ";" => {
                self.end_rows();
                self.out.truncate(self.out.trim_end().len());
                self.out.push(';');
                self.phase = Phase::New;
                self.lists.clear();
                (self.options, self.copied) = (0, 0);
            }
            "," => {
                let edit = self.lists.comma(self.out.len());
                self.edit(edit);
                self.put(",", spaced);
            }
            _ => {
                if self.phase == Phase::Begins {
                    return Verdict::Cut;
                }
                let at = self.put(symbol, spaced);
                self.lists.other(at, symbol);
            }
        }
        if !matches!(symbol, ";" | "." | ")" | "," | "=") {
            return self.unless_outside_of_brackets();
        }
        Verdict::Kept
    }

    fn open(&mut self, last: Last, spaced: bool) {
        let list = match last {
            Last::Word(Keyword::In) => List::Set,
            _ if self.lists.begins_item() => List::Row,
            _ => List::No,
        };
        self.put("(", spaced);
        self.lists.open(list, self.out.len());
        if self.copied > 0 {
            self.copied += 1;
        }
        match self.phase {
            Phase::Explains => self.options += 1,
            Phase::Copies => {
                self.copied = 1;
                self.phase = Phase::New;
            }
            Phase::Named | Phase::Defines | Phase::Begins => {
                self.phase = Phase::Closed;
            }
            _ => {}
        }
    }

    fn close(&mut self, symbol: &str, spaced: bool) {
        let edit = self.lists.close();
        let shortened = edit != Edit::Stay;
        self.edit(edit);
        self.put(symbol, spaced && !shortened);
        if self.phase == Phase::Explains {
            self.options = self.options.saturating_sub(1);
        }
        if self.copied > 0 && symbol == ")" {
            self.copied -= 1;
            if self.copied == 0 {
                self.phase = Phase::Closed;
            }
        }
    }

    fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Stay => {}
            Edit::Truncate(len) => self.out.truncate(len),
            Edit::Value(len) => {
                self.out.truncate(len);
                self.out.push('?');
            }
        }
    }

    /// Ends the rows of VALUES, before any token that does not continue them.
    #[inline]
    fn end_rows(&mut self) {
        if !self.lists.in_rows() {
            return;
        }
        let edit = self.lists.end_row();
        self.edit(edit);
        self.lists.end_rows();
    }

    /// Appends a piece and returns its offset.
    fn put(&mut self, piece: &str, spaced: bool) -> usize {
        if spaced && !matches!(self.out.as_bytes().last(), None | Some(b' ')) {
            self.out.push(' ');
        }
        let at = self.out.len();
        self.out.push_str(piece);
        at
    }
}

/// Returns true for `PASSWORD abc` and `PASSWORD = abc`, but not for the column `password TEXT`.
fn is_secret_clause(last: Last, word: Keyword) -> bool {
    match last {
        Last::Word(last) => last.is_secretive() && !word.follows_column(),
        last => last == Last::Assigns,
    }
}

/// Marks omitted text.
const MARK: &str = "?…";
