//! The lexer: splits a statement into tokens by the rules of its dialect. [`redact_into`](super::redact_into) reads it
//! to the end, or to the first ambiguous token.

use crate::redact::dialect::Dialect;
use crate::redact::keyword::Keyword;
use crate::redact::name_positions::NamePositions;
use crate::redact::token::{Token, TokenKind};

/// Splits a statement into tokens, by dialect.
pub(super) struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// The previous token is an operand: a sign is an operator, and a dot does not begin a number.
    behind_operand: bool,
    /// Tracks whether double quotes enclose a name; in SQLite they may also enclose a string.
    positions: NamePositions,
    /// Up to this offset, square brackets are known to contain no quotes, so each is searched once.
    unquoted: usize,
    /// An unclear token ends the statement.
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
            positions: NamePositions::default(),
            unquoted: 0,
            ended: false,
        }
    }

    /// The next token, or none at the end of the statement.
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
            self.kind().unwrap_or(TokenKind::Unclear)
        } else {
            TokenKind::Unclear
        };
        self.ended = kind == TokenKind::Unclear;
        self.behind_operand = match kind {
            TokenKind::Word(_, word) => !word.is_no_operand(),
            TokenKind::Symbol(symbol) => matches!(symbol, ")" | "]"),
            TokenKind::Name(_) | TokenKind::Literal | TokenKind::Placeholder(_) => true,
            TokenKind::Sign(_) | TokenKind::Unclear => false,
        };
        if self.dialect == Dialect::Sqlite {
            self.positions.pass(kind);
        }
        Some(Token { kind, spaced })
    }

    /// The byte at an offset from the current one, or 0 at the end.
    #[inline]
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Skips white space and comments. Returns false if the end of a comment is missing or ambiguous.
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
                // MySQL requires a space after `--`; without one it is two minus signs
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
                // a comment in some products, an operator in others
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

    /// Skips to the end of the line. Returns false if it is ambiguous: a lone carriage return ends a line in Postgres only.
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

    /// Skips a block comment. Returns false if its end is missing or ambiguous.
    fn skip_comment(&mut self) -> bool {
        // MySQL executes the contents of `/*! … */` and `/*M! … */`: strings in them may contain `*/`
        let runs = matches!(self.dialect, Dialect::MySql | Dialect::Other)
            && (self.peek(2) == b'!' || (self.peek(2) == b'M' && self.peek(3) == b'!'));
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                // the dialects differ in whether comments nest
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
                        // read as a plain comment, it does not end inside the string
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

    /// Reads a token. None if it is ambiguous.
    fn kind(&mut self) -> Option<TokenKind<'a>> {
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
            // `\N` is NULL in MariaDB
            b'\\'
                if self.dialect == MySql
                    && self.peek(1) == b'N'
                    && !continues_word(self.peek(2)) =>
            {
                self.at += 2;
                Some(TokenKind::Literal)
            }
            b'|' if self.peek(1) == b'|' => Some(self.symbol(2)),
            b'-' | b'+' if !self.behind_operand && !self.ends_operator() => {
                self.at += 1;
                Some(TokenKind::Sign(&self.sql[start..self.at]))
            }
            b'(' | b')' | b',' | b';' | b'=' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%'
            | b'|' | b'&' | b'^' | b'!' | b'~' | b'#' | b'@' | b'.' | b':' | b'[' | b']' => {
                Some(self.symbol(1))
            }
            b'{' | b'}' if self.dialect == MySql => Some(self.symbol(1)),
            _ => None,
        }
    }

    /// Returns true at `:1`, unless the dialect is Postgres, where it ends an array slice.
    fn is_numbered_marker(&self) -> bool {
        self.dialect != Dialect::Postgres && self.peek(1).is_ascii_digit() && !self.behind_operand
    }

    /// Returns true if a sign here ends an operator. Postgres allows that in operators with certain other characters: `#-`,
    /// `@-@`.
    fn ends_operator(&self) -> bool {
        self.dialect == Dialect::Postgres
            && self.bytes[self.at.saturating_sub(4)..self.at]
                .iter()
                .rev()
                .take_while(|byte| b"+-*/<>=~!@#%^&|?".contains(byte))
                .any(|byte| b"~!@#%^&|?".contains(byte))
    }

    /// A symbol of `len` bytes.
    fn symbol(&mut self, len: usize) -> TokenKind<'a> {
        let start = self.at;
        self.at += len;
        TokenKind::Symbol(&self.sql[start..self.at])
    }

    /// A bind marker such as `$1`, `:name`, `@name`, `@@name`: `sign` bytes, then a word or a number.
    fn marker(&mut self, sign: usize) -> TokenKind<'a> {
        let start = self.at;
        self.at += sign;
        self.skip_word();
        TokenKind::Placeholder(&self.sql[start..self.at])
    }

    /// A placeholder, or a jsonb operator in Postgres. Both are kept.
    fn question_mark(&mut self) -> TokenKind<'a> {
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
        TokenKind::Placeholder(&self.sql[start..self.at])
    }

    /// A numbered marker, a named one in SQLite, a name in MySQL, or a string `$tag$ … $tag$` in Postgres.
    fn dollar(&mut self) -> Option<TokenKind<'a>> {
        if self.dialect == Dialect::Sqlite && continues_word(self.peek(1)) {
            return Some(self.marker(1));
        }
        if self.peek(1).is_ascii_digit() && self.dialect != Dialect::MySql {
            let start = self.at;
            self.at += 1;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            // a marker ends before the next letter; anything else is ambiguous
            return (!continues_word(self.peek(0)))
                .then(|| TokenKind::Placeholder(&self.sql[start..self.at]));
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
                Some(TokenKind::Word(word, Keyword::Any))
            }
            Dialect::Postgres | Dialect::Other if closed => {
                let tag = &self.sql[self.at..=end];
                let body = self.sql[end + 1..].find(tag)?;
                self.at = end + 1 + body + tag.len();
                Some(TokenKind::Literal)
            }
            _ => None,
        }
    }

    /// A name in Postgres, a string in MySQL; in SQLite a name only where the grammar requires one.
    fn double_quoted(&mut self) -> Option<TokenKind<'a>> {
        let start = self.at;
        if self.dialect == Dialect::Postgres {
            return self.quoted_name(b'"');
        }
        let literal = self.string(b'"', Escapes::ByDialect)?;
        let named = self.positions.expects_name() || self.peek(0) == b'.';
        if self.dialect == Dialect::Sqlite && named {
            Some(TokenKind::Name(&self.sql[start..self.at]))
        } else {
            Some(literal)
        }
    }

    /// A name in quotes that no backslash escapes.
    fn quoted_name(&mut self, quote: u8) -> Option<TokenKind<'a>> {
        let start = self.at;
        self.at = self.closing(start + 1, quote, Backslash::Plain)?;
        Some(TokenKind::Name(&self.sql[start..self.at]))
    }

    /// A name in SQLite. In an unknown dialect, a list, unless quotes inside make it ambiguous.
    fn bracket(&mut self) -> Option<TokenKind<'a>> {
        let start = self.at;
        if self.dialect == Dialect::Other && start < self.unquoted {
            return Some(self.symbol(1));
        }
        let end = start + self.bytes[start..].iter().position(|byte| *byte == b']')? + 1;
        if self.dialect == Dialect::Sqlite {
            self.at = end;
            return Some(TokenKind::Name(&self.sql[start..end]));
        }
        if self.sql[start..end].contains(['\'', '"', '`']) {
            return None;
        }
        self.unquoted = end;
        Some(self.symbol(1))
    }

    /// A string from the quote at the current offset. None if its end depends on a server setting.
    fn string(&mut self, quote: u8, escapes: Escapes) -> Option<TokenKind<'a>> {
        let open = self.at + 1;
        let plain = || self.closing(open, quote, Backslash::Plain);
        let end = match (self.dialect, escapes) {
            (Dialect::Sqlite, _) => plain()?,
            // three quotes open a string in some products
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
        Some(TokenKind::Literal)
    }

    /// The offset after the closing quote. A doubled quote is a character of the string.
    fn closing(&self, from: usize, quote: u8, backslash: Backslash) -> Option<usize> {
        let mut at = from;
        loop {
            match *self.bytes.get(at)? {
                b'\\' if backslash == Backslash::Escapes => at += 2,
                b'\\' if backslash == Backslash::Ambiguous => {
                    // after an odd number of backslashes, a server setting decides whether a quote ends the string
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

    /// A number, with any letters that follow it directly.
    fn number(&mut self) -> TokenKind<'a> {
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
                return TokenKind::Literal;
            }
        }
    }

    /// A keyword, an unquoted name, or a string with a prefix such as `E'…'`.
    fn word(&mut self) -> Option<TokenKind<'a>> {
        let start = self.at;
        self.skip_word();
        let word = &self.sql[start..self.at];
        let next = self.peek(0);
        // in other dialects this is a name, an operator and a string
        let unicode = self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("U");
        if unicode && next == b'&' && matches!(self.peek(1), b'\'' | b'"') {
            self.at += 1;
            if self.peek(0) == b'\'' {
                return self.string(b'\'', Escapes::ByDialect);
            }
            self.at = self.closing(self.at + 1, b'"', Backslash::Plain)?;
            return Some(TokenKind::Name(&self.sql[start..self.at]));
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
            // some products have other string prefixes, and a dollar sign may open a string
            let glued = matches!(next, b'\'' | b'"' | b'`');
            if glued || word.contains('$') {
                return None;
            }
        }
        Some(TokenKind::Word(word, Keyword::of(word)))
    }

    /// Skips a word, including any dollar signs in it.
    fn skip_word(&mut self) {
        self.skip_word_until_dollar();
        while self.peek(0) == b'$' {
            self.at += 1;
            self.skip_word_until_dollar();
        }
    }

    /// Skips to the end of a word or the next dollar sign. Unicode white space ends a word, too.
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

/// The meaning of a backslash in a quoted text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// A character like any other.
    Plain,
    /// Escapes the next character.
    Escapes,
    /// Either, depending on a server setting.
    Ambiguous,
}

/// Selects the meaning of backslashes: `E'…'` always has escapes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Always,
    ByDialect,
}

/// ASCII letters, digits and the underscore.
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

/// The length of the character at `at`, in bytes.
fn char_len(sql: &str, at: usize) -> usize {
    sql[at..].chars().next().map_or(1, char::len_utf8)
}

/// The length of a non-ASCII white space character at `at`, in bytes. 0 if there is none.
fn blank_len(sql: &str, at: usize) -> usize {
    let blank = |c: &char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}');
    sql[at..]
        .chars()
        .next()
        .filter(blank)
        .map_or(0, char::len_utf8)
}
