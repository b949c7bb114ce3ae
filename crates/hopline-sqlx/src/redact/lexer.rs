//! The tokens of a statement, by dialect.

use crate::database::Dialect;
use crate::redact::places::Places;
use crate::redact::words::Word;

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
    Word(&'a str, Word),
    /// A name in quotes, with them.
    Name(&'a str),
    /// A value; never its text.
    Literal,
    /// A bind marker.
    Placeholder(&'a str),
    /// One or two characters of an operator, a bracket, a comma, …
    Symbol(&'a str),
    /// A `-` or `+` that no operand stands before.
    Sign(&'a str),
    /// Not to be told what it is, or not ended.
    Unclear,
}

impl Token<'_> {
    /// Bytes of text that it becomes.
    pub(super) fn len(&self) -> usize {
        match self.kind {
            Kind::Word(text, _)
            | Kind::Name(text)
            | Kind::Placeholder(text)
            | Kind::Symbol(text)
            | Kind::Sign(text) => text.len(),
            Kind::Literal | Kind::Unclear => 1,
        }
    }
}

pub(super) struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// An operand stands before, so that a sign here is an operator, and a dot no begin of a number.
    behind_operand: bool,
    /// Where names stand, where double quotes may be those of a name or of a string.
    places: Places,
    /// Up to here, brackets are known to hold no quotes.
    unquoted: usize,
    /// Once unclear, all that follows is.
    ended: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(sql: &'a str, dialect: Dialect) -> Self {
        Self {
            sql,
            bytes: sql.as_bytes(),
            at: 0,
            dialect,
            behind_operand: false,
            places: Places::default(),
            unquoted: 0,
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
        self.behind_operand = match kind {
            Kind::Word(_, word) => !word.is_no_operand(),
            Kind::Symbol(symbol) => matches!(symbol, ")" | "]"),
            Kind::Name(_) | Kind::Literal | Kind::Placeholder(_) => true,
            Kind::Sign(_) | Kind::Unclear => false,
        };
        if self.dialect == Dialect::Sqlite {
            self.places.pass(kind);
        }
        Some(Token { kind, spaced })
    }

    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Space and comments. False if a comment does not end, or not for certain.
    #[inline]
    fn skip_blank(&mut self) -> bool {
        if PLAIN[usize::from(self.peek(0))] {
            return true;
        }
        if self.peek(0) == b' ' && PLAIN[usize::from(self.peek(1))] {
            self.at += 1;
            return true;
        }
        loop {
            match (self.peek(0), self.peek(1)) {
                (b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c, _) => self.at += 1,
                (0x80.., _) if blank_len(self.sql, self.at) > 0 => {
                    self.at += blank_len(self.sql, self.at);
                }
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
                // a comment somewhere, an operator elsewhere
                (b'#', _) | (b'/', b'/') if self.dialect == Dialect::Other => return false,
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
        // MySQL runs what stands in `/*! … */` and `/*M! … */`: strings in it may hold the comment's end
        let runs = matches!(self.dialect, Dialect::MySql | Dialect::Other)
            && (self.peek(2) == b'!' || (self.peek(2) == b'M' && self.peek(3) == b'!'));
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                // nested or not, that is what the dialects differ in
                (b'/', b'*') if runs || self.dialect == Dialect::Other => return false,
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return true;
                    }
                }
                (quote @ (b'\'' | b'"' | b'`'), _) if runs => {
                    let plain = self.closing(self.at + 1, quote, Backslash::Plain);
                    let escaped = self.closing(self.at + 1, quote, Backslash::Escapes);
                    match plain {
                        // also as a comment, it does not end in there
                        Some(end) if plain == escaped && !self.sql[self.at..end].contains("*/") => {
                            self.at = end;
                        }
                        _ => return false,
                    }
                }
                (b'#', _) | (b'-', b'-') if runs => return false,
                _ if self.at >= self.bytes.len() => return false,
                _ => self.at += 1,
            }
        }
    }

    /// None where it is not clear.
    fn kind(&mut self) -> Option<Kind<'a>> {
        use Dialect::{MySql, Other, Postgres, Sqlite};
        let start = self.at;
        match self.peek(0) {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'\'' => self.string(b'\'', Escapes::ByDialect),
            b'"' => self.double_quoted(),
            b'`' if self.dialect != Postgres => self.quoted_name(b'`'),
            b'[' if matches!(self.dialect, Sqlite | Other) => self.bracket(),
            b'0'..=b'9' => Some(self.number()),
            b'.' if self.peek(1).is_ascii_digit() && !self.behind_operand => Some(self.number()),
            b'$' => self.dollar(),
            b'?' => Some(self.question_mark()),
            b':' if matches!(self.peek(1), b':' | b'=') => Some(self.symbol(2)),
            b':' if starts_word(self.peek(1)) || self.is_numbered_marker() => Some(self.marker(1)),
            b'@' if self.dialect != Postgres && starts_word(self.peek(1)) => Some(self.marker(1)),
            b'@' if self.dialect == MySql && self.peek(1) == b'@' && starts_word(self.peek(2)) => {
                Some(self.marker(2))
            }
            byte if starts_word(byte) => self.word(),
            // NULL, in MariaDB
            b'\\'
                if self.dialect == MySql
                    && self.peek(1) == b'N'
                    && !continues_word(self.peek(2)) =>
            {
                self.at += 2;
                Some(Kind::Literal)
            }
            b'|' if self.peek(1) == b'|' => Some(self.symbol(2)),
            b'-' | b'+' if !self.behind_operand && !self.ends_operator() => {
                self.at += 1;
                Some(Kind::Sign(&self.sql[start..self.at]))
            }
            b'(' | b')' | b',' | b';' | b'=' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%'
            | b'|' | b'&' | b'^' | b'!' | b'~' | b'#' | b'@' | b'.' | b':' | b'[' | b']' => {
                Some(self.symbol(1))
            }
            b'{' | b'}' if self.dialect == MySql => Some(self.symbol(1)),
            _ => None,
        }
    }

    /// `:1`, which Postgres does not have: there it is a slice's end.
    fn is_numbered_marker(&self) -> bool {
        self.dialect != Dialect::Postgres && self.peek(1).is_ascii_digit() && !self.behind_operand
    }

    /// Postgres has operators that end with a sign, where one of some other characters is in them: `#-`, `@-@`.
    fn ends_operator(&self) -> bool {
        self.dialect == Dialect::Postgres
            && self.bytes[self.at.saturating_sub(4)..self.at]
                .iter()
                .rev()
                .take_while(|byte| b"+-*/<>=~!@#%^&|?".contains(byte))
                .any(|byte| b"~!@#%^&|?".contains(byte))
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
        self.skip_word();
        Kind::Placeholder(&self.sql[start..self.at])
    }

    /// A placeholder, or in Postgres an operator of jsonb: kept either way.
    fn question_mark(&mut self) -> Kind<'a> {
        let operators = matches!(self.dialect, Dialect::Postgres | Dialect::Other);
        if operators && self.behind_operand {
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

    /// A numbered marker, SQLite's named one, MySQL's name, or Postgres' quotes `$tag$ … $tag$`.
    fn dollar(&mut self) -> Option<Kind<'a>> {
        if self.dialect == Dialect::Sqlite && continues_word(self.peek(1)) {
            return Some(self.marker(1));
        }
        if self.peek(1).is_ascii_digit() && self.dialect != Dialect::MySql {
            let start = self.at;
            self.at += 1;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            // what is glued to it is no part of a marker
            return (!continues_word(self.peek(0)))
                .then(|| Kind::Placeholder(&self.sql[start..self.at]));
        }
        let name = self.bytes[self.at + 1..]
            .iter()
            .take_while(|byte| continues_word(**byte) && **byte != b'$')
            .count();
        let end = self.at + 1 + name;
        let closed = self.bytes.get(end) == Some(&b'$');
        match self.dialect {
            Dialect::MySql if !closed && name > 0 => {
                let word = &self.sql[self.at..end];
                self.at = end;
                Some(Kind::Word(word, Word::Any))
            }
            Dialect::Postgres | Dialect::Other if closed => {
                let tag = &self.sql[self.at..=end];
                let body = self.sql[end + 1..].find(tag)?;
                self.at = end + 1 + body + tag.len();
                Some(Kind::Literal)
            }
            _ => None,
        }
    }

    /// A name in Postgres, a string in MySQL, and in SQLite a string where no column has that name.
    fn double_quoted(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        if self.dialect == Dialect::Postgres {
            return self.quoted_name(b'"');
        }
        let literal = self.string(b'"', Escapes::ByDialect)?;
        let named = self.places.expects_name() || self.peek(0) == b'.';
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

    /// A name in SQLite; elsewhere a list, or a name that could hold a quote.
    fn bracket(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        if self.dialect == Dialect::Other && start < self.unquoted {
            return Some(self.symbol(1));
        }
        let end = start + self.bytes[start..].iter().position(|byte| *byte == b']')? + 1;
        if self.dialect == Dialect::Sqlite {
            self.at = end;
            return Some(Kind::Name(&self.sql[start..end]));
        }
        if self.sql[start..end].contains(['\'', '"', '`']) {
            return None;
        }
        self.unquoted = end;
        Some(self.symbol(1))
    }

    /// From the quote at hand. A string that ends in two places, depending on a setting of the server, is unclear.
    fn string(&mut self, quote: u8, escapes: Escapes) -> Option<Kind<'a>> {
        let open = self.at + 1;
        let plain = || self.closing(open, quote, Backslash::Plain);
        let end = match (self.dialect, escapes) {
            (Dialect::Sqlite, _) => plain()?,
            // three quotes open a string somewhere
            (Dialect::Other, _) if self.peek(1) == quote && self.peek(2) == quote => return None,
            (Dialect::MySql | Dialect::Other, _) => {
                let escaped = self.closing(open, quote, Backslash::Escapes)?;
                if plain()? != escaped {
                    return None;
                }
                escaped
            }
            (Dialect::Postgres, Escapes::Always) => {
                self.closing(open, quote, Backslash::Escapes)?
            }
            (Dialect::Postgres, Escapes::ByDialect) => {
                self.closing(open, quote, Backslash::Ambiguous)?
            }
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
            let start = self.at;
            self.skip_word_until_dollar();
            let exponent = self.at > start
                && matches!(self.bytes[self.at - 1], b'e' | b'E')
                && matches!(self.peek(0), b'+' | b'-')
                && self.peek(1).is_ascii_digit();
            if exponent || (self.peek(0) == b'.' && self.peek(1) != b'.') {
                self.at += 1;
            } else {
                return Kind::Literal;
            }
        }
    }

    fn word(&mut self) -> Option<Kind<'a>> {
        let start = self.at;
        self.skip_word();
        let word = &self.sql[start..self.at];
        let next = self.peek(0);
        // elsewhere it is a name, an operator and a string
        let unicode = self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("U");
        if unicode && next == b'&' && matches!(self.peek(1), b'\'' | b'"') {
            self.at += 1;
            if self.peek(0) == b'\'' {
                return self.string(b'\'', Escapes::ByDialect);
            }
            self.at = self.closing(self.at + 1, b'"', Backslash::Plain)?;
            return Some(Kind::Name(&self.sql[start..self.at]));
        }
        let charset = word.starts_with('_') && self.dialect == Dialect::MySql;
        if charset && matches!(next, b'\'' | b'"') {
            return self.string(next, Escapes::ByDialect);
        }
        if next == b'\'' {
            let prefix =
                |known: u8| word.len() == 1 && word.as_bytes()[0].eq_ignore_ascii_case(&known);
            if prefix(b'E') {
                return self.string(b'\'', Escapes::Always);
            }
            if prefix(b'B') || prefix(b'X') || prefix(b'N') {
                return self.string(b'\'', Escapes::ByDialect);
            }
        }
        if self.dialect == Dialect::Other {
            // what is glued to quotes says somewhere how they are read, and a dollar may be one
            let glued = matches!(next, b'\'' | b'"' | b'`');
            if glued || word.contains('$') {
                return None;
            }
        }
        Some(Kind::Word(word, Word::of(word)))
    }

    fn skip_word(&mut self) {
        self.skip_word_until_dollar();
        while self.peek(0) == b'$' {
            self.at += 1;
            self.skip_word_until_dollar();
        }
    }

    /// To the end of a word, or a dollar in it; what is blank in Unicode ends one, too.
    #[inline]
    fn skip_word_until_dollar(&mut self) {
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().take_while(|byte| PLAIN[usize::from(**byte)]);
            self.at += plain.count();
            if self.peek(0) < 0x80 || blank_len(self.sql, self.at) > 0 {
                return;
            }
            self.at += char_len(self.sql, self.at);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Plain,
    Escapes,
    Ambiguous,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Always,
    ByDialect,
}

/// Letters, digits and the underscore.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    plain
};

#[inline]
fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// Bytes of the character there.
fn char_len(sql: &str, at: usize) -> usize {
    sql[at..].chars().next().map_or(1, char::len_utf8)
}

/// Bytes of the blank beyond ASCII that stands there; 0 if none does.
fn blank_len(sql: &str, at: usize) -> usize {
    let blank = |c: &char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}');
    sql[at..]
        .chars()
        .next()
        .filter(blank)
        .map_or(0, char::len_utf8)
}
