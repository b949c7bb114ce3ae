//! Pools with open connections: `.traced()` keeps the connections, and their log events contain no values.

mod support;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use futures_util::future::join_all;
use hopline_sqlx::{PoolExt, TracedDatabase};
use hopline_testing::tracer;
use log::LevelFilter;
use sqlx::pool::PoolOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use support::{mysql_url, postgres_url, safe};
use tracing::{Instrument, Level, info_span};
use tracing_subscriber::fmt::format::FmtSpan;

/// The output of `tracing_subscriber::fmt`, as an application has it.
#[derive(Clone, Copy)]
struct Lines;

static LINES: Mutex<String> = Mutex::new(String::new());

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES
            .lock()
            .unwrap()
            .push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| Lines)
            .with_ansi(false)
            .with_max_level(Level::DEBUG)
            .with_span_events(FmtSpan::CLOSE)
            .init();
    });
}

/// The lines that mention a table, one for each event.
fn lines(table: &str) -> Vec<String> {
    let all = LINES.lock().unwrap();
    all.lines()
        .filter(|line| line.contains(table))
        .map(str::to_owned)
        .collect()
}

const WARM: u32 = 8;

/// Traces a pool with open connections, and counts calls of `after_connect`.
async fn keeps_its_connections<DB>(url: &str, sleep: &str)
where
    DB: TracedDatabase,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    subscribe();
    let table = support::table();
    let connects = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connects);
    let options: <DB::Connection as Connection>::Options = url.parse().unwrap();
    let raw = PoolOptions::<DB>::new()
        .min_connections(WARM)
        .max_connections(WARM)
        .after_connect(move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        })
        .connect_with(options.log_slow_statements(LevelFilter::Warn, Duration::from_millis(300)))
        .await
        .unwrap();
    while raw.size() < WARM {
        tokio::task::yield_now().await;
    }
    (&mut *raw.acquire().await.unwrap())
        .execute(safe(&format!("CREATE TABLE {table} (a TEXT)")))
        .await
        .unwrap();
    LINES.lock().unwrap().push('\n');
    let before = lines(&table).len();

    let (tracer, spans) = tracer("svc");
    let pool = raw.clone().traced().tracer(tracer);
    // on all connections at once, with and without a transaction, with complete and partial results
    let held = join_all((0..WARM).map(|_| pool.acquire())).await;
    for connection in held {
        let mut connection = connection.unwrap();
        connection
            .execute(safe(&format!("SELECT 'hunter2', a FROM {table}")))
            .await
            .unwrap();
        let mut tx = connection.begin().await.unwrap();
        tx.execute(safe(&format!("INSERT INTO {table} VALUES ('hunter2')")))
            .await
            .unwrap();
        tx.fetch_optional(safe(&format!("SELECT 'hunter2', a FROM {table}")))
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    }
    pool.execute(safe(&format!("SELECT 'hunter2', a FROM {table}")))
        .await
        .unwrap();
    let slow = sleep.replace("users", &table);
    pool.execute(safe(&slow)).await.unwrap();

    assert_eq!(
        (raw.size(), connects.load(Ordering::Relaxed)),
        (WARM, WARM as usize),
        "none was closed or opened"
    );
    let logged = lines(&table)[before..].to_vec();
    let count = |text: &str| logged.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("hunter2"), 0, "{logged:#?}");
    let summaries = logged
        .iter()
        .filter(|line| line.contains("summary="))
        .count();
    assert_eq!(summaries, 3 * WARM as usize + 2, "each once: {logged:#?}");
    let warned: Vec<&String> = logged
        .iter()
        .filter(|line| line.contains("WARN") && line.contains("slow statement"))
        .collect();
    assert_eq!(warned.len(), 1, "{logged:#?}");
    assert!(warned[0].contains("slow_threshold=300ms"), "{warned:?}");
    assert_eq!(spans.named("db.query").len(), summaries);
    pool.raw()
        .acquire()
        .await
        .unwrap()
        .execute(safe(&format!("DROP TABLE {table}")))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_warm_pool_keeps_its_connections_on_postgres() {
    keeps_its_connections::<sqlx::Postgres>(
        &postgres_url(),
        "SELECT pg_sleep(0.4)::text, 'hunter2' FROM users LIMIT 1",
    )
    .await;
}

