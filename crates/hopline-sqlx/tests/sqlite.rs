//! Generic code over traced types, on SQLite in memory.

use hopline_sqlx::PoolExt;
use hopline_testing::tracer;
use sqlx::{Executor, Sqlite};

async fn by_executor<'e, E: Executor<'e, Database = Sqlite>>(executor: E) -> i64 {
    sqlx::query_scalar("SELECT 7")
        .fetch_one(executor)
        .await
        .unwrap()
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
    let spawned = pool.clone();
    tokio::spawn(async move { by_executor(&spawned).await })
        .await
        .unwrap();
    assert_eq!(spans.named("db.query").len(), 5);
}

#[tokio::test]
async fn a_dropped_begin_is_not_completed() {
    let (tracer, spans) = tracer("svc");
    let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = one
        .connect("sqlite::memory:")
        .await
        .unwrap()
        .traced()
        .tracer(tracer);
    let held = pool.acquire().await.unwrap();
    let begin = tokio::time::timeout(std::time::Duration::from_millis(20), pool.begin()).await;
    assert!(begin.is_err());
    spans
        .one("db.begin")
        .attribute("hopline.db.completed", false)
        .succeeded();
    drop(held);
}

#[tokio::test]
async fn verbatim_text_is_bounded() {
    let (tracer, spans) = tracer("svc");
    let pool = sqlx::SqlitePool::connect("sqlite::memory:")
        .await
        .unwrap()
        .traced()
        .tracer(tracer);
    let pool = pool.query_text(hopline_sqlx::QueryText::VerbatimIfParameterised);
    let long = format!("SELECT ?, '{}'", "a".repeat(10_000));
    sqlx::query(sqlx::AssertSqlSafe(long))
        .bind(1)
        .execute(&pool)
        .await
        .unwrap();
    let text = spans.one("db.query").text("db.query.text").unwrap().len();
    assert_eq!(text, 4096 + '\u{2026}'.len_utf8());
}
