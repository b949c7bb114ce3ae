//! Keywords. The lexer looks each word of a statement up once; all later steps compare enum values.

/// Declares the keywords. The variant's name is the text that is looked up, in any case.
macro_rules! keywords {
    ($($word:ident)*) => {
        /// A word of a statement: a keyword that the redaction distinguishes, or [`Any`](Keyword::Any) other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Keyword {
            Any,
            $($word,)*
        }

        const ALL: &[(u128, u8, Keyword)] = &[
            $((key(stringify!($word).as_bytes()), stringify!($word).len() as u8, Keyword::$word),)*
        ];
    };
}

keywords! {
    Abort After Aggregate All Alter Analyse Analyze And Array As Asc
    Before Begin Between Bigint Binary Blob Boolean By Bytea
    Call Cascade Case Char Character Check Citext Clob Close Column Comment Commit Committed Concurrent Concurrently
    Conflict Consistent Constraint Copy Create Credentials
    Database Deallocate Declare Default Deferrable Deferred Delete Desc Describe Discard Distinct Div Do Domain Drop
    Else End Event Exclusive Exists Explain Extended Extension
    Fail False Fetch First For Format From Full Fulltext Function
    Glob Global Group Having
    Identified If Ignore Ilike Immediate In Index Inner Insert Instead Int Integer Intersect Into Is Isolation
    Join Json Jsonb Key Lateral Left Level Like Limit Listen Local Lock Longtext
    Materialized Mediumtext Merge Mod Move Natural No Not Notify Null Numeric Nvarchar
    Of Offset Offline On Online Only Or Order Outer
    Partitions Passphrase Password Plan Policy Primary Procedure Query
    Read Recursive References Refresh Regexp Reindex Release Rename Repeatable Replace Returning Right Rlike Role
    Rollback Row
    Savepoint Schema Secret Select Sequence Serializable Set Show Similar Smallint Snapshot Spatial Start String
    Table Temp Temporary Text Then Tinytext To Traditional Transaction Tree Trigger True Truncate Type
    Uncommitted Union Unique Unlisten Unlock Unlogged Update Use User Using Uuid
    Vacuum Value Values Varbinary Varchar Verbose Via View Virtual
    When Where With Work Write Xor
}

use Keyword::*;

