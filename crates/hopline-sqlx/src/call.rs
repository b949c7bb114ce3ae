//! A statement taken apart, so that its text can be read.

use std::fmt;

use hopline_core::SpanContext;
use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, AssertSqlSafe, Database, Execute, SqlSafeStr, SqlStr};

use crate::database::Dialect;

/// A statement that was taken apart to read its text, and runs as it would have.
///
/// Drivers take it as they take any query.
pub struct Call<DB: Database> {
    sql: SqlStr,
    statement: Option<DB::Statement>,
    arguments: Option<Result<Option<DB::Arguments>, BoxDynError>>,
    persistent: bool,
}

impl<DB: Database> Call<DB> {
    /// Takes a query apart, in the order in which drivers do: some queries answer
    /// [`persistent`](Execute::persistent) by whether their arguments were taken.
    #[inline]
    pub(crate) fn new<'q>(mut query: impl Execute<'q, DB>) -> Self {
        let statement = query.statement().cloned();
        let arguments = Some(query.take_arguments());
        let persistent = query.persistent();
        Self {
            sql: query.sql(),
            statement,
            arguments,
            persistent,
        }
    }

    /// Appends the span as a comment, for the database's own logs and statistics, in the form of sqlcommenter.
    ///
    /// A text that has a comment already stays as it is, and so does a prepared statement.
    ///
    /// The drivers' caches are by text, so one with a comment of its own is of no use there and is kept out. Not in
    /// Postgres: what is kept out is prepared there without a name, and the driver loses that where it has to look up a
    /// type.
    pub(crate) fn comment(&mut self, span: &SpanContext, dialect: Dialect) {
        let text = self.text();
        let has_comment = text.contains("/*")
            || text.contains("--")
            || (dialect == Dialect::MySql && text.contains('#'));
        let statement = text.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        if has_comment || statement.is_empty() || self.statement.is_some() {
            return;
        }
        let text = format!("{statement} /*traceparent='{span}'*/");
        // the application's own text, and a comment of nothing but digits and letters
        self.sql = AssertSqlSafe(text).into_sql_str();
        if matches!(dialect, Dialect::MySql | Dialect::Sqlite) {
            self.persistent = false;
        }
    }

    /// A copy of its text, which is cheap unless the text was made at run time.
    pub(crate) fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    pub(crate) fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// True if values are bound. A prepared statement alone is no sign of it: its text may hold all of them.
    pub(crate) fn is_parameterised(&self) -> bool {
        matches!(&self.arguments, Some(Ok(Some(arguments))) if arguments.len() > 0)
    }
}

impl<DB: Database> Execute<'_, DB> for Call<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.statement.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        self.arguments.take().unwrap_or(Ok(None))
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// Prints neither text nor values.
impl<DB: Database> fmt::Debug for Call<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("persistent", &self.persistent)
            .finish_non_exhaustive()
    }
}
