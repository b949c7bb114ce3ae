//! Positions at which SQLite's grammar requires a name. The lexer reads double quotes there as a name, elsewhere as a
//! string.

use crate::redact::keyword::Keyword;
use crate::redact::token::TokenKind;

/// Follows the grammar of a statement as far as needed to predict a name.
#[derive(Default)]
pub(super) struct NamePositions {
    expected: bool,
    /// The last keyword, and the one before it.
    words: [Option<Keyword>; 2],
    /// The number of open brackets.
    depth: usize,
    /// A bit for each depth up to 63: the brackets contain a list of columns, each of which begins with its name.
    columns: u64,
    /// The name of a table is expected or was the last token: brackets after it contain columns.
    table: bool,
    /// The depth at which each comma is followed by a table of FROM or a column of SET.
    list: Option<usize>,
}

impl NamePositions {
    /// Returns true if the next token is a name.
    pub(super) fn expects_name(&self) -> bool {
        self.expected
    }

    /// Advances past a token.
    pub(super) fn pass(&mut self, kind: TokenKind<'_>) {
        match kind {
            TokenKind::Word(_, word) => self.word(word),
            TokenKind::Name(_) => self.other(true),
            TokenKind::Symbol(symbol) => self.symbol(symbol),
            TokenKind::Literal
            | TokenKind::Placeholder(_)
            | TokenKind::Sign(_)
            | TokenKind::Unclear => {
                self.other(false);
            }
        }
    }

    fn word(&mut self, word: Keyword) {
        let [last, before] = self.words;
        // not after IS DISTINCT FROM, nor after the EXISTS of a subquery
        self.expected = match word {
            Keyword::From => last != Some(Keyword::Distinct),
            Keyword::Exists => {
                last == Some(Keyword::If)
                    || (last == Some(Keyword::Not) && before == Some(Keyword::If))
            }
            Keyword::As
            | Keyword::Column
            | Keyword::Index
            | Keyword::Into
            | Keyword::Join
            | Keyword::References
            | Keyword::Rename
            | Keyword::Set
            | Keyword::Table
            | Keyword::To
            | Keyword::Trigger
            | Keyword::Update
            | Keyword::View => true,
            _ => false,
        };
        self.table = match word {
            Keyword::Into | Keyword::Table | Keyword::References => true,
            Keyword::If | Keyword::Not | Keyword::Exists | Keyword::Any => self.table,
            _ => false,
        };
        match word {
            Keyword::Set => self.list = Some(self.depth),
            Keyword::From if self.expected => self.list = Some(self.depth),
            // names, aliases and joins continue the list
            Keyword::Any
            | Keyword::As
            | Keyword::Full
            | Keyword::Inner
            | Keyword::Join
            | Keyword::Left
            | Keyword::Natural
            | Keyword::Outer
            | Keyword::Right => {}
            // operators occur in the values of SET
            Keyword::And
            | Keyword::Case
            | Keyword::Else
            | Keyword::End
            | Keyword::Is
            | Keyword::Not
            | Keyword::Null
            | Keyword::Or
            | Keyword::Then
            | Keyword::When => {}
            _ => self.list = None,
        }
        self.words = [Some(word), last];
    }

    /// Advances past any other token; `name` keeps the expectation of a table's columns.
    fn other(&mut self, name: bool) {
        self.expected = false;
        self.table &= name;
        self.words = [None; 2];
    }

    fn symbol(&mut self, symbol: &str) {
        let table = self.table;
        let lists_columns = table
            || matches!(
                self.words[0],
                Some(Keyword::Conflict | Keyword::Key | Keyword::Unique | Keyword::Using)
            );
        self.other(symbol == ".");
        self.table &= table;
        match symbol {
            "(" => {
                self.depth += 1;
                let bit = 1_u64.checked_shl(self.depth as u32).unwrap_or(0);
                self.columns &= !bit;
                if lists_columns {
                    self.columns |= bit;
                }
                self.expected = self.in_columns();
            }
            ")" => {
                if self.list.is_some_and(|list| list >= self.depth) {
                    self.list = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            "," => self.expected = self.in_columns() || self.list == Some(self.depth),
            "." => self.expected = true,
            ";" => *self = Self::default(),
            _ => {}
        }
    }

    fn in_columns(&self) -> bool {
        let bit = 1_u64.checked_shl(self.depth as u32).unwrap_or(0);
        self.columns & bit != 0
    }
}
