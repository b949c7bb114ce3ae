//! Executors with attributes for one call. Pools and connections create them and implement `Executor` for them.

use std::fmt;

use crate::span::Notes;

/// An executor for one call, with attributes that the application sets.
///
/// Returned by [`Pool::operation`](crate::Pool::operation), [`collection`](crate::Pool::collection) and
/// [`summary`](crate::Pool::summary), and by those of a [`Connection`](crate::Connection). Any form of query runs on it,
/// including the checked macros.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// use hopline_sqlx::SqlitePool;
///
/// let (tracer, spans) = hopline_testing::tracer("orders");
/// let pool = SqlitePool::connect("sqlite::memory:").await?.tracer(tracer);
/// let call = pool.operation("SELECT").collection("numbers").summary("SELECT numbers");
/// sqlx::query("SELECT 1").fetch_all(call).await?;
/// let span = spans.one("db.query");
/// assert_eq!(span.text("db.operation.name"), Some("SELECT"));
/// assert_eq!(span.text("db.collection.name"), Some("numbers"));
/// assert_eq!(span.text("db.query.summary"), Some("SELECT numbers"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
#[must_use = "an executor does nothing until a query runs on it"]
pub struct Annotated<'a, E> {
    pub(super) executor: E,
    pub(super) notes: Notes<'a>,
}

impl<'a, E> Annotated<'a, E> {
    /// An executor without attributes.
    pub(super) fn new(executor: E) -> Self {
        Self {
            executor,
            notes: Notes::default(),
        }
    }

    /// Sets `db.operation.name`, such as `SELECT`. Use few distinct values.
    pub fn operation(mut self, operation: &'a str) -> Self {
        self.notes.operation = Some(operation);
        self
    }

    /// Sets `db.collection.name`: the table or collection.
    pub fn collection(mut self, collection: &'a str) -> Self {
        self.notes.collection = Some(collection);
        self
    }

    /// Sets `db.query.summary`, which is otherwise derived from the text.
    pub fn summary(mut self, summary: &'a str) -> Self {
        self.notes.summary = Some(summary);
        self
    }
}

impl<E> fmt::Debug for Annotated<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Annotated")
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}
