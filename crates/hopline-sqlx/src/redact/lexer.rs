//! The tokens of a statement, by dialect.

use crate::database::Dialect;
use crate::redact::words::{BEFORE_NAME, is_one_of};

/// A piece of a statement; what is a literal has no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    /// Something that is not kept, space or comment, stands before it.
    pub(super) spaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A keyword or a bare name.
    Word(&'a str),
    /// A name in quotes, with them.
    Name(&'a str),
    /// A value; never its text.
    Literal,
    /// A bind marker.
    Placeholder(&'a str),
    /// One or two characters of an operator, a bracket, a comma, …
    Symbol(&'a str),
    /// Not to be told what it is, or not ended.
    Unclear,
}

impl Token<'_> {
    /// Bytes of text that it becomes.
    pub(super) fn len(&self) -> usize {
        match self.kind {
            Kind::Word(text) | Kind::Name(text) | Kind::Placeholder(text) | Kind::Symbol(text) => {
                text.len()
            }
            Kind::Literal | Kind::Unclear => 1,
        }
    }
}

pub(super) struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// What stood before, where that decides what something is.
    before: Before,
    /// The last word, and the one before it.
    words: [&'a str; 2],
    /// Once unclear, all that follows is.
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Operand,
    /// A word behind which a table's name stands, or the dot in a name.
    NameStarts,
    Other,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(sql: &'a str, dialect: Dialect) -> Self {
        Self {
            sql,
            bytes: sql.as_bytes(),
            at: 0,
            dialect,
            before: Before::Other,
            words: [""; 2],
            ended: false,
        }
    }

    pub(super) fn next_token(&mut self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        let start = self.at;
        let clear = self.skip_blank();
        let spaced = self.at > start;
        if clear && self.at >= self.bytes.len() {
            return None;
        }
        let kind = if clear {
            self.kind().unwrap_or(Kind::Unclear)
        } else {
            Kind::Unclear
        };
        self.ended = kind == Kind::Unclear;
        self.before = match kind {
            Kind::Word(word) if self.starts_name(word) => Before::NameStarts,
            Kind::Symbol(".") => Before::NameStarts,
            Kind::Word(word) if is_keyword(word) => Before::Other,
            Kind::Symbol(")" | "]")
            | Kind::Word(_)
            | Kind::Name(_)
            | Kind::Literal
            | Kind::Placeholder(_) => Before::Operand,
            Kind::Symbol(_) | Kind::Unclear => Before::Other,
        };
        if let Kind::Word(word) = kind {
            self.words = [word, self.words[0]];
        }
        Some(Token { kind, spaced })
    }

    /// A table's name stands behind this word: not behind `DISTINCT FROM`, nor an `EXISTS` that asks for rows.
    fn starts_name(&self, word: &str) -> bool {
        let [last, before] = self.words;
        let is = |text: &str, wanted: &str| text.eq_ignore_ascii_case(wanted);
        if is(word, "FROM") {
            return !is(last, "DISTINCT");
        }
        if is(word, "EXISTS") {
            return is(last, "IF") || (is(last, "NOT") && is(before, "IF"));
        }
        is_one_of(&BEFORE_NAME, word)
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Space and comments. False if a comment does not end, or not for certain.
    fn skip_blank(&mut self) -> bool {
        loop {
            match (self.peek(0), self.peek(1)) {
                (b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, _) => self.at += 1,
                // MySQL wants a space behind it, or it is an operator twice
                (b'-', b'-') if self.peek(2) > b' ' && self.dialect == Dialect::MySql => {
                    return true;
                }
                (b'-', b'-') if self.peek(2) > b' ' && self.dialect == Dialect::Other => {
                    return false;
                }
                (b'-', b'-') => {
                    if !self.skip_line() {
                        return false;
                    }
                }
                (b'#', _) if self.dialect == Dialect::MySql => {
                    self.skip_line();
                }
                (b'#', _) if self.dialect == Dialect::Other => return false,
                (b'/', b'*') => {
                    if !self.skip_comment() {
                        return false;
                    }
                }
                _ => return true,
            }
        }
    }

    /// False where it is not certain that the line ends here: a lone carriage return ends one in Postgres only.
    fn skip_line(&mut self) -> bool {
        while self.at < self.bytes.len() && self.peek(0) != b'\n' {
            let lone = self.peek(0) == b'\r' && self.peek(1) != b'\n';
            match self.dialect {
                Dialect::Postgres if lone => return true,
                Dialect::Other if lone => return false,
                _ => self.at += 1,
            }
        }
        true
    }

    fn skip_comment(&mut self) -> bool {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                // nested or not, that is what the dialects differ in
                (b'/', b'*') if self.dialect == Dialect::Other => return false,
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return true;
                    }
                }
                _ if self.at >= self.bytes.len() => return false,
                _ => self.at += 1,
            }
        }
    }

    /// None where it is not clear.
    fn kind(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        match self.peek(0) {
            b'\'' => self.string(b'\'', self.dialect == Dialect::MySql),
            b'"' => self.double_quoted(),
            b'`' if self.dialect != Dialect::Postgres => self.quoted_name(b'`'),
            b'[' if self.dialect == Dialect::Sqlite => {
                self.at += self.bytes[start..].iter().position(|byte| *byte == b']')? + 1;
                Some(Kind::Name(&self.sql[start..self.at]))
            }
            b'0'..=b'9' => Some(self.number()),
            b'.' if self.peek(1).is_ascii_digit() && self.before != Before::Operand => {
                Some(self.number())
            }
            b'$' => self.dollar(),
            b'?' => Some(self.question_mark()),
            b':' if self.peek(1) == b':' || self.peek(1) == b'=' => Some(self.symbol(2)),
            b':' if starts_word(self.peek(1)) || self.is_numbered_marker() => Some(self.marker(1)),
            b'@' if self.dialect != Dialect::Postgres && starts_word(self.peek(1)) => {
                Some(self.marker(1))
            }
            b'@' if self.dialect == Dialect::MySql
                && self.peek(1) == b'@'
                && starts_word(self.peek(2)) =>
            {
                Some(self.marker(2))
            }
            byte if starts_word(byte) => self.word(),
            b'|' if self.peek(1) == b'|' => Some(self.symbol(2)),
            b'(' | b')' | b',' | b';' | b'=' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%'
            | b'|' | b'&' | b'^' | b'!' | b'~' | b'#' | b'@' | b'.' | b':' | b'[' | b']' => {
                Some(self.symbol(1))
            }
            _ => None,
        }
    }

    /// `:1`, which Postgres does not have: there it is a slice's end.
    fn is_numbered_marker(&self) -> bool {
        self.dialect != Dialect::Postgres
            && self.peek(1).is_ascii_digit()
            && self.before != Before::Operand
    }

    fn symbol(&mut self, len: usize) -> Kind<'a> {
        let start = self.at;
        self.at += len;
        Kind::Symbol(&self.sql[start..self.at])
    }

    /// `$1`, `:name`, `@name`, `@@name`: so many bytes, then a word or a number.
    fn marker(&mut self, sign: usize) -> Kind<'a> {
        let start = self.at;
        self.at += sign;
        while continues_word(self.peek(0)) {
            self.at += 1;
        }
        Kind::Placeholder(&self.sql[start..self.at])
    }

    /// A placeholder, or in Postgres an operator of jsonb: kept either way.
    fn question_mark(&mut self) -> Kind<'a> {
        if self.before == Before::Operand {
            return self.symbol(if matches!(self.peek(1), b'|' | b'&') {
                2
            } else {
                1
            });
        }
        let start = self.at;
        self.at += 1;
        while self.dialect != Dialect::Postgres && self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        Kind::Placeholder(&self.sql[start..self.at])
    }

    /// A numbered marker, SQLite's named one, or Postgres' quotes `$tag$ … $tag$`.
    fn dollar(&mut self) -> Option<Kind<'a>> {
        if self.dialect == Dialect::Sqlite && continues_word(self.peek(1)) {
            return Some(self.marker(1));
        }
        if self.peek(1).is_ascii_digit() {
            let start = self.at;
            self.at += 1;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            // what is glued to it is no part of a marker
            return (!continues_word(self.peek(0)))
                .then(|| Kind::Placeholder(&self.sql[start..self.at]));
        }
        if !matches!(self.dialect, Dialect::Postgres | Dialect::Other) {
            return None;
        }
        let name = self.bytes[self.at + 1..]
            .iter()
            .take_while(|byte| continues_word(**byte) && **byte != b'$')
            .count();
        let end = self.at + 1 + name;
        if self.bytes.get(end) != Some(&b'$') {
            return None;
        }
        let tag = &self.sql[self.at..=end];
        let body = self.sql[end + 1..].find(tag)?;
        self.at = end + 1 + body + tag.len();
        Some(Kind::Literal)
    }

    /// A name in Postgres, a string in MySQL, and in SQLite a string where no column has that name.
    fn double_quoted(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        if self.dialect == Dialect::Postgres {
            return self.quoted_name(b'"');
        }
        let literal = self.string(b'"', self.dialect == Dialect::MySql)?;
        let named = self.before == Before::NameStarts || self.peek(0) == b'.';
        if self.dialect == Dialect::Sqlite && named {
            Some(Kind::Name(&self.sql[start..self.at]))
        } else {
            Some(literal)
        }
    }

    fn quoted_name(&mut self, quote: u8) -> Option<Kind<'a>> {
        let start = self.at;
        self.at = self.closing(start + 1, quote, Backslash::Plain)?;
        Some(Kind::Name(&self.sql[start..self.at]))
    }

    /// From the quote at hand. A string that ends in two places, depending on a setting of the server, is unclear.
    fn string(&mut self, quote: u8, escapes: bool) -> Option<Kind<'a>> {
        let open = self.at + 1;
        let plain = || self.closing(open, quote, Backslash::Plain);
        let end = match self.dialect {
            Dialect::Sqlite => plain()?,
            Dialect::MySql | Dialect::Other => {
                let escaped = self.closing(open, quote, Backslash::Escapes)?;
                if plain()? != escaped {
                    return None;
                }
                escaped
            }
            Dialect::Postgres if escapes => self.closing(open, quote, Backslash::Escapes)?,
            Dialect::Postgres => self.closing(open, quote, Backslash::Ambiguous)?,
        };
        self.at = end;
        Some(Kind::Literal)
    }

    /// Behind the closing quote; a doubled quote is a character.
    fn closing(&self, from: usize, quote: u8, backslash: Backslash) -> Option<usize> {
        let mut at = from;
        loop {
            match *self.bytes.get(at)? {
                b'\\' if backslash == Backslash::Escapes => at += 2,
                b'\\' if backslash == Backslash::Ambiguous => {
                    // a quote behind an odd run of backslashes ends the string or not, by a setting that is not seen here
                    let run = self.bytes[at..]
                        .iter()
                        .take_while(|byte| **byte == b'\\')
                        .count();
                    if run % 2 == 1 && self.bytes.get(at + run) == Some(&quote) {
                        return None;
                    }
                    at += run;
                }
                byte if byte == quote && self.bytes.get(at + 1) == Some(&quote) => at += 2,
                byte if byte == quote => return Some(at + 1),
                _ => at += 1,
            }
        }
    }

    /// With whatever letters are glued to it.
    fn number(&mut self) -> Kind<'a> {
        loop {
            let byte = self.peek(0);
            let signed = matches!(byte, b'e' | b'E')
                && matches!(self.peek(1), b'+' | b'-')
                && self.peek(2).is_ascii_digit();
            if signed {
                self.at += 2;
            } else if (continues_word(byte) && byte != b'$')
                || (byte == b'.' && self.peek(1) != b'.')
            {
                self.at += 1;
            } else {
                return Kind::Literal;
            }
        }
    }

    fn word(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        while continues_word(self.peek(0)) {
            self.at += 1;
        }
        let word = &self.sql[start..self.at];
        let prefix = |known: &[&str]| is_one_of(known, word);
        match self.peek(0) {
            b'\'' if prefix(&["E"]) => self.string(b'\'', true),
            b'\''
                if prefix(&["B", "X", "N"])
                    || (word.starts_with('_') && self.dialect == Dialect::MySql) =>
            {
                self.string(b'\'', self.dialect == Dialect::MySql)
            }
            b'&' if prefix(&["U"]) && matches!(self.peek(1), b'\'' | b'"') => {
                self.at += 1;
                if self.peek(0) == b'\'' {
                    return self.string(b'\'', false);
                }
                self.at = self.closing(self.at + 1, b'"', Backslash::Plain)?;
                Some(Kind::Name(&self.sql[start..self.at]))
            }
            _ => Some(Kind::Word(word)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Plain,
    Escapes,
    Ambiguous,
}

/// Words that are no operand, so that what follows them is not behind one.
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 24] = [
        "AND",
        "AS",
        "BETWEEN",
        "BY",
        "CASE",
        "ELSE",
        "HAVING",
        "ILIKE",
        "IN",
        "IS",
        "LIKE",
        "LIMIT",
        "NOT",
        "OFFSET",
        "ON",
        "OR",
        "RETURNING",
        "SELECT",
        "SET",
        "THEN",
        "USING",
        "VALUES",
        "WHEN",
        "WHERE",
    ];
    is_one_of(&KEYWORDS, word)
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}
