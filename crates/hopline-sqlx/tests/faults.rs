//! Failures: each span ends once with the right outcome, and the application receives sqlx's error.

#[macro_use]
mod support;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hopline_sqlx::PoolExt;
use hopline_testing::tracer;
use sqlx::pool::PoolOptions;
use sqlx::{Error, Executor};
use support::{boolean, integer, last, mysql_url, open, postgres_url, safe};
use tokio::net::{TcpListener, TcpStream};

on_every_engine! {
    async fn a_pool_without_a_free_connection_times_out(pool, users, spans) {
        let short = PoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(400));
        let url = match SYSTEM { "sqlite" => "sqlite::memory:".to_owned(), "postgresql" => postgres_url(), _ => mysql_url() };
        let short = database_of(pool.raw(), short).connect(&url).await.unwrap().traced();
        let (tracer, spans) = (hopline_core::Tracer::builder().sink(spans.sink()).build(), spans);
        let short = short.tracer(tracer).wait_spans(Duration::ZERO);
        let held = short.raw().acquire().await.unwrap();
        let error = sqlx::query(sql("SELECT id FROM users", &users)).execute(&short).await.unwrap_err();
        assert!(matches!(error, Error::PoolTimedOut));
        let query = spans.one("db.query").failed("pool_timed_out");
        assert!(query.no_attribute("hopline.db.completed").duration_nanos() >= 25_000_000);
        spans.one("db.acquire").child_of("db.query").failed("pool_timed_out");
        spans.take();
        let begun = short.begin().await.map(drop);
        assert!(matches!(begun, Err(Error::PoolTimedOut)));
        spans.one("db.begin").failed("pool_timed_out");
        drop(held);
    }

    async fn a_closed_pool_records_its_class(pool, users, spans) {
        let closed = open::<sqlx::Sqlite>("sqlite::memory:").await.traced();
        closed.close().await;
        assert!(closed.is_closed());
        let tracer = hopline_core::Tracer::builder().sink(spans.sink()).build();
        let error = closed.tracer(tracer).execute("SELECT 1").await.unwrap_err();
        assert!(matches!(error, Error::PoolClosed));
        assert_eq!(last(&spans).text("error.type"), Some("pool_closed"));
        sqlx::query(sql("SELECT id FROM users", &users)).execute(&pool).await.unwrap();
    }

    async fn a_row_that_does_not_decode_is_no_error_of_the_span(pool, users, spans) {
        sqlx::query(sql("INSERT INTO users (id, name) VALUES (1, 'hunter2'), (2, 'x'), (3, 'y')", &users)).execute(pool.raw()).await.unwrap();
        let rows: Result<Vec<(i64,)>, _> = sqlx::query_as(sql("SELECT name FROM users ORDER BY id", &users)).fetch_all(&pool).await;
        assert!(matches!(rows, Err(Error::ColumnDecode { .. })));
        let span = last(&spans);
        assert!(!span.is_error(), "rows are decoded above the executor");
        assert_eq!(boolean(&span, "hopline.db.completed"), Some(false));
        assert!(!format!("{span:?}").contains("hunter2"));
    }

    async fn a_value_that_does_not_encode_is_an_error(pool, users, spans) {
        // as in the checked macros, which encode values first
        let query = sqlx::__query_with_result(sql("SELECT id FROM users WHERE id = $1", &users), no_arguments(pool.raw()));
        let error = query.execute(&pool).await.unwrap_err();
        assert!(matches!(&error, Error::Encode(error) if error.to_string() == "hunter2"));
        let span = last(&spans);
        assert_eq!(span.text("error.type"), Some("encode"));
        assert!(!format!("{span:?}").contains("hunter2"));
    }

    async fn a_failed_transaction_can_be_rolled_back(pool, users, spans) {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query(sql("INSERT INTO users (id) VALUES (1)", &users)).execute(&mut *tx).await.unwrap();
        let error = sqlx::query(sql("INSERT INTO users (id) VALUES (1)", &users)).execute(&mut *tx).await.unwrap_err();
        assert!(error.as_database_error().is_some_and(|error| error.is_unique_violation()));
        tx.rollback().await.unwrap();
        let outcome: Vec<_> = spans.take().into_iter().map(|span| (span.name.clone(), span.is_error())).collect();
        assert_eq!(outcome, [("db.begin".to_owned(), false), ("db.query".to_owned(), false), ("db.query".to_owned(), true), ("db.rollback".to_owned(), false)]);
    }
}

