//! The setting for the recorded text of statements.

/// The form in which a statement's text is recorded. Set by [`Pool::query_text`](crate::Pool::query_text).
///
/// | statement | `Redacted` | `Omitted` | `VerbatimIfParameterised` |
/// |---|---|---|---|
/// | `SELECT a FROM t WHERE b = 'x'` | `… b = ?` | | `… b = ?` |
/// | `SELECT a FROM t WHERE b = 'x' AND c = $1`, bound | `… b = ? AND c = $1` | | `… b = 'x' AND c = $1` |
/// | `UPDATE u SET password = 'x' WHERE id = $1`, bound | `… password = ? …` | | `… password = ? …` |
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::{QueryText, SqlitePool};
///
/// let (tracer, spans) = hopline_testing::tracer("orders");
/// let pool = SqlitePool::connect("sqlite::memory:").await?.tracer(tracer).query_text(QueryText::Omitted);
/// sqlx::query("SELECT 'Ann'").execute(&pool).await?;
/// let span = spans.one("db.query");
/// assert_eq!(span.text("db.query.text"), None);
/// assert_eq!(span.text("db.query.summary"), Some("SELECT"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryText {
    /// Records the text without its values. The default.
    #[default]
    Redacted,
    /// Records no text, only the summary.
    Omitted,
    /// Records the unchanged text of statements that run with bound values, as the semantic conventions ask for, and the
    /// redacted text of all others.
    ///
    /// Exports literals that occur beside bound values. Cuts the text after 4 KiB.
    ///
    /// A statement that may contain a secret is redacted even so: every statement other than SELECT, INSERT, UPDATE,
    /// DELETE, MERGE, REPLACE, VALUES, WITH and CALL, and every text that contains a URL or a word such as `password`,
    /// `secret`, `token`, `key`, `crypt` or `dblink`.
    VerbatimIfParameterised,
}
