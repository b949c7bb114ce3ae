//! Migrations, with a span for each. Methods of [`Pool`] and [`Connection`] are here because a feature enables them.
//!
//! sqlx's [`Migrator`] is generic over the trait `Migrate`. It runs on `Migrations`, which forwards to the driver's
//! implementation. Locking and the table of applied migrations have no spans.

use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator};

use crate::database::TracedDatabase;
use crate::span::{Spans, StepSpan};
use crate::traced::connection::Connection;
use crate::traced::pool::Pool;

impl<DB: TracedDatabase> Pool<DB>
where
    DB::Connection: Migrate,
{
    /// Runs the pending migrations, as `migrator.run(&pool)` does with sqlx's pool. Each is a span `db.migrate`, with its
    /// version as `hopline.db.migration`.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use hopline_sqlx::SqlitePool;
    /// use sqlx::migrate::Migrator;
    ///
    /// static MIGRATIONS: Migrator = Migrator::DEFAULT; // sqlx::migrate!()
    ///
    /// let pool = SqlitePool::connect("sqlite::memory:").await?;
    /// pool.migrate(&MIGRATIONS).await?;
    /// let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&pool).await?;
    /// assert_eq!(applied, 0);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of [`Migrator::run`].
    pub async fn migrate(&self, migrator: &Migrator) -> Result<(), MigrateError> {
        self.take().await?.migrate(migrator).await
    }

    /// Runs the pending migrations up to a version, as [`Migrator::run_to`]. Later ones stay pending.
    ///
    /// # Errors
    ///
    /// Returns the error of [`Migrator::run_to`].
    pub async fn migrate_to(&self, migrator: &Migrator, version: i64) -> Result<(), MigrateError> {
        self.take().await?.migrate_to(migrator, version).await
    }
}

impl<DB: TracedDatabase> Connection<'_, DB>
where
    DB::Connection: Migrate,
{
    /// Runs the pending migrations. See [`Pool::migrate`].
    ///
    /// # Errors
    ///
    /// Returns the error of [`Migrator::run`].
    pub async fn migrate(&mut self, migrator: &Migrator) -> Result<(), MigrateError> {
        migrator
            .run_direct(None, &mut self.migrations(), false)
            .await
    }

    /// Runs the pending migrations up to a version.
    ///
    /// # Errors
    ///
    /// Returns the error of [`Migrator::run_to`].
    pub async fn migrate_to(
        &mut self,
        migrator: &Migrator,
        version: i64,
    ) -> Result<(), MigrateError> {
        migrator
            .run_direct(Some(version), &mut self.migrations(), false)
            .await
    }

    /// The wrapper that the migrator runs on.
    fn migrations(&mut self) -> Migrations<'_, DB> {
        let spans = self.spans().clone();
        Migrations {
            connection: self.raw_mut(),
            spans,
        }
    }
}

/// Forwards to the driver's `Migrate`, with a span around applying and reverting a migration.
struct Migrations<'c, DB: TracedDatabase> {
    /// The driver's connection, without its own spans.
    connection: &'c mut DB::Connection,
    /// Starts the spans with the settings of the pool.
    spans: Spans,
}

impl<DB: TracedDatabase> Migrations<'_, DB> {
    /// Starts the span of a migration.
    fn span(&self, migration: &Migration) -> StepSpan {
        self.spans
            .migration(migration.sql.as_str(), migration.version)
    }
}

/// Runs a migration and ends its span with the outcome.
///
/// An error of the database has the class of a statement's error; any other one is `migration`.
async fn run<DB: TracedDatabase>(
    span: StepSpan,
    work: BoxFuture<'_, Result<Duration, MigrateError>>,
) -> Result<Duration, MigrateError> {
    let result = work.await;
    span.end_with(|step| match &result {
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            step.fail::<DB>(error);
        }
        Err(_) => step.fail_as("migration"),
        Ok(_) => {}
    });
    result
}

/// Only `apply` and `revert` run the application's SQL, so only they have spans.
impl<DB: TracedDatabase> Migrate for Migrations<'_, DB>
where
    DB::Connection: Migrate,
{
    fn create_schema_if_not_exists<'e>(
        &'e mut self,
        schema_name: &'e str,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.connection.create_schema_if_not_exists(schema_name)
    }

    fn ensure_migrations_table<'e>(
        &'e mut self,
        table_name: &'e str,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.connection.ensure_migrations_table(table_name)
    }

    fn dirty_version<'e>(
        &'e mut self,
        table_name: &'e str,
    ) -> BoxFuture<'e, Result<Option<i64>, MigrateError>> {
        self.connection.dirty_version(table_name)
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table_name: &'e str,
    ) -> BoxFuture<'e, Result<Vec<AppliedMigration>, MigrateError>> {
        self.connection.list_applied_migrations(table_name)
    }

    fn lock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        self.connection.lock()
    }

    fn unlock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        self.connection.unlock()
    }

    fn apply<'e>(
        &'e mut self,
        table_name: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        let span = self.span(migration);
        let apply = self.connection.apply(table_name, migration);
        Box::pin(run::<DB>(span, apply))
    }

    fn revert<'e>(
        &'e mut self,
        table_name: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        let span = self.span(migration);
        let revert = self.connection.revert(table_name, migration);
        Box::pin(run::<DB>(span, revert))
    }

    fn skip<'e>(
        &'e mut self,
        table_name: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.connection.skip(table_name, migration)
    }
}
