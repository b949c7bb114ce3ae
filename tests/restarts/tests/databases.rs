//! A database that goes down while a query runs and while a transaction is open, and comes back.
//!
//! All that a traced pool does a plain one does at the same time, and what the application sees is the same.

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

/// All of it, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(120);

/// A server, and what its statements look like.
struct Database {
    kind: Kind,
    /// Takes longer than a server takes to end.
    sleep: &'static str,
    /// Counts the sessions that are at it.
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

/// How a server goes down.
type Down = fn(&mut Server) -> hopline_restarts::Result<()>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_stopped_and_started_again() {
    let mut server = block_in_place(|| Server::start(POSTGRES.kind)).unwrap();
    let killed = goes_down::<sqlx::Postgres>(&mut server, &POSTGRES, Server::kill);
    assert_eq!(in_time(killed).await, ["io", "io", "io"]);
    let stopped = goes_down::<sqlx::Postgres>(&mut server, &POSTGRES, Server::stop);
    // it says goodbye
    assert_eq!(in_time(stopped).await, ["57P01", "57P01", "io"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_is_stopped_and_started_again() {
    let mut server = block_in_place(|| Server::start(MARIADB.kind)).unwrap();
    let killed = goes_down::<sqlx::MySql>(&mut server, &MARIADB, Server::kill);
    assert_eq!(in_time(killed).await, ["io", "io", "io"]);
    let stopped = goes_down::<sqlx::MySql>(&mut server, &MARIADB, Server::stop);
    assert_eq!(in_time(stopped).await, ["io", "io", "io"]);
}

/// What `error.type` says of the query that ran, of the next one of the transaction, and of its commit.
async fn goes_down<DB>(server: &mut Server, database: &Database, down: Down) -> [String; 3]
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

    let goes = async {
        while count(&other, database.asleep).await < 2 {}
        block_in_place(|| down(server)).unwrap();
    };
    let asleep = (
        plain.execute(database.sleep),
        traced.execute(database.sleep),
    );
    let (expected, error, ()) = tokio::join!(asleep.0, asleep.1, goes);
    let query = same(error, expected);
    assert_eq!(seen(&spans), [format!("db.query {query}")]);

    let expected = (&mut *bare).execute("SELECT 1").await;
    let next = same((&mut *transaction).execute("SELECT 1").await, expected);
    assert_eq!(seen(&spans), [format!("db.query {next}")]);
    let expected = bare.commit().await;
    let commit = same(transaction.commit().await, expected);
    assert_eq!(seen(&spans), [format!("db.commit {commit}")]);

    // Asked while it is down: answered once it is up, or broken where it takes a connection before it is ready, which
    // sqlx does not try again.
    let starts = async { block_in_place(|| server.start_again()).unwrap() };
    let (expected, answer, ()) = tokio::join!(
        plain.execute("SELECT 1"),
        traced.execute("SELECT 1"),
        starts
    );
    let [expected, said] = [expected.err(), answer.err()].map(|error| error.map(class));
    let broken = |class: &Option<String>| class.as_deref().is_none_or(|class| class == "io");
    assert!(broken(&expected) && broken(&said), "{expected:?} {said:?}");
    let said = said.unwrap_or_default();
    assert_eq!(seen(&spans), [format!("db.query {said}")]);
    // and at once when it is up
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

/// Name and class of error, if it is one, of each span that ended since the last look.
fn seen(spans: &Spans) -> Vec<String> {
    let says = |span: SpanData| {
        let class = span.text("error.type").unwrap_or_default();
        assert_eq!(span.is_error(), !class.is_empty());
        format!("{} {class}", span.name)
    };
    spans.take().into_iter().map(says).collect()
}

/// The class of an error, which is the expected one. Whether a connection that breaks is reset or at its end is a matter
/// of the moment.
#[track_caller]
fn same<T, U>(is: Result<T, Error>, expected: Result<U, Error>) -> String {
    let (is, expected) = (is.err().map(class), expected.err().map(class));
    assert_eq!(is, expected);
    is.expect("an error")
}

/// What the span of an error says of it.
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
        .expect("it did not come to be in time")
}
