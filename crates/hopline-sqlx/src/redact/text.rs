//! The text that is kept.

use crate::redact::lexer::{Kind, Token};
use crate::redact::lists::{Edit, List, Lists};
use crate::redact::words::Word;

/// Bytes of text that are kept at most.
const MAX_OUTPUT: usize = 4 * 1024;

/// What becomes of the text with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Kept,
    /// Nothing is kept any more.
    Cut,
}

pub(super) struct Text<'m> {
    out: String,
    statement: Statement,
    last: Last,
    lists: &'m mut Lists,
    /// Where signs begin that belong to a value if one follows, and whether a space stood before them.
    sign: Option<(usize, bool)>,
    /// CREATE, ALTER or DROP, while that matters.
    verb: Word,
    /// Brackets that are open in the options of EXPLAIN.
    options: usize,
    /// Brackets that are open in the query that COPY is given.
    copied: usize,
    /// No statement was seen that does more than read and write rows.
    data: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statement {
    /// The next word says what it is.
    New,
    /// Behind EXPLAIN and the like, whose options may stand in brackets: the next word outside of them is one more
    /// option, the statement, or a table.
    Explains,
    /// CREATE, ALTER or DROP: the next word says of what.
    Defines,
    /// The same for a virtual table, whose module is the last that is kept.
    Virtual,
    /// A definition is kept, its clauses watched.
    Definition,
    /// BEGIN or START: nothing but how.
    Begins,
    /// A name, perhaps with a qualifier, is the last that is kept.
    Named,
    /// That name was seen; a dot goes on with it.
    NameSeen,
    /// COPY: the statement in brackets, or a table.
    Copies,
    /// What follows is not kept.
    Closed,
    Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Word(Word),
    Literal,
    Dot,
    /// The sign between a clause and its secret.
    Assigns,
    Other,
}

impl<'m> Text<'m> {
    /// Writes into this text, whose memory is used again, as that of the lists is.
    pub(super) fn new(mut out: String, lists: &'m mut Lists, sql: &str) -> Self {
        out.clear();
        lists.clear();
        out.reserve(sql.len().min(MAX_OUTPUT) + MARK.len() + 1);
        Self {
            out,
            statement: Statement::New,
            last: Last::Other,
            lists,
            sign: None,
            verb: Word::Any,
            options: 0,
            copied: 0,
            data: true,
        }
    }

    /// True if all statements so far read and write rows and do nothing else.
    pub(super) fn is_data(&self) -> bool {
        self.data
    }

    pub(super) fn token(&mut self, token: &Token<'_>) -> Verdict {
        if self.out.len() + 1 + token.len() > MAX_OUTPUT {
            return Verdict::Cut;
        }
        if self.statement == Statement::Closed && token.kind != Kind::Symbol(";") {
            return Verdict::Cut;
        }
        if self.statement == Statement::NameSeen
            && !matches!(token.kind, Kind::Symbol("." | ";"))
            && self.last != Last::Dot
        {
            return Verdict::Cut;
        }
        let goes_on = matches!(token.kind, Kind::Symbol("(" | "," | ")"))
            || matches!(token.kind, Kind::Word(_, Word::Row));
        if !goes_on {
            self.end_rows();
        }
        let verdict = match token.kind {
            Kind::Unclear => Verdict::Cut,
            Kind::Word(text, word) => self.word(text, word, token.spaced),
            Kind::Name(name) => self.name(name, token.spaced),
            Kind::Literal => self.literal(token.spaced),
            Kind::Placeholder(marker) => {
                let at = self.put(marker, token.spaced);
                if self.sign.is_some() {
                    self.lists.other(at, "");
                }
                self.lists.value(at);
                self.last = Last::Other;
                self.unless_outside_of_brackets()
            }
            Kind::Sign(sign) => {
                let at = self.out.len();
                self.put(sign, token.spaced);
                self.sign.get_or_insert((at, token.spaced));
                self.last = Last::Other;
                return self.unless_outside_of_brackets();
            }
            Kind::Symbol(symbol) => self.symbol(symbol, token.spaced),
        };
        self.sign = None;
        verdict
    }

