//! A database that stops during a query and during a transaction, and restarts.
//!
//! A plain pool runs the same statements at the same time. The application receives the same results from both.

use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use hopline_core::export::SpanData;
use hopline_restarts::{Kind, Server};
use hopline_sqlx::{PoolExt, TracedDatabase};
use hopline_testing::{Spans, tracer};
use sqlx::pool::PoolOptions;
use sqlx::{ColumnIndex, Decode, Error, Executor, Type};
use tokio::task::block_in_place;

/// The time limit of a test, generous for a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A server, and its statements for these tests.
struct Database {
    kind: Kind,
    /// A statement that takes longer than the shutdown of a server.
    sleep: &'static str,
    /// Counts the sessions that run `sleep`.
    asleep: &'static str,
}

const POSTGRES: Database = Database {
    kind: Kind::POSTGRES,
    sleep: "SELECT CAST(pg_sleep(60) AS text)",
    asleep: "SELECT count(*) FROM pg_stat_activity \
             WHERE state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()",
};

const MARIADB: Database = Database {
    kind: Kind::MARIADB,
    sleep: "SELECT CAST(SLEEP(60) AS char)",
    asleep: "SELECT count(*) FROM information_schema.processlist \
             WHERE info LIKE '%SLEEP%' AND id <> CONNECTION_ID()",
};

const BROKEN: [ErrorKind; 3] = [
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionReset,
    ErrorKind::UnexpectedEof,
];

/// A way to stop a server.
type Down = fn(&mut Server) -> hopline_restarts::Result<()>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_stopped_and_started_again() {
    let mut server = block_in_place(|| Server::start(POSTGRES.kind)).unwrap();
    let killed = stops_and_restarts::<sqlx::Postgres>(&mut server, &POSTGRES, Server::kill);
    assert_eq!(in_time(killed).await, ["io", "io", "io"]);
    let stopped = stops_and_restarts::<sqlx::Postgres>(&mut server, &POSTGRES, Server::stop);
    // it sends an error before it closes connections
    assert_eq!(in_time(stopped).await, ["57P01", "57P01", "io"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_is_stopped_and_started_again() {
    let mut server = block_in_place(|| Server::start(MARIADB.kind)).unwrap();
    let killed = stops_and_restarts::<sqlx::MySql>(&mut server, &MARIADB, Server::kill);
    assert_eq!(in_time(killed).await, ["io", "io", "io"]);
    let stopped = stops_and_restarts::<sqlx::MySql>(&mut server, &MARIADB, Server::stop);
    assert_eq!(in_time(stopped).await, ["io", "io", "io"]);
}

/// Stops and restarts a server. Returns the `error.type` of the running query, of the transaction's next query, and of its
/// commit.
async fn stops_and_restarts<DB>(server: &mut Server, database: &Database, down: Down) -> [String; 3]
where
    DB: TracedDatabase,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> i64: Type<DB> + Decode<'r, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let (tracer, spans) = tracer("svc");
    let (other, plain) = (open::<DB>(server).await, open::<DB>(server).await);
    let traced = open::<DB>(server).await.traced().tracer(tracer);
    let mut bare = plain.begin().await.unwrap();
    (&mut *bare).execute("SELECT 1").await.unwrap();
    let mut transaction = traced.begin().await.unwrap();
    (&mut *transaction).execute("SELECT 1").await.unwrap();
    assert_eq!(seen(&spans), ["db.begin ", "db.query "]);

    let stop = async {
        while count(&other, database.asleep).await < 2 {}
        block_in_place(|| down(server)).unwrap();
    };
    let asleep = (
        plain.execute(database.sleep),
        traced.execute(database.sleep),
    );
    let (expected, error, ()) = tokio::join!(asleep.0, asleep.1, stop);
    let query = same(error, expected);
    assert_eq!(seen(&spans), [format!("db.query {query}")]);

    let expected = (&mut *bare).execute("SELECT 1").await;
    let next = same((&mut *transaction).execute("SELECT 1").await, expected);
    assert_eq!(seen(&spans), [format!("db.query {next}")]);
    let expected = bare.commit().await;
    let commit = same(transaction.commit().await, expected);
    assert_eq!(seen(&spans), [format!("db.commit {commit}")]);

    // While the server is down, a call waits until it is up. If the server accepts the connection before it is ready, the
    // call fails, and sqlx does not retry.
    let starts = async { block_in_place(|| server.start_again()).unwrap() };
    let (expected, answer, ()) = tokio::join!(
        plain.execute("SELECT 1"),
        traced.execute("SELECT 1"),
        starts
    );
    let [expected, actual] = [expected.err(), answer.err()].map(|error| error.map(class));
    let broken = |class: &Option<String>| class.as_deref().is_none_or(|class| class == "io");
    assert!(
        broken(&expected) && broken(&actual),
        "{expected:?} {actual:?}"
    );
    let actual = actual.unwrap_or_default();
    assert_eq!(seen(&spans), [format!("db.query {actual}")]);
    // once it is up, calls succeed at once
    plain.execute("SELECT 1").await.unwrap();
    traced.execute("SELECT 1").await.unwrap();
    assert_eq!(seen(&spans), ["db.query "]);
    [query, next, commit]
}

async fn open<DB: sqlx::Database>(server: &Server) -> sqlx::Pool<DB> {
    let two = PoolOptions::new().max_connections(2);
    two.connect(server.url()).await.unwrap()
}

async fn count<DB>(pool: &sqlx::Pool<DB>, question: &'static str) -> i64
where
    DB: sqlx::Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> i64: Type<DB> + Decode<'r, DB>,
    usize: ColumnIndex<DB::Row>,
{
    let row = pool.fetch_one(question).await.unwrap();
    sqlx::Row::get(&row, 0)
}

/// The name and `error.type` of each span that ended since the last call.
fn seen(spans: &Spans) -> Vec<String> {
    let describe = |span: SpanData| {
        let class = span.text("error.type").unwrap_or_default();
        assert_eq!(span.is_error(), !class.is_empty());
        format!("{} {class}", span.name)
    };
    spans.take().into_iter().map(describe).collect()
}

/// The class of an error, which must be the expected one. A broken connection may be reset or closed, depending on timing.
#[track_caller]
fn same<T, U>(is: Result<T, Error>, expected: Result<U, Error>) -> String {
    let (is, expected) = (is.err().map(class), expected.err().map(class));
    assert_eq!(is, expected);
    is.expect("an error")
}

/// The expected `error.type` of an error.
#[track_caller]
fn class(error: Error) -> String {
    match error {
        Error::Database(error) => error.code().unwrap().into_owned(),
        Error::Io(error) if BROKEN.contains(&error.kind()) => "io".to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work)
        .await
        .expect("the time limit was exceeded")
}
