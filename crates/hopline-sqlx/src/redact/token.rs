//! Tokens of a statement. The lexer produces them; the text, the summary and the name positions consume them.

use crate::redact::keyword::Keyword;

/// A token. A literal carries no text, so that no later step can export it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    /// White space or a comment precedes the token.
    pub(super) spaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// A keyword or an unquoted name.
    Word(&'a str, Keyword),
    /// A quoted name, with its quotes.
    Name(&'a str),
    /// A literal value, without its text.
    Literal,
    /// A bind marker.
    Placeholder(&'a str),
    /// One or two characters of an operator, a bracket, a comma.
    Symbol(&'a str),
    /// A `-` or `+` without a left operand.
    Sign(&'a str),
    /// Ambiguous or unterminated input. Always the last token.
    Unclear,
}

impl Token<'_> {
    /// The length of the token in redacted text, in bytes.
    pub(super) fn len(&self) -> usize {
        match self.kind {
            TokenKind::Word(text, _)
            | TokenKind::Name(text)
            | TokenKind::Placeholder(text)
            | TokenKind::Symbol(text)
            | TokenKind::Sign(text) => text.len(),
            TokenKind::Literal | TokenKind::Unclear => 1,
        }
    }
}