    /// Says that something is missing here.
    pub(super) fn cut(&mut self) {
        self.end_rows();
        self.put(MARK, true);
    }

    pub(super) fn finish(mut self) -> String {
        self.end_rows();
        self.out.truncate(self.out.trim_end().len());
        self.out
    }

    fn word(&mut self, text: &str, word: Word, spaced: bool) -> Verdict {
        let last = std::mem::replace(&mut self.last, Last::Word(word));
        match self.statement {
            Statement::New => return self.first_word(text, word, spaced),
            Statement::Explains => return self.explained(text, word, spaced),
            Statement::Defines => return self.defined(text, word, spaced),
            Statement::Named => {
                self.put(text, spaced);
                if !word.is_before_object_name() {
                    self.statement = Statement::NameSeen;
                }
                return Verdict::Kept;
            }
            Statement::Copies => {
                self.statement = Statement::NameSeen;
                self.put(text, spaced);
                return Verdict::Kept;
            }
            Statement::Begins if !word.begins_transaction() => return Verdict::Cut,
            Statement::Virtual if word == Word::Using => self.statement = Statement::Named,
            Statement::Definition if is_secret_clause(last, word) => return Verdict::Cut,
            Statement::Definition if word == Word::Select => self.statement = Statement::Known,
            _ => {}
        }
        let truth = matches!(word, Word::True | Word::False) && last != Last::Word(Word::Is);
        if truth {
            let at = self.put("?", spaced);
            self.lists.value(at);
            return Verdict::Kept;
        }
        let at = self.put(text, spaced);
        match word {
            Word::Null | Word::Default => self.lists.value(at),
            Word::Row if self.lists.begins_item() => {}
            _ => self.lists.other(at, text),
        }
        if word == Word::Not && last == Last::Word(Word::Is) {
            self.last = last;
        }
        if matches!(word, Word::Values | Word::Value) {
            self.lists.begin_rows(self.out.len());
        }
        Verdict::Kept
    }

    fn first_word(&mut self, text: &str, word: Word, spaced: bool) -> Verdict {
        let at = self.put(text, spaced);
        self.lists.other(at, text);
        self.verb = word;
        self.data &= word.is_data();
        self.statement = match word {
            Word::Copy => Statement::Copies,
            Word::Explain | Word::Analyze | Word::Analyse | Word::Describe | Word::Desc => {
                Statement::Explains
            }
            Word::Create | Word::Alter | Word::Drop => Statement::Defines,
            Word::Begin | Word::Start => Statement::Begins,
            Word::Values => {
                self.lists.begin_rows(self.out.len());
                Statement::Known
            }
            word if word.begins_kept() => Statement::Known,
            _ => Statement::Closed,
        };
        Verdict::Kept
    }

    fn explained(&mut self, text: &str, word: Word, spaced: bool) -> Verdict {
        let option = word.explains() || (self.options > 0 && !word.begins_kept());
        if option {
            self.put(text, spaced);
            return Verdict::Kept;
        }
        if word.begins_kept() {
            return self.first_word(text, word, spaced);
        }
        self.put(text, spaced);
        self.statement = Statement::NameSeen;
        Verdict::Kept
    }

    fn defined(&mut self, text: &str, word: Word, spaced: bool) -> Verdict {
        self.put(text, spaced);
        let drops = self.verb == Word::Drop;
        self.statement = match word {
            Word::Virtual => {
                // said of what follows, which is a table
                self.verb = Word::Virtual;
                Statement::Defines
            }
            word if word.is_modifier() => Statement::Defines,
            Word::Table if self.verb == Word::Virtual => Statement::Virtual,
            Word::Database if self.verb == Word::Alter => Statement::Named,
            Word::Database => Statement::Definition,
            word if word.is_plain_object() => Statement::Definition,
            word if word.is_bodied_object() || matches!(word, Word::User | Word::Role) => {
                match (drops, word.is_bodied_object()) {
                    (true, _) => Statement::Definition,
                    (false, true) => Statement::Named,
                    (false, false) => Statement::Closed,
                }
            }
            _ => Statement::Closed,
        };
        Verdict::Kept
    }

