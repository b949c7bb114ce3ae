//! What the application says of a call.

use std::fmt;

use hopline_core::{Name, Span, attr, semconv};

use crate::connection::Connection;
use crate::executor::impl_executor;
use crate::pool::Pool;

/// What the application says of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes<'a> {
    pub(crate) operation: Option<&'a str>,
    pub(crate) collection: Option<&'a str>,
    pub(crate) summary: Option<&'a str>,
}

impl Notes<'_> {
    /// Says it of a span, beside what was read.
    #[inline]
    pub(crate) fn describe(&self, span: &Span) {
        let said = [self.operation, self.collection, self.summary];
        if said.iter().any(Option::is_some) {
            span.set_all(|| {
                [
                    attr("db.operation.name", self.operation),
                    attr("db.collection.name", self.collection),
                    attr(semconv::DB_QUERY_SUMMARY, self.summary),
                ]
            });
        }
    }

    /// As the conventions name spans: by the summary, else by operation and collection, else by the system.
    pub(crate) fn rename(&self, span: &Span, read: &str, system: &'static str) {
        let summary = self.summary.unwrap_or(read);
        if !summary.is_empty() {
            return span.rename(Name::dynamic(summary));
        }
        match (self.operation, self.collection) {
            (Some(operation), Some(collection)) => {
                span.rename(&format!("{operation} {collection}"));
            }
            (Some(only), None) | (None, Some(only)) => span.rename(Name::dynamic(only)),
            (None, None) => span.rename(system),
        }
    }
}

/// An executor whose next call is described by the application; see [`Pool::operation`].
///
/// Any form of query runs on it, the checked macros included.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sqlx::Error> {
/// # use hopline_sqlx::PoolExt;
/// # let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?.traced();
/// let all = sqlx::query("SELECT 1 AS one")
///     .fetch_all(pool.operation("SELECT").collection("one").summary("SELECT one"))
///     .await?;
/// assert_eq!(all.len(), 1);
///
/// let mut tx = pool.begin().await?;
/// sqlx::query("SELECT 1").execute(tx.summary("check")).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
#[must_use = "it is an executor, to be given to a query"]
pub struct Annotated<'a, E> {
    pub(crate) executor: E,
    pub(crate) notes: Notes<'a>,
}

impl<'a, E> Annotated<'a, E> {
    pub(crate) fn new(executor: E) -> Self {
        Self {
            executor,
            notes: Notes::default(),
        }
    }

    /// What the call does, `db.operation.name`: few different ones.
    pub fn operation(mut self, operation: &'a str) -> Self {
        self.notes.operation = Some(operation);
        self
    }

    /// On what it does it, `db.collection.name`.
    pub fn collection(mut self, collection: &'a str) -> Self {
        self.notes.collection = Some(collection);
        self
    }

    /// The call in a few words, `db.query.summary`, instead of those that its text gives.
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

impl_executor!(Annotated<'_, &'c Pool<DB>>, |call| (
    call.executor,
    call.notes
));
impl_executor!(Annotated<'_, &'c mut Connection<'_, DB>>, |call| (
    call.executor,
    call.notes
));
