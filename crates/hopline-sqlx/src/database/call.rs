//! A query in parts, so that its text can be read before it runs. The traced types create it for each statement.

use std::fmt;

use hopline_core::SpanContext;
use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, AssertSqlSafe, Database, Execute, SqlSafeStr, SqlStr};

use crate::redact::Dialect;

/// A query in parts: text, arguments and prepared statement.
///
/// A traced type takes a query apart to read its text, and passes the parts to the driver. It implements [`Execute`], so
/// that an implementation of [`TracedDatabase`](super::TracedDatabase) passes it on like any query.
///
/// `Debug` prints neither text nor values.
///
/// ```
/// # #[cfg(feature = "sqlite")] mod example {
/// use hopline_sqlx::database::{BoxStream, Call, Step};
/// use sqlx::{Error, Executor, Sqlite, SqliteConnection};
///
/// fn connection_fetch_many<'e>(
///     connection: &'e mut SqliteConnection,
///     call: Call<Sqlite>,
/// ) -> BoxStream<'e, Result<Step<Sqlite>, Error>> {
///     connection.fetch_many(call)
/// }
/// # }
/// ```
pub struct Call<DB: Database> {
    /// The text, including any trace comment.
    sql: SqlStr,
    /// The prepared statement, if the query is one.
    statement: Option<DB::Statement>,
    /// The bound values, until the driver takes them.
    arguments: Option<Result<Option<DB::Arguments>, BoxDynError>>,
    /// The driver may cache the prepared statement.
    persistent: bool,
}

impl<DB: Database> Call<DB> {
    /// Takes a query apart, in the order in which drivers do: the result of [`persistent`](Execute::persistent) depends,
    /// for some queries, on whether the arguments were taken.
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

    /// Appends the span's context as a sqlcommenter comment, for the database's logs and statistics.
    ///
    /// No effect on a text that contains a comment, and on a prepared statement.
    ///
    /// The drivers' statement caches are keyed by text, so a text with a unique comment is excluded from them. Not in
    /// Postgres: an excluded statement is prepared without a name there, and the driver loses an unnamed statement when it
    /// has to look up a type.
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
        // safe: the application's text, and a comment of digits, letters and dashes
        self.sql = AssertSqlSafe(text).into_sql_str();
        if matches!(dialect, Dialect::MySql | Dialect::Sqlite) {
            self.persistent = false;
        }
    }

    /// A copy of the text, which is cheap for a literal.
    pub(crate) fn sql(&self) -> SqlStr {
        self.sql.clone()
    }

    /// The text of the statement.
    pub(crate) fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// Returns true if values are bound. A prepared statement alone is no sign of that: its text may contain all values.
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
