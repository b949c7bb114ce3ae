//! Where a name must stand, in SQLite: there, double quotes are not those of a string.

use crate::redact::lexer::Kind;
use crate::redact::words::Word;

/// Follows a statement, as far as is needed to know that a name comes next.
#[derive(Default)]
pub(super) struct Places {
    expected: bool,
    /// The last word, and the one before it.
    words: [Option<Word>; 2],
    /// How many brackets are open.
    depth: usize,
    /// By depth, up to 63: the brackets hold a list of columns, each of which begins with its name.
    columns: u64,
    /// A name of a table, behind which brackets hold columns, is expected or was the last.
    table: bool,
    /// At this depth each comma is followed by a table of FROM, or a column that SET changes.
    list: Option<usize>,
}

impl Places {
    /// The next token is a name.
    pub(super) fn expects_name(&self) -> bool {
        self.expected
    }

    pub(super) fn pass(&mut self, kind: Kind<'_>) {
        match kind {
            Kind::Word(_, word) => self.word(word),
            Kind::Name(_) => self.other(true),
            Kind::Symbol(symbol) => self.symbol(symbol),
            Kind::Literal | Kind::Placeholder(_) | Kind::Sign(_) | Kind::Unclear => {
                self.other(false);
            }
        }
    }

    fn word(&mut self, word: Word) {
        let [last, before] = self.words;
        // not behind DISTINCT FROM, nor an EXISTS that asks for rows
        self.expected = match word {
            Word::From => last != Some(Word::Distinct),
            Word::Exists => {
                last == Some(Word::If) || (last == Some(Word::Not) && before == Some(Word::If))
            }
            Word::As
            | Word::Column
            | Word::Index
            | Word::Into
            | Word::Join
            | Word::References
            | Word::Rename
            | Word::Set
            | Word::Table
            | Word::To
            | Word::Trigger
            | Word::Update
            | Word::View => true,
            _ => false,
        };
        self.table = match word {
            Word::Into | Word::Table | Word::References => true,
            Word::If | Word::Not | Word::Exists | Word::Any => self.table,
            _ => false,
        };
        match word {
            Word::Set => self.list = Some(self.depth),
            Word::From if self.expected => self.list = Some(self.depth),
            // names, aliases, and what joins tables
            Word::Any
            | Word::As
            | Word::Full
            | Word::Inner
            | Word::Join
            | Word::Left
            | Word::Natural
            | Word::Outer
            | Word::Right => {}
            // in what is set there may be any operator
            Word::And
            | Word::Case
            | Word::Else
            | Word::End
            | Word::Is
            | Word::Not
            | Word::Null
            | Word::Or
            | Word::Then
            | Word::When => {}
            _ => self.list = None,
        }
        self.words = [Some(word), last];
    }

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
                Some(Word::Conflict | Word::Key | Word::Unique | Word::Using)
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
