//! Statements on a connection. Apart from `connection.rs`, beside the same functions of the pool, so that the two can be
//! compared.
//!
//! A statement that is neither recorded nor logged returns the driver's own future or stream, without a box around it.

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Error, Execute, SqlStr};
use sqlx_core::describe::Describe;

use crate::database::{Call, Step, TracedDatabase};
use crate::span::{Notes, StatementRecord};
use crate::traced::annotated::Annotated;
use crate::traced::connection::Connection;
use crate::traced::executor::impl_executor;
use crate::traced::stream::{RecordedStream, recorded_row};

impl<DB: TracedDatabase> Connection<'_, DB> {
    /// Runs a statement, for `fetch_many`.
    pub(super) fn many<'c, 'e, 'q: 'e, E>(
        &'c mut self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let started = self.spans().statement(&mut call, notes);
        let steps = DB::connection_fetch_many(self.raw_mut(), call);
        if !started.is_watched() {
            return steps;
        }
        Box::pin(RecordedStream::new(
            steps,
            StatementRecord::<DB>::new(started),
        ))
    }

    /// Runs a statement, for `fetch_optional`.
    pub(super) fn optional<'c, 'e, 'q: 'e, E>(
        &'c mut self,
        query: E,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let mut call = Call::<DB>::new(query);
        let started = self.spans().statement(&mut call, notes);
        let row = DB::connection_fetch_optional(self.raw_mut(), call);
        if !started.is_watched() {
            return row;
        }
        let mut record = StatementRecord::<DB>::new(started);
        Box::pin(async move { recorded_row(row, &mut record).await })
    }

    /// Prepares a statement, for `prepare_with`.
    pub(super) fn prepared<'c, 'e>(
        &'c mut self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'c: 'e,
    {
        let span = self.spans().prepare(sql.as_str(), notes);
        let prepare = DB::connection_prepare_with(self.raw_mut(), sql, parameters);
        Box::pin(async move { span.end::<DB, _>(prepare.await) })
    }

    /// Describes a statement, for `describe`.
    pub(super) fn described<'c, 'e>(
        &'c mut self,
        sql: SqlStr,
        notes: Notes<'_>,
    ) -> BoxFuture<'e, Result<Describe<DB>, Error>>
    where
        'c: 'e,
    {
        let span = self.spans().describe(sql.as_str(), notes);
        let describe = DB::connection_describe(self.raw_mut(), sql);
        Box::pin(async move { span.end::<DB, _>(describe.await) })
    }
}

impl_executor!(&'c mut Connection<'_, DB>, |connection| (
    connection,
    Notes::default()
));
impl_executor!(Annotated<'_, &'c mut Connection<'_, DB>>, |call| (
    call.executor,
    call.notes
));
