//! Statements on a pool. Apart from `pool.rs`, beside the same functions of the connection, so that the two can be
//! compared.
//!
//! The span starts at the call and includes the wait for a connection. Each function has one box, as sqlx's pool does:
//! the future acquires a connection and runs the driver's future in place.

use std::pin::Pin;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt;
use sqlx::{Error, Execute, SqlStr};
use sqlx_core::describe::Describe;

use crate::database::{Call, Step, TracedDatabase};
use crate::span::{Notes, StatementRecord};
use crate::traced::annotated::Annotated;
use crate::traced::executor::impl_executor;
use crate::traced::pool::Pool;
use crate::traced::stream::{RecordedStream, recorded_row};

impl<DB: TracedDatabase> Pool<DB> {
    /// Acquires a connection and runs a statement, for `fetch_many`.
    pub(super) fn many<'e, 'q: 'e, E>(
        &self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let mut record = StatementRecord::<DB>::new(self.spans().statement(&mut call, notes));
        let source = self.source();
        // one box, as sqlx's own pool has for its generator
        in_box(|| {
            async_stream::try_stream! {
                let acquired = source.acquire(record.waiting()).await;
                let mut connection = acquired.inspect_err(|error| record.fail(error))?;
                let mut steps = RecordedStream::new(DB::connection_fetch_many(&mut connection, call), record);
                while let Some(step) = steps.try_next().await? {
                    yield step;
                }
            }
        })
    }

    /// Acquires a connection and runs a statement, for `fetch_optional`.
    pub(super) fn optional<'e, 'q: 'e, E>(
        &self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let mut record = StatementRecord::<DB>::new(self.spans().statement(&mut call, notes));
        let source = self.source();
        in_box(|| async move {
            // a `match`, since each moved value would occupy the future twice
            let mut connection = match source.acquire(record.waiting()).await {
                Ok(connection) => connection,
                Err(error) => {
                    record.fail(&error);
                    return Err(error);
                }
            };
            let row = DB::connection_fetch_optional(&mut connection, call);
            recorded_row(row, &mut record).await
        })
    }

    /// Acquires a connection and prepares a statement, for `prepare_with`.
    pub(super) fn prepared<'e>(
        &self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<DB::Statement, Error>> {
        let mut span = self.spans().prepare(sql.as_str(), notes);
        let source = self.source();
        in_box(|| async move {
            let prepare = async {
                let mut connection = source.acquire(span.waiting()).await?;
                DB::connection_prepare_with(&mut connection, sql, parameters).await
            };
            let prepared = prepare.await;
            span.end::<DB, _>(prepared)
        })
    }

    /// Acquires a connection and describes a statement, for `describe`.
    pub(super) fn described<'e>(
        &self,
        sql: SqlStr,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>> {
        let mut span = self.spans().describe(sql.as_str(), notes);
        let source = self.source();
        in_box(|| async move {
            let describe = async {
                let mut connection = source.acquire(span.waiting()).await?;
                DB::connection_describe(&mut connection, sql).await
            };
            let described = describe.await;
            span.end::<DB, _>(described)
        })
    }
}

/// Creates a future or stream in its box. One that is created first is copied into the box as a whole, and those that
/// acquire a connection have several kB, most of it uninitialised.
#[inline]
fn in_box<T>(make: impl FnOnce() -> T) -> Pin<Box<T>> {
    let place = Box::new_uninit();
    Box::write(place, make()).into()
}

impl_executor!(&'_ Pool<DB>, |pool| (pool, Notes::default()));
impl_executor!(Annotated<'_, &'c Pool<DB>>, |call| (
    call.executor,
    call.notes
));