fn no_arguments<DB: sqlx::Database>(
    _of: &sqlx::Pool<DB>,
) -> Result<DB::Arguments, sqlx::error::BoxDynError> {
    Err("hunter2".into())
}

fn database_of<DB: sqlx::Database>(
    _like: &sqlx::Pool<DB>,
    options: PoolOptions<DB>,
) -> PoolOptions<DB> {
    options
}

/// A server, and its statements for these tests.
struct Server {
    url: String,
    /// A statement that takes seconds.
    sleep: &'static str,
    /// Returns the id of the session.
    session: &'static str,
    /// Counts sessions of that id that run `sleep`.
    busy: &'static str,
    /// Ends a session of that id, as a server does on shutdown.
    end: &'static str,
    /// Limits the duration of statements to 50 ms.
    limit: &'static str,
    /// The error code of a statement beyond the limit.
    limited: &'static str,
}

fn postgres() -> Server {
    Server {
        url: postgres_url(),
        sleep: "SELECT CAST(pg_sleep(20) AS text)",
        session: "SELECT CAST(pg_backend_pid() AS bigint)",
        busy: "SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND state = 'active' AND query LIKE '%pg_sleep%'",
        end: "SELECT pg_terminate_backend({})",
        limit: "SET statement_timeout = 50",
        limited: "57014",
    }
}

fn mariadb() -> Server {
    Server {
        url: mysql_url(),
        sleep: "SELECT CAST(SLEEP(20) AS char)",
        session: "SELECT CAST(CONNECTION_ID() AS signed)",
        busy: "SELECT count(*) FROM information_schema.processlist WHERE id = {} AND info LIKE '%SLEEP%'",
        end: "KILL {}",
        limit: "SET max_statement_time = 0.05",
        limited: "1969",
    }
}

/// Waits until the session runs the statement.
macro_rules! until_busy {
    ($server:expr, $session:expr, $other:expr) => {
        let busy = $server.busy.replace("{}", &$session.to_string());
        while sqlx::query_scalar::<_, i64>(safe(&busy))
            .fetch_one(&$other)
            .await
            .unwrap()
            == 0
        {
            tokio::task::yield_now().await;
        }
    };
}

/// Runs each test on both servers.
macro_rules! on_servers {
    ($(async fn $name:ident($server:ident, $pool:ident, $other:ident, $spans:ident) $body:block)*) => {
        mod postgres_fails { use super::*; $(on_servers!(@one $name, sqlx::Postgres, postgres(), $server, $pool, $other, $spans, $body);)* }
        mod mariadb_fails { use super::*; $(on_servers!(@one $name, sqlx::MySql, mariadb(), $server, $pool, $other, $spans, $body);)* }
    };
    (@one $name:ident, $database:ty, $make:expr, $server:ident, $pool:ident, $other:ident, $spans:ident, $body:block) => {
        #[tokio::test]
        async fn $name() {
            let $server = $make;
            let (tracer, $spans) = tracer("svc");
            let $pool = open::<$database>(&$server.url).await.traced().tracer(tracer);
            let $other = open::<$database>(&$server.url).await;
            $body
        }
    };
}

/// A TCP proxy to a server. Cutting it closes its connections without a message, as a crash does.
struct Proxy {
    cut: tokio::sync::watch::Sender<bool>,
}

impl Proxy {
    async fn to(url: &str) -> (Self, String) {
        let parsed = url.rsplit_once('@').unwrap().1;
        let server: u16 = parsed
            .split_once('/')
            .unwrap()
            .0
            .rsplit_once(':')
            .unwrap()
            .1
            .parse()
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, _) = tokio::sync::watch::channel(false);
        let cuts = cut.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))
                        .await
                        .unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        let url = url.replace(&format!(":{server}/"), &format!(":{port}/"));
        (Self { cut }, url)
    }
}

