//! Pools and their connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use hopline_sqlx::postgres::PgConnection;
use hopline_sqlx::{AnyPool, ConnectionExt, PgPool, Pool, PoolExt, SqlitePool};
use hopline_testing::tracer;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, Sqlite};

use crate::names;
use crate::support::postgres_url;

#[tokio::test]
async fn pools_are_made_in_every_way() {
    let url = postgres_url();
    let options: PgConnectOptions = url.parse().unwrap();
    let hooks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hooks);
    let hooked = PgPoolOptions::new()
        .max_connections(5)
        .after_connect(move |connection, _| {
            let counted = Arc::clone(&counted);
            Box::pin(async move {
                connection.execute("SET application_name = 'shop'").await?;
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        })
        .before_acquire(|_, _| Box::pin(async { Ok(true) }));
    for pool in [
        PgPool::connect(&url).await.unwrap(),
        PgPool::connect_with(options.clone()).await.unwrap(),
        PgPool::connect_lazy(&url).unwrap(),
        PgPool::connect_lazy_with(options.clone()),
        PgPoolOptions::new().traced().connect(&url).await.unwrap(),
        PgPoolOptions::new().connect_lazy(&url).unwrap().traced(),
        hooked.clone().connect(&url).await.unwrap().traced(),
    ] {
        let (one,): (i64,) = sqlx::query_as("SELECT $1")
            .bind(1_i64)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(one, 1);
        assert_eq!(
            pool.connect_options().get_database(),
            options.get_database()
        );
        assert!(pool.options().get_max_connections() >= 5);
    }
    assert_eq!(hooks.load(Ordering::Relaxed), 1);
    assert!(PgPool::connect_lazy("no url").is_err() && PgPool::connect("no url").await.is_err());
}

#[tokio::test]
async fn single_connections() {
    let (tracer, spans) = tracer("svc");
    let pool = PgPool::connect_lazy(&postgres_url())
        .unwrap()
        .tracer(tracer);
    // as with `use sqlx::Connection`
    let mut connection = PgConnection::connect(&postgres_url()).await.unwrap();
    connection.ping().await.unwrap();
    connection.execute("SELECT 1").await.unwrap();
    connection.close().await.unwrap();

    let mut raw = <sqlx::PgConnection as sqlx::Connection>::connect(&postgres_url())
        .await
        .unwrap();
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut raw.traced_mut())
        .await
        .unwrap();
    assert_eq!(one, 1);
    let mut borrowed = hopline_sqlx::Connection::borrowed(&mut raw, &pool);
    borrowed.execute("SELECT 1").await.unwrap();
    let error = borrowed.close().await.unwrap_err();
    assert!(error.to_string().contains("only the owner"), "{error}");
    let span = spans.one("db.query");
    assert_eq!(
        span.text("server.address"),
        Some("127.0.0.1"),
        "of the pool that it is like"
    );
    raw.traced().close().await.unwrap();
}

#[tokio::test]
async fn connections_of_a_pool() {
    let (tracer, spans) = tracer("svc");
    let pool = PgPoolOptions::new()
        .max_connections(3)
        .traced()
        .connect(&postgres_url())
        .await
        .unwrap()
        .tracer(tracer);
    async fn pid(connection: &mut PgConnection<'_>) -> i32 {
        sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(connection)
            .await
            .unwrap()
    }
    let mut connection = pool.acquire().await.unwrap();
    // each way to pass it to a query
    sqlx::query("SELECT 1")
        .execute(&mut *connection)
        .await
        .unwrap();
    sqlx::query("SELECT 1")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("SELECT 1")
        .execute(connection.as_mut())
        .await
        .unwrap();
    (&mut *connection).execute("SELECT 1").await.unwrap();
    connection.execute("SELECT 1").await.unwrap();
    connection
        .transaction(|tx| Box::pin(async move { tx.execute("SELECT 1").await.map(drop) }))
        .await
        .unwrap();
    assert!(!connection.is_in_transaction() && !connection.as_ref().is_in_transaction());
    let first = pid(&mut connection).await;
    // returned to the pool, and acquired again
    connection.return_to_pool().await;
    drop(connection);
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(pid(&mut connection).await, first);

    // detached; the pool opens another one
    let mut detached = connection.detach();
    assert_eq!((pid(&mut detached).await, pool.size()), (first, 0));
    let mut leaked = pool.acquire().await.unwrap().leak();
    assert_ne!(pid(&mut leaked).await, first);
    assert_eq!(pool.size(), 1, "the pool counts it as in use");
    detached.close().await.unwrap();

    pool.acquire().await.unwrap().close().await.unwrap();
    assert_eq!(pool.size(), 1);
    let mut connection = pool.acquire().await.unwrap();
    connection.close_on_drop();
    drop(connection);
    while pool.size() > 1 {
        tokio::task::yield_now().await;
    }
    assert!(names(&spans).iter().all(|name| name.starts_with("db.")));

    // the future borrows nothing, so it can be moved into a task
    let acquire = pool.acquire();
    tokio::spawn(async move { pid(&mut acquire.await.unwrap()).await })
        .await
        .unwrap();
}

#[tokio::test]
async fn closing() {
    let pool = PgPool::connect(&postgres_url()).await.unwrap();
    let mut closed = pool.close_event();
    let held = pool.acquire().await.unwrap();
    let waiting = closed.do_until(std::future::pending::<()>());
    // closing begins at the call, as with sqlx
    let close = pool.close();
    assert!(pool.is_closed() && matches!(waiting.await, Err(sqlx::Error::PoolClosed)));
    assert!(matches!(pool.acquire().await, Err(sqlx::Error::PoolClosed)));
    drop(held);
    close.await;
    assert_eq!((pool.size(), pool.num_idle()), (0, 0));
    assert!(pool.close_event().now_or_never().is_some());
}

#[tokio::test]
async fn any_database() {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect("sqlite::memory:").await.unwrap();
    let (one,): (i64,) = sqlx::query_as("SELECT 1").fetch_one(&pool).await.unwrap();
    assert_eq!(one, 1);
    // sqlx's other types are unchanged
    let arguments = PgArguments::default();
    assert_eq!(sqlx::Arguments::len(&arguments), 0);
    let sqlite: Pool<Sqlite> = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
    assert_eq!(sqlite.size(), 0);
}