impl Keyword {
    /// The keyword of a word, in any case.
    #[inline]
    pub(super) fn of(word: &str) -> Self {
        if word.len() < 2 || word.len() > LONGEST {
            return Any;
        }
        let key = key(word.as_bytes());
        let mut at = slot(key);
        loop {
            let (known, len, meaning) = TABLE[at];
            if known == key && usize::from(len) == word.len() {
                return meaning;
            }
            if known == 0 {
                return Any;
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// Begins a statement whose text is kept. Any other statement may contain a secret that is not a literal.
    pub(super) fn begins_kept(self) -> bool {
        matches!(
            self,
            Abort
                | Alter
                | Analyse
                | Analyze
                | Begin
                | Call
                | Close
                | Comment
                | Commit
                | Create
                | Deallocate
                | Declare
                | Delete
                | Desc
                | Describe
                | Discard
                | Drop
                | End
                | Explain
                | Fetch
                | Insert
                | Listen
                | Lock
                | Merge
                | Move
                | Notify
                | Refresh
                | Reindex
                | Release
                | Replace
                | Rollback
                | Savepoint
                | Select
                | Show
                | Start
                | Table
                | Truncate
                | Unlisten
                | Unlock
                | Update
                | Use
                | Vacuum
                | Values
                | With
        )
    }

    /// Begins a statement that only reads or writes rows.
    pub(super) fn is_data(self) -> bool {
        matches!(
            self,
            Call | Delete | Insert | Merge | Replace | Select | Table | Update | Values | With
        )
    }

    /// EXPLAIN, DESCRIBE, or one of their options: an explained statement or a table follows.
    pub(super) fn explains(self) -> bool {
        matches!(self, Analyse | Analyze | Desc | Describe | Explain)
            || matches!(
                self,
                Extended | Format | Json | Partitions | Plan | Query | Traditional | Tree | Verbose
            )
    }

    /// An option of BEGIN or START TRANSACTION.
    pub(super) fn begins_transaction(self) -> bool {
        matches!(
            self,
            Committed
                | Concurrent
                | Consistent
                | Deferrable
                | Deferred
                | Exclusive
                | Immediate
                | Isolation
                | Level
                | Not
                | Only
                | Read
                | Repeatable
                | Serializable
                | Snapshot
                | Transaction
                | Uncommitted
                | With
                | Work
                | Write
        )
    }

    /// Occurs between CREATE, ALTER or DROP and the kind of object.
    pub(super) fn is_modifier(self) -> bool {
        matches!(
            self,
            Constraint
                | Fulltext
                | Global
                | Ignore
                | Local
                | Materialized
                | Offline
                | Online
                | Or
                | Recursive
                | Replace
                | Spatial
                | Temp
                | Temporary
                | Unique
                | Unlogged
                | Virtual
        )
    }

    /// A kind of object whose definition contains secrets in literals only.
    pub(super) fn is_plain_object(self) -> bool {
        matches!(
            self,
            Domain | Extension | Index | Policy | Schema | Sequence | Table | Type | View
        )
    }

    /// A kind of object whose definition is kept up to its name: a body or settings follow.
    pub(super) fn is_bodied_object(self) -> bool {
        matches!(self, Aggregate | Event | Function | Procedure | Trigger)
    }

    /// Precedes the name of the defined object.
    pub(super) fn is_before_object_name(self) -> bool {
        matches!(self, Concurrently | Exists | If | Not | Only)
    }

    /// Begins a clause of a definition whose operand is a secret, quoted or not.
    pub(super) fn is_secretive(self) -> bool {
        matches!(
            self,
            Credentials | Identified | Passphrase | Password | Secret
        )
    }

    /// Follows a column name, so that the word before is no such clause: `password TEXT`.
    pub(super) fn follows_column(self) -> bool {
        matches!(
            self,
            After
                | And
                | As
                | Asc
                | Bigint
                | Binary
                | Blob
                | Boolean
                | Bytea
                | Cascade
                | Char
                | Character
                | Check
                | Citext
                | Clob
                | Constraint
                | Default
                | Desc
                | Drop
                | First
                | From
                | In
                | Int
                | Integer
                | Is
                | Json
                | Jsonb
                | Like
                | Longtext
                | Mediumtext
                | Not
                | Null
                | Numeric
                | Nvarchar
                | Or
                | Primary
                | References
                | Set
                | Smallint
                | String
                | Text
                | Tinytext
                | To
                | Type
                | Unique
                | Uuid
                | Varbinary
                | Varchar
                | Where
        )
    }

    /// Not an operand: an operand follows, so that a sign there belongs to a value.
    pub(super) fn is_no_operand(self) -> bool {
        matches!(
            self,
            All | And
                | As
                | Between
                | By
                | Case
                | Default
                | Distinct
                | Div
                | Else
                | From
                | Glob
                | Having
                | Ilike
                | In
                | Is
                | Like
                | Limit
                | Mod
                | Not
                | Offset
                | On
                | Or
                | Regexp
                | Returning
                | Rlike
                | Select
                | Set
                | Then
                | Using
                | Values
                | When
                | Where
                | Xor
        )
    }

    /// Begins an operation of the summary.
    pub(super) fn is_operation(self) -> bool {
        self == Select || self.writes()
    }

    /// An operation that changes rows.
    pub(super) fn writes(self) -> bool {
        matches!(self, Delete | Insert | Merge | Replace | Update)
    }
}

/// The longest keyword, in bytes.
const LONGEST: usize = 16;

/// The size of the hash table: more than twice the number of keywords, so that collisions are rare.
const SLOTS: usize = 512;

/// A hash table with linear probing, built at compile time. It has free slots, so each search ends.
static TABLE: [(u128, u8, Keyword); SLOTS] = {
    let mut table = [(0, 0, Any); SLOTS];
    let mut word = 0;
    while word < ALL.len() {
        let mut at = slot(ALL[word].0);
        while table[at].0 != 0 {
            at = (at + 1) % SLOTS;
        }
        table[at] = ALL[word];
        word += 1;
    }
    table
};

#[inline]
const fn slot(key: u128) -> usize {
    // rotated, since the two halves of a short word are equal
    let folded = (key as u64) ^ ((key >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize
}

/// 2 to 16 bytes as one number, with letters in upper case; no other byte becomes a letter. Made of the first and the
/// last bytes, which overlap in short words. Words of equal length have different keys.
#[inline]
const fn key(word: &[u8]) -> u128 {
    const UPPER: u128 = u128::from_ne_bytes([0xdf; LONGEST]);
    let (first, last) = if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        (
            u32::from_le_bytes(*first) as u64,
            u32::from_le_bytes(*last) as u64,
        )
    } else if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        (
            u16::from_le_bytes(*first) as u64,
            u16::from_le_bytes(*last) as u64,
        )
    } else {
        (0, 0)
    };
    (first as u128 | (last as u128) << 64) & UPPER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyword_is_found_in_any_case() {
        for (known, len, word) in ALL {
            let text = format!("{word:?}");
            assert_eq!(
                (key(text.as_bytes()), text.len()),
                (*known, usize::from(*len))
            );
            assert_eq!(Keyword::of(&text), *word);
            assert_eq!(Keyword::of(&text.to_ascii_lowercase()), *word);
            assert_eq!(Keyword::of(&format!("{text}x")), Any);
        }
    }

    /// Longer texts with the first and last bytes of a keyword.
    #[test]
    fn texts_with_a_keywords_key_are_no_keywords() {
        for text in [
            "ININ",
            "AAAA",
            "AAAAA",
            "SELECTSELECT",
            "ANALYZEANALYZE",
            "F\u{12}ROM",
            "_N",
            "I\u{4e}",
        ] {
            let expected = if text == "I\u{4e}" { In } else { Any };
            assert_eq!(Keyword::of(text), expected, "{text}");
        }
    }

    #[test]
    fn keywords_are_unique() {
        for (at, (_, _, word)) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|(_, _, earlier)| earlier != word));
        }
        assert!(ALL.len() * 2 < SLOTS);
    }
}
