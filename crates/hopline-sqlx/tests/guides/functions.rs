//! Transactions, and functions and types of an application that take connections.

use std::ops::{Deref, DerefMut};

use hopline_sqlx::postgres::{PgConnection, PgTransaction};
use hopline_sqlx::{Acquire, PgPool, Pool, PoolConnection, SqlitePool, TracedDatabase};
use hopline_testing::tracer;
use sqlx::{Executor, PgExecutor, Postgres};

use crate::support::{postgres_url, safe};
use crate::{gone, names, people};

#[tokio::test]
async fn transactions() {
    let (pool, spans, people) = people().await;
    let insert =
        |id: i64| sqlx::query(safe(&format!("INSERT INTO {people} VALUES ($1, 'n')"))).bind(id);
    let count = async |pool: &PgPool| -> i64 {
        sqlx::query_scalar(safe(&format!("SELECT count(*) FROM {people}")))
            .fetch_one(pool)
            .await
            .unwrap()
    };
    let mut tx = pool.begin().await.unwrap();
    insert(10).execute(&mut *tx).await.unwrap();
    insert(11).execute(tx.as_mut()).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(count(&pool).await, 2);
    let mut tx: PgTransaction<'_> = pool.begin().await.unwrap();
    insert(10).execute(&mut *tx).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    insert(11).execute(&mut *savepoint).await.unwrap();
    drop(savepoint);
    tx.commit().await.unwrap();
    assert_eq!(count(&pool).await, 3);
    {
        let mut tx = pool.begin().await.unwrap();
        insert(12).execute(&mut *tx).await.unwrap();
    }
    assert_eq!(count(&pool).await, 3);

    let mut connection = pool.acquire().await.unwrap();
    let kept: i64 = connection
        .transaction(|tx| {
            let insert = insert(12);
            Box::pin(async move {
                insert.execute(&mut **tx).await?;
                Ok::<_, sqlx::Error>(12)
            })
        })
        .await
        .unwrap();
    let undone: Result<(), sqlx::Error> = connection
        .transaction(|tx| {
            let insert = insert(13);
            Box::pin(async move {
                insert.execute(&mut **tx).await?;
                Err(sqlx::Error::RowNotFound)
            })
        })
        .await;
    drop(connection);
    assert!(matches!(undone, Err(sqlx::Error::RowNotFound)));
    assert_eq!((kept, count(&pool).await), (12, 4));
    let ends = |name| spans.named(name).len();
    assert_eq!(
        (ends("db.begin"), ends("db.commit"), ends("db.rollback")),
        (5, 2, 2)
    );
    gone(&pool, &people).await;
}

async fn by_connection(db: &mut PgConnection<'_>) -> sqlx::Result<i32> {
    sqlx::query("SELECT 1").execute(&mut *db).await?;
    sqlx::query_scalar("SELECT 1").fetch_one(db).await
}

async fn by_executor(db: impl PgExecutor<'_>) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT 1").fetch_one(db).await
}

async fn by_named_executor<'e, E>(db: E) -> sqlx::Result<i32>
where
    E: Executor<'e, Database = Postgres>,
{
    sqlx::query_scalar("SELECT 1").fetch_one(db).await
}

async fn by_acquire(db: impl Acquire<'_, Database = Postgres>) -> sqlx::Result<i32> {
    let mut connection = db.acquire().await?;
    sqlx::query("SELECT 1").execute(&mut *connection).await?;
    let mut tx = connection.begin().await?;
    let one = sqlx::query_scalar("SELECT 1").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(one)
}

/// With both lifetimes named, as in sqlx's documentation for futures that must be `Send`.
#[expect(
    clippy::manual_async_fn,
    reason = "the form that sqlx's documentation names"
)]
fn by_acquire_in_a_task<'a, 'c, A>(db: A) -> impl Future<Output = sqlx::Result<i32>> + Send + 'a
where
    A: Acquire<'c, Database = Postgres> + Send + 'a,
{
    async move {
        let mut tx = db.begin().await?;
        let one = sqlx::query_scalar("SELECT 1").fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(one)
    }
}

