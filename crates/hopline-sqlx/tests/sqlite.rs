//! Generic code over traced types, without a server.

use hopline_sqlx::{Pool, PoolExt, TracedDatabase};
use hopline_testing::tracer;
use sqlx::{Executor, Sqlite};

async fn by_executor<'e, E: Executor<'e, Database = Sqlite>>(executor: E) -> i64 {
    sqlx::query_scalar("SELECT 7")
        .fetch_one(executor)
        .await
        .unwrap()
}

/// One short bound is enough for code over any database.
async fn by_database<DB: TracedDatabase>(pool: &Pool<DB>) -> u64 {
    let mut tx = pool.begin().await.unwrap();
    let done = (&mut tx).execute("SELECT 1").await.unwrap();
    tx.rollback().await.unwrap();
    DB::rows_affected(&done)
}

#[tokio::test]
async fn generic_code_takes_pools_connections_and_transactions() {
    let (tracer, spans) = tracer("svc");
    let pool = sqlx::SqlitePool::connect("sqlite::memory:")
        .await
        .unwrap()
        .traced()
        .tracer(tracer);
    assert_eq!(by_executor(&pool).await, 7);
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(by_executor(&mut connection).await, 7);
    drop(connection);
    let mut tx = pool.begin().await.unwrap();
    assert_eq!(by_executor(&mut *tx).await, 7);
    assert_eq!(by_executor(&mut tx).await, 7);
    tx.commit().await.unwrap();
    by_database(&pool).await;
    let spawned = pool.clone();
    tokio::spawn(async move { by_executor(&spawned).await })
        .await
        .unwrap();
    assert_eq!(spans.named("db.query").len(), 6);
}
