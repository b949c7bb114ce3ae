//! sqlx's own log events hold raw text: of a traced pool there are none.

use std::sync::Mutex;

use hopline_sqlx::PoolExt;
use log::{Level, LevelFilter, Log, Metadata, Record};
use sqlx::Executor;
use sqlx::sqlite::SqlitePoolOptions;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Trace
    }

    fn log(&self, record: &Record<'_>) {
        // sqlx's own statements while it connects hold nothing of the application's
        if record.target() == "sqlx::query" && record.args().to_string().contains("hunter2") {
            SEEN.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

fn seen() -> usize {
    std::mem::take(&mut *SEEN.lock().unwrap()).len()
}

// One test, since the process has one logger.
#[tokio::test]
async fn statements_are_logged_only_where_asked_for() {
    log::set_logger(&Listener).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let file = std::env::temp_dir().join(format!("silence-{}", std::process::id()));
    let url = format!("sqlite:{}?mode=rwc", file.display());
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(2)
        .connect(&url)
        .await
        .unwrap();
    pool.execute("SELECT 'hunter2'").await.unwrap();
    assert_eq!(seen(), 1, "a pool that is not traced logs");

    // also by the connection that was open before
    let traced = pool.clone().traced();
    for _ in 0..3 {
        traced.execute("SELECT 'hunter2'").await.unwrap();
        traced
            .begin()
            .await
            .unwrap()
            .execute("SELECT 'hunter2'")
            .await
            .unwrap();
    }
    let (one, other) = (
        traced.acquire().await.unwrap(),
        traced.acquire().await.unwrap(),
    );
    for mut connection in [one, other] {
        connection.execute("SELECT 'hunter2'").await.unwrap();
    }
    assert_eq!(seen(), 0, "a traced pool is silent");

    let asked = SqlitePoolOptions::new()
        .max_connections(1)
        .connect(&url)
        .await
        .unwrap()
        .traced()
        .statement_logging();
    asked.execute("SELECT 'hunter2'").await.unwrap();
    assert_eq!(seen(), 1);

    // the database goes with its connection, so that stays
    let memory = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    memory.execute("CREATE TABLE t (a)").await.unwrap();
    memory.traced().execute("SELECT a FROM t").await.unwrap();
    std::fs::remove_file(&file).unwrap();
}