#[tokio::test]
async fn repository_functions() {
    let (tracer, spans) = tracer("svc");
    let pool = PgPool::connect(&postgres_url())
        .await
        .unwrap()
        .tracer(tracer);
    let mut connection = pool.acquire().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let mut own = pool.open_connection().await.unwrap();
    let mut all = 0;
    all += by_connection(&mut connection).await.unwrap();
    all += by_connection(&mut tx).await.unwrap();
    all += by_connection(&mut own).await.unwrap();
    all += by_executor(&pool).await.unwrap() + by_executor(&mut *connection).await.unwrap();
    all += by_executor(&mut *tx).await.unwrap() + by_executor(&mut own).await.unwrap();
    all += by_named_executor(&pool).await.unwrap() + by_named_executor(&mut *tx).await.unwrap();
    assert_eq!((all, spans.take().len()), (9, 1 + 3 * 2 + 6));

    for traced in [
        by_acquire(&pool).await,
        by_acquire(&mut connection).await,
        by_acquire(&mut *connection).await,
        by_acquire(&mut tx).await,
        by_acquire(&mut *tx).await,
        by_acquire(&mut own).await,
    ] {
        assert_eq!(traced.unwrap(), 1);
    }
    let seen = names(&spans);
    let outer = ["db.query", "db.begin", "db.query", "db.commit"];
    let inner = ["db.query", "db.savepoint", "db.query", "db.release"];
    assert_eq!(seen, [outer, outer, outer, inner, inner, outer].concat());
    let task = pool.clone();
    tokio::spawn(async move { by_acquire_in_a_task(&task).await })
        .await
        .unwrap()
        .unwrap();
    by_acquire_in_a_task(&mut tx).await.unwrap();
    assert_eq!(
        names(&spans),
        [
            "db.begin",
            "db.query",
            "db.commit",
            "db.savepoint",
            "db.query",
            "db.release"
        ]
    );
}

/// Written for sqlx's `Pool<DB>`, with a different import.
#[derive(Debug)]
struct Repository<DB: sqlx::Database> {
    pool: Pool<DB>,
}

impl<DB: TracedDatabase> Repository<DB> {
    async fn ping(&self) -> sqlx::Result<()> {
        self.pool.acquire().await?.ping().await
    }
}

impl<DB: sqlx::Database> Repository<DB>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
{
    async fn is_there(&self) -> bool {
        self.pool.execute("SELECT 1").await.is_ok()
    }
}

#[tokio::test]
async fn generic_repositories() {
    let postgres = Repository {
        pool: PgPool::connect(&postgres_url()).await.unwrap(),
    };
    let sqlite = Repository {
        pool: SqlitePool::connect("sqlite::memory:").await.unwrap(),
    };
    postgres.ping().await.unwrap();
    sqlite.ping().await.unwrap();
    assert!(postgres.is_there().await && sqlite.is_there().await);
}

/// An extractor as in an axum application.
struct DatabaseConnection(PoolConnection<Postgres>);

impl DatabaseConnection {
    async fn from_request_parts(state: &PgPool) -> Result<Self, String> {
        state
            .acquire()
            .await
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl Deref for DatabaseConnection {
    type Target = PoolConnection<Postgres>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for DatabaseConnection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[tokio::test]
async fn an_extractor_of_connections() {
    let pool = PgPool::connect(&postgres_url()).await.unwrap();
    let DatabaseConnection(mut connection) =
        DatabaseConnection::from_request_parts(&pool).await.unwrap();
    let hello: String = sqlx::query_scalar("select 'hello world from pg'")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(hello, "hello world from pg");
    let mut extracted = DatabaseConnection::from_request_parts(&pool).await.unwrap();
    sqlx::query("SELECT 1")
        .execute(&mut **extracted)
        .await
        .unwrap();
}