    fn name(&mut self, name: &str, spaced: bool) -> Verdict {
        let secret =
            self.statement == Statement::Definition && is_secret_clause(self.last, Word::Any);
        if secret || self.statement == Statement::Begins {
            return Verdict::Cut;
        }
        let at = self.put(name, spaced);
        self.lists.other(at, name);
        self.last = Last::Other;
        match self.statement {
            Statement::Named | Statement::Copies | Statement::Explains => {
                self.statement = Statement::NameSeen;
            }
            // no word says what it is
            Statement::New | Statement::Defines => {
                self.data = false;
                self.statement = Statement::Closed;
            }
            _ => {}
        }
        Verdict::Kept
    }

    fn literal(&mut self, spaced: bool) -> Verdict {
        if self.last == Last::Literal && self.sign.is_none() {
            // strings that follow each other are one
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

    /// Options in brackets, and what a statement begins with, hold values and operators; else no word said yet what
    /// this is.
    fn unless_outside_of_brackets(&mut self) -> Verdict {
        match self.statement {
            Statement::New | Statement::Defines | Statement::Named | Statement::Copies => {
                self.statement = Statement::Closed;
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
                let list = if last == Last::Word(Word::Array) {
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
                self.statement = Statement::New;
                self.lists.clear();
                (self.options, self.copied) = (0, 0);
            }
            "," => {
                let edit = self.lists.comma(self.out.len());
                self.edit(edit);
                self.put(",", spaced);
            }
            _ => {
                if self.statement == Statement::Begins {
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
            Last::Word(Word::In) => List::Set,
            _ if self.lists.begins_item() => List::Row,
            _ => List::No,
        };
        self.put("(", spaced);
        self.lists.open(list, self.out.len());
        if self.copied > 0 {
            self.copied += 1;
        }
        match self.statement {
            Statement::Explains => self.options += 1,
            Statement::Copies => {
                self.copied = 1;
                self.statement = Statement::New;
            }
            Statement::Named | Statement::Defines | Statement::Begins => {
                self.statement = Statement::Closed;
            }
            _ => {}
        }
    }

    fn close(&mut self, symbol: &str, spaced: bool) {
        let edit = self.lists.close();
        let shortened = edit != Edit::Stay;
        self.edit(edit);
        self.put(symbol, spaced && !shortened);
        if self.statement == Statement::Explains {
            self.options = self.options.saturating_sub(1);
        }
        if self.copied > 0 && symbol == ")" {
            self.copied -= 1;
            if self.copied == 0 {
                self.statement = Statement::Closed;
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

    /// Something other than one more row follows.
    #[inline]
    fn end_rows(&mut self) {
        if !self.lists.in_rows() {
            return;
        }
        let edit = self.lists.end_row();
        self.edit(edit);
        self.lists.end_rows();
    }

    /// Answers where it begins.
    fn put(&mut self, piece: &str, spaced: bool) -> usize {
        if spaced && !matches!(self.out.as_bytes().last(), None | Some(b' ')) {
            self.out.push(' ');
        }
        let at = self.out.len();
        self.out.push_str(piece);
        at
    }
}

/// `PASSWORD abc` and `PASSWORD = abc`, where `password TEXT` is a column.
fn is_secret_clause(last: Last, word: Word) -> bool {
    match last {
        Last::Word(last) => last.is_secretive() && !word.follows_column(),
        last => last == Last::Assigns,
    }
}

/// What stands for all that is not kept.
const MARK: &str = "?…";
