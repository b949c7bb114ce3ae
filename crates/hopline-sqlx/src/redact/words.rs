//! The words that mean something here, told apart once for each word of a statement.

/// Declares them by the names they have in SQL, which is what they are looked up by.
macro_rules! words {
    ($($word:ident)*) => {
        /// A word of a statement: one of those that mean something here, or any other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Word {
            Any,
            $($word,)*
        }

        const ALL: &[(u128, Word)] = &[$((key(stringify!($word).as_bytes()), Word::$word),)*];
    };
}

words! {
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
    Savepoint Schema Secret Select Sequence Serializable Set Show Similar Smallint Snapshot Some Spatial Start String
    Table Temp Temporary Text Then Tinytext To Traditional Transaction Tree Trigger True Truncate Type
    Uncommitted Union Unique Unlisten Unlock Unlogged Update Use User Using Uuid
    Vacuum Value Values Varbinary Varchar Verbose Via View Virtual
    When Where With Work Write Xor
}

use Word::*;

impl Word {
    /// In any case of letters.
    pub(super) fn of(word: &str) -> Self {
        if word.len() < 2 || word.len() > 16 {
            return Any;
        }
        let key = key(word.as_bytes());
        match SORTED.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(at) => SORTED[at].1,
            Err(_) => Any,
        }
    }

    /// Begins a statement whose text is kept. All others may hold a secret that is not a literal.
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

    /// Stands before the statement that is explained, or before the table that is described.
    pub(super) fn explains(self) -> bool {
        matches!(self, Analyse | Analyze | Desc | Describe | Explain)
            || matches!(
                self,
                Extended | Format | Json | Partitions | Plan | Query | Traditional | Tree | Verbose
            )
    }

    /// Says how a transaction begins.
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

    /// Stands between CREATE, ALTER or DROP and what it is about.
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

    /// What can be created and altered in words that hold no secret but in literals.
    pub(super) fn is_plain_object(self) -> bool {
        matches!(
            self,
            Domain | Extension | Index | Policy | Schema | Sequence | Table | Type | View
        )
    }

    /// What has a name, and behind it what is not read: a body, settings.
    pub(super) fn is_bodied_object(self) -> bool {
        matches!(self, Aggregate | Event | Function | Procedure | Trigger)
    }

    /// Does not begin the name that a definition is about.
    pub(super) fn is_before_object_name(self) -> bool {
        matches!(self, Concurrently | Exists | If | Not | Only)
    }

    /// A clause of a definition whose operand is a secret, quoted or not.
    pub(super) fn is_secretive(self) -> bool {
        matches!(
            self,
            Credentials | Identified | Passphrase | Password | Secret
        )
    }

    /// Makes what stands before it a column, not such a clause.
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

    /// Is no operand: what follows stands at the begin of one, so that a sign there is a value's.
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
                | Some
                | Then
                | Using
                | Values
                | When
                | Where
                | Xor
        )
    }

    /// Begins an operation wherever it stands alone.
    pub(super) fn is_operation(self) -> bool {
        self == Select || self.writes()
    }

    /// Such an operation that changes rows.
    pub(super) fn writes(self) -> bool {
        matches!(self, Delete | Insert | Merge | Replace | Update)
    }
}

/// By key, so that they can be searched.
const SORTED: [(u128, Word); ALL.len()] = {
    let mut sorted = [(0, Any); ALL.len()];
    let mut at = 0;
    while at < ALL.len() {
        let mut to = at;
        while to > 0 && sorted[to - 1].0 > ALL[at].0 {
            sorted[to] = sorted[to - 1];
            to -= 1;
        }
        sorted[to] = ALL[at];
        at += 1;
    }
    sorted
};

/// At most 16 letters as one number, in upper case.
const fn key(word: &[u8]) -> u128 {
    let mut key = 0_u128;
    let mut at = 0;
    while at < word.len() {
        key = key << 8 | word[at].to_ascii_uppercase() as u128;
        at += 1;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_any_case() {
        for (known, word) in ALL {
            let text = format!("{word:?}");
            assert_eq!(key(text.as_bytes()), *known);
            assert_eq!(Word::of(&text), *word);
            assert_eq!(Word::of(&text.to_ascii_lowercase()), *word);
            assert_eq!(Word::of(&format!("{text}x")), Any);
        }
    }

    #[test]
    fn no_word_stands_twice() {
        assert!(SORTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
