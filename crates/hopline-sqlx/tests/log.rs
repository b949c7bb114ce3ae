//! Statement log events in the `log` crate: those of a traced pool contain no values.

use std::sync::Mutex;
use std::time::Duration;

use hopline_sqlx::{ConnectOptionsExt, PoolExt, SqlitePool};
use log::{Level, LevelFilter, Log, Metadata, Record};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Executor};

static SEEN: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Listener;

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Trace
    }

    fn log(&self, record: &Record<'_>) {
        let text = record.args().to_string();
        // skip the statements that sqlx runs to connect
        if record.target() == "sqlx::query" && text.contains(" secrets") {
            SEEN.lock().unwrap().push((record.level(), text));
        }
    }

    fn flush(&self) {}
}

fn seen() -> Vec<(Level, String)> {
    std::mem::take(&mut *SEEN.lock().unwrap())
}

const STATEMENT: &str = "SELECT 'hunter2' AS secrets";

// One test, since a process has one logger.
#[tokio::test]
async fn statements_are_logged_as_configured_and_without_values() {
    log::set_logger(&Listener).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let raw = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    raw.execute(STATEMENT).await.unwrap();
    let plain = seen();
    assert!(
        plain.len() == 1 && plain[0].1.contains("hunter2"),
        "{plain:?}"
    );

    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    pool.execute(STATEMENT).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    tx.execute(STATEMENT).await.unwrap();
    sqlx::query(STATEMENT).fetch_one(&mut tx).await.unwrap();
    tx.rollback().await.unwrap();
    let logged = seen();
    assert_eq!(logged.len(), 3);
    for (level, text) in &logged {
        assert_eq!(*level, Level::Debug);
        assert!(
            text.contains("SELECT ? AS secrets") && !text.contains("hunter2"),
            "{text}"
        );
        for field in [
            "summary=",
            "db.statement=",
            "rows_affected=0",
            "rows_returned=1",
            "elapsed=",
            "elapsed_secs=",
        ] {
            assert!(text.contains(field), "{field} is missing: {text}");
        }
    }

    // thresholds and levels are those of the connect options
    let options: SqliteConnectOptions = "sqlite::memory:".parse().unwrap();
    let slow = options
        .clone()
        .log_statements(LevelFilter::Off)
        .log_slow_statements(LevelFilter::Error, Duration::from_nanos(1));
    let one = SqlitePoolOptions::new().max_connections(1);
    for pool in [
        one.clone()
            .traced()
            .connect_with(slow.clone())
            .await
            .unwrap(),
        one.clone().connect_lazy_with(slow.clone()).traced(),
    ] {
        pool.execute(STATEMENT).await.unwrap();
        let logged = seen();
        assert_eq!(logged.len(), 1);
        let (level, text) = &logged[0];
        assert_eq!(*level, Level::Error);
        assert!(
            text.starts_with("slow statement: execution time exceeded alert threshold"),
            "{text}"
        );
        assert!(
            text.contains("slow_threshold=1ns") && !text.contains("hunter2"),
            "{text}"
        );
    }
    let mut connection = slow.connect_traced().await.unwrap();
    connection.execute(STATEMENT).await.unwrap();
    assert_eq!(seen().len(), 1);
    let quiet = one
        .clone()
        .traced()
        .connect_with(options.clone().disable_statement_logging());
    quiet.await.unwrap().execute(STATEMENT).await.unwrap();
    assert_eq!(seen(), []);

    // a logger at WARN receives slow statements only
    log::set_max_level(LevelFilter::Warn);
    pool.execute(STATEMENT).await.unwrap();
    assert_eq!(seen(), []);
    log::set_max_level(LevelFilter::Trace);

    // options that are set later apply; only `statement_logging` keeps the raw text
    let later = one.connect_lazy_with(options.clone()).traced();
    later.set_connect_options(slow);
    later.execute(STATEMENT).await.unwrap();
    assert!(!seen()[0].1.contains("hunter2"));
    let unchanged = SqlitePoolOptions::new()
        .connect_lazy_with(options)
        .traced()
        .statement_logging();
    unchanged.execute(STATEMENT).await.unwrap();
    let logged = seen();
    assert!(
        logged.len() == 1 && logged[0].1.contains("hunter2"),
        "{logged:?}"
    );
}
