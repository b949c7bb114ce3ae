//! Helpers for several test programs: servers, tables, values of spans, and a macro for tests on every engine.

#![allow(
    dead_code,
    unused_macros,
    unreachable_pub,
    missing_docs,
    reason = "each test program uses some of it"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use hopline_core::export::SpanData;
use hopline_sqlx::redact::Dialect;
use hopline_testing::Spans;
use sqlx::AssertSqlSafe;
use sqlx::pool::PoolOptions;

pub const ENGINES: [(&str, Dialect); 3] = [
    ("postgresql", Dialect::Postgres),
    ("mysql", Dialect::MySql),
    ("sqlite", Dialect::Sqlite),
];

/// The URL of a server. Fails the test if there is none.
pub fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask services` and export what it prints")
    })
}

pub fn postgres_url() -> String {
    server("HOPLINE_TEST_POSTGRES_URL")
}

pub fn mysql_url() -> String {
    server("HOPLINE_TEST_MYSQL_URL")
}

/// A pool of one connection: each connection to SQLite's memory has a separate database, and tests can make calls wait.
pub async fn open<DB: sqlx::Database>(url: &str) -> sqlx::Pool<DB> {
    sqlx::any::install_default_drivers();
    let one = PoolOptions::new().max_connections(1);
    one.connect(url).await.unwrap()
}

/// A unique table name, since tests share the servers.
pub fn table() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("t{}_{next}", std::process::id())
}

pub fn safe(text: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(text.to_owned())
}

/// Replaces bind markers by MySQL's.
pub fn question_marks(text: &str) -> String {
    ["$1", "$2", "$3"]
        .iter()
        .fold(text.to_owned(), |text, marker| text.replace(marker, "?"))
}

pub fn integer(span: &SpanData, key: &str) -> Option<i64> {
    span.attribute(key).and_then(|value| value.as_i64())
}

pub fn boolean(span: &SpanData, key: &str) -> Option<bool> {
    span.attribute(key).and_then(|value| value.as_bool())
}

/// The only span since the last call.
#[track_caller]
pub fn last(spans: &Spans) -> SpanData {
    let all = spans.take();
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

/// Runs each body on every engine. There, `pool` is a traced pool of one connection, `users` is the name of an empty table,
/// `sql` replaces `users` in a statement by that name, and these constants depend on the engine:
///
/// | | |
/// |---|---|
/// | `SYSTEM` | the value of `db.system.name` |
/// | `DUPLICATE` | the error code of a duplicate key |
/// | `BEGIN` | a custom statement that begins a transaction |
macro_rules! on_every_engine {
    (@engine $module:ident, $database:ty, $url:expr, $markers:expr, $system:expr, $duplicate:expr, $begin:expr,
        $($(#[$attribute:meta])* async fn $name:ident($pool:ident, $users:ident, $spans:ident) $body:block)*) => {
        #[allow(dead_code, unused_imports, reason = "not every body uses all there is")]
        mod $module {
            use super::*;

            const SYSTEM: &str = $system;
            const DUPLICATE: &str = $duplicate;
            const BEGIN: &str = $begin;

            fn sql(text: &str, users: &str) -> sqlx::AssertSqlSafe<String> {
                sqlx::AssertSqlSafe($markers(&text.replace("users", users)))
            }

            $(
                #[tokio::test]
                async fn $name() {
                    let $users = crate::support::table();
                    let raw = crate::support::open::<$database>(&$url).await;
                    let create = format!("CREATE TABLE {} (id BIGINT PRIMARY KEY, name TEXT)", $users);
                    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&raw).await.unwrap();
                    let (tracer, $spans) = hopline_testing::tracer("svc");
                    let $pool = hopline_sqlx::PoolExt::traced(raw.clone()).tracer(tracer);
                    $body
                    sqlx::query(sqlx::AssertSqlSafe(format!("DROP TABLE {}", $users))).execute(&raw).await.unwrap();
                }
            )*
        }
    };
    ($($body:tt)*) => {
        on_every_engine! { @engine on_sqlite, sqlx::Sqlite, "sqlite::memory:".to_owned(), str::to_owned, "sqlite", "1555", "BEGIN IMMEDIATE", $($body)* }
        on_every_engine! { @engine on_postgres, sqlx::Postgres, crate::support::postgres_url(), str::to_owned, "postgresql", "23505", "BEGIN ISOLATION LEVEL SERIALIZABLE", $($body)* }
        on_every_engine! { @engine on_mariadb, sqlx::MySql, crate::support::mysql_url(), crate::support::question_marks, "mysql", "1062", "START TRANSACTION READ WRITE", $($body)* }
        on_every_engine! { @engine on_any, sqlx::Any, "sqlite::memory:".to_owned(), str::to_owned, "sqlite", "1555", "BEGIN IMMEDIATE", $($body)* }
    };
}