on_servers! {
    async fn a_server_lost_in_a_query_is_an_error(server, pool, other, spans) {
        let mut connection = pool.acquire().await.unwrap();
        let session: i64 = sqlx::query_scalar(server.session).fetch_one(&mut connection).await.unwrap();
        spans.take();
        let end = safe(&server.end.replace("{}", &session.to_string()));
        let query = async { connection.execute(server.sleep).await.unwrap_err() };
        let kill = async {
            until_busy!(server, session, other);
            other.execute(end).await.unwrap();
        };
        let (error, ()) = tokio::join!(query, kill);
        let span = last(&spans);
        assert!(span.is_error() && span.duration_nanos() < 15_000_000_000);
        let expected = match &error {
            Error::Database(error) => error.code().unwrap().into_owned(),
            Error::Io(_) => "io".to_owned(),
            error => panic!("{error}"),
        };
        // Postgres sends 57P01; MariaDB sends 1927 or closes the connection
        assert!(["57P01", "io", "70100"].contains(&expected.as_str()), "{expected}");
        assert_eq!(span.text("error.type").is_some(), span.is_error());
        drop(connection);
        pool.execute("SELECT 1").await.unwrap();
        assert!(!last(&spans).is_error(), "the pool opens another connection");
    }

    async fn a_server_lost_in_a_transaction_fails_the_next_statements(server, pool, other, spans) {
        let mut tx = pool.begin().await.unwrap();
        let session: i64 = sqlx::query_scalar(server.session).fetch_one(&mut *tx).await.unwrap();
        other.execute(safe(&server.end.replace("{}", &session.to_string()))).await.unwrap();
        let error = (&mut *tx).execute("SELECT 1").await.unwrap_err();
        assert!(matches!(error, Error::Io(_) | Error::Database(_)), "{error}");
        let commit = tx.commit().await.unwrap_err();
        assert!(matches!(commit, Error::Io(_) | Error::Database(_)), "{commit}");
        let seen: Vec<_> = spans.take().into_iter().map(|span| (span.name.clone(), span.is_error(), span.text("error.type").is_some())).collect();
        let expected = [("db.begin", false, false), ("db.query", false, false), ("db.query", true, true), ("db.commit", true, true)];
        assert_eq!(seen.iter().map(|(name, failed, typed)| (name.as_str(), *failed, *typed)).collect::<Vec<_>>(), expected);
    }

    async fn a_statement_beyond_the_servers_time_limit_fails(server, pool, other, spans) {
        let mut connection = pool.acquire().await.unwrap();
        connection.execute(server.limit).await.unwrap();
        spans.take();
        let error = connection.execute(server.sleep).await.unwrap_err();
        assert!(error.as_database_error().is_some());
        let span = last(&spans);
        assert_eq!((span.text("error.type"), span.text("db.response.status_code")), (Some(server.limited), Some(server.limited)));
        // the limit must not apply to later users of the connection
        drop(connection.detach());
        other.execute("SELECT 1").await.unwrap();
    }

    async fn a_dropped_future_ends_its_span_at_once(server, pool, other, spans) {
        let started = Instant::now();
        let query = pool.execute(server.sleep);
        assert!(tokio::time::timeout(Duration::from_millis(60), query).await.is_err());
        let span = last(&spans);
        assert_eq!((boolean(&span, "hopline.db.completed"), span.is_error(), integer(&span, "db.response.returned_rows")), (Some(false), false, Some(0)));
        assert!(started.elapsed() < Duration::from_secs(10) && span.duration_nanos() < 10_000_000_000);
        other.execute("SELECT 1").await.unwrap();
    }

    async fn a_connection_broken_in_a_query_is_an_error_of_that_class(server, pool, other, spans) {
        let (proxy, url) = Proxy::to(&server.url).await;
        let cut = database_of(pool.raw(), PoolOptions::new().max_connections(1)).connect(&url).await.unwrap();
        let tracer = hopline_core::Tracer::builder().sink(spans.sink()).build();
        let cut = cut.traced().tracer(tracer);
        let session: i64 = sqlx::query_scalar(server.session).fetch_one(&cut).await.unwrap();
        spans.take();
        let query = async { cut.execute(server.sleep).await.unwrap_err() };
        let breaks = async {
            until_busy!(server, session, other);
            proxy.cut.send(true).unwrap();
        };
        let (error, ()) = tokio::join!(query, breaks);
        assert!(matches!(error, Error::Io(_)), "{error}");
        let span = last(&spans);
        assert_eq!((span.text("error.type"), span.text("db.response.status_code")), (Some("io"), None));
        cut.execute("SELECT 1").await.unwrap();
        assert!(!last(&spans).is_error(), "the pool opens another connection");
    }
}
