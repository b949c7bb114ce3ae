//! Generated statements are valid: each engine runs 5,000 of them.

mod support;

use hopline_sqlx::redact::Dialect;
use hopline_sqlx::{Connection, PoolExt, TracedDatabase};
use hopline_test_support::sql::{Generator, NUMBER, TEXT, drop_schema, schema};
use hopline_testing::tracer;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};
use support::server;

const STATEMENTS: usize = 5_000;

/// Runs each statement in a transaction that is rolled back. Irreversible statements are only prepared.
macro_rules! run_generated {
    ($pool:expr, $dialect:expr) => {{
        let dialect: Dialect = $dialect;
        let (tracer, spans) = tracer("generated");
        let pool = $pool.traced().tracer(tracer);
        sqlx::raw_sql(AssertSqlSafe(drop_schema(dialect)))
            .execute(pool.raw())
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(schema(dialect)))
            .execute(pool.raw())
            .await
            .unwrap();
        let mut connection = pool.acquire().await.unwrap();
        let mut generator = Generator::new(dialect, 3);
        for number in 0..STATEMENTS {
            let generated = generator.statement();
            let mut tx = connection.begin().await.unwrap();
            let done = if generated.prepare_only {
                prepare(&mut tx, &generated.sql).await
            } else {
                sqlx::raw_sql(AssertSqlSafe(generated.sql.clone()))
                    .execute(&mut *tx)
                    .await
                    .map(drop)
            };
            tx.rollback().await.unwrap();
            if let Err(error) = done {
                panic!("{dialect:?}, number {number}: {error}\n{}", generated.sql);
            }
            let seen = spans.take();
            let name = if generated.prepare_only {
                "db.prepare"
            } else {
                "db.query"
            };
            let statement = seen.iter().find(|span| span.name == name).unwrap();
            assert_eq!(
                statement
                    .text("db.query.text")
                    .map(|text| text.ends_with("?…")),
                Some(!generated.whole)
            );
            // without times and ids, which contain arbitrary numbers
            let all: Vec<_> = seen
                .iter()
                .map(|span| (&span.name, &span.attributes))
                .collect();
            let all = format!("{all:?}").to_ascii_lowercase();
            assert!(!all.contains(TEXT) && !all.contains(NUMBER), "{all}");
        }
        sqlx::raw_sql(AssertSqlSafe(drop_schema(dialect)))
            .execute(pool.raw())
            .await
            .unwrap();
    }};
}

async fn prepare<DB: TracedDatabase>(
    connection: &mut Connection<'_, DB>,
    sql: &str,
) -> sqlx::Result<()> {
    let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
    connection.prepare(sql).await.map(drop)
}

#[tokio::test]
async fn postgres_runs_generated_statements() {
    let url = server("HOPLINE_TEST_POSTGRES_URL");
    run_generated!(
        sqlx::PgPool::connect(&url).await.unwrap(),
        Dialect::Postgres
    );
}

#[tokio::test]
async fn mariadb_runs_generated_statements() {
    let url = server("HOPLINE_TEST_MYSQL_URL");
    run_generated!(
        sqlx::MySqlPool::connect(&url).await.unwrap(),
        Dialect::MySql
    );
}

#[tokio::test]
async fn sqlite_runs_generated_statements() {
    let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(2);
    let pool = one
        .connect("sqlite:file:generated?mode=memory&cache=shared")
        .await
        .unwrap();
    run_generated!(pool, Dialect::Sqlite);
}