#[tokio::test]
async fn a_warm_pool_keeps_its_connections_on_mariadb() {
    keeps_its_connections::<sqlx::MySql>(
        &mysql_url(),
        "SELECT SLEEP(0.4), 'hunter2' FROM users LIMIT 1",
    )
    .await;
}

#[tokio::test]
async fn a_warm_pool_keeps_its_connections_on_sqlite() {
    let file = std::env::temp_dir().join(support::table());
    // takes longer than the threshold
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) \
                SELECT count(*), 'hunter2' FROM n, (SELECT a FROM users LIMIT 1)";
    keeps_its_connections::<sqlx::Sqlite>(&format!("sqlite:{}?mode=rwc", file.display()), slow)
        .await;
    std::fs::remove_file(&file).unwrap();
}

/// Connections that the application opened, and a detached one.
#[tokio::test]
async fn a_borrowed_connection_logs_no_values() {
    use hopline_sqlx::ConnectionExt;

    subscribe();
    let table = support::table();
    let statement = || safe(&format!("SELECT 'hunter2' AS {table}"));
    let mut connection = sqlx::PgConnection::connect(&postgres_url()).await.unwrap();
    connection.traced_mut().execute(statement()).await.unwrap();
    let pool = hopline_sqlx::PgPool::connect_lazy(&postgres_url()).unwrap();
    let mut borrowed = hopline_sqlx::Connection::borrowed(&mut connection, &pool);
    borrowed.execute(statement()).await.unwrap();
    drop(borrowed);
    let mut traced = connection.traced();
    let row = traced.fetch_optional(statement()).await.unwrap();
    assert!(row.is_some());
    let warm = sqlx::PgPool::connect(&postgres_url()).await.unwrap();
    let mut detached = warm.traced().acquire().await.unwrap().detach();
    detached.execute(statement()).await.unwrap();
    let logged = lines(&table);
    assert!(
        logged.len() == 4 && logged.iter().all(|line| !line.contains("hunter2")),
        "{logged:?}"
    );
}

/// Other events and spans are unchanged: events are in their spans, and spans end.
#[tokio::test]
async fn other_events_and_spans_pass() {
    subscribe();
    let table = support::table();
    let warm = sqlx::PgPool::connect(&postgres_url()).await.unwrap();
    let noted = safe("DO $$ BEGIN RAISE NOTICE 'noted'; END $$");
    let span = info_span!("request", %table);
    warm.traced().execute(noted).instrument(span).await.unwrap();
    let one = PoolOptions::<sqlx::Sqlite>::new().max_connections(1);
    let warm = one.connect("sqlite::memory:").await.unwrap().traced();
    let span = info_span!("other", %table);
    warm.execute("SELECT 'hunter2'")
        .instrument(span)
        .await
        .unwrap();
    // SQLite's thread may hold the span a moment longer
    while lines(&table)
        .iter()
        .filter(|line| line.contains("close"))
        .count()
        < 2
    {
        tokio::task::yield_now().await;
    }
    let logged = lines(&table);
    let notice = logged.iter().find(|line| line.contains("noted")).unwrap();
    assert!(
        notice.contains("sqlx::postgres::notice") && notice.contains("request{"),
        "{notice}"
    );
    let statement = logged
        .iter()
        .filter(|line| line.contains("summary=") && line.contains("other{"));
    assert_eq!(statement.count(), 1, "{logged:#?}");
    assert!(!logged.concat().contains("hunter2"), "{logged:#?}");
}
