//! The repositories on a real Postgres, in transactions that are rolled back.

use sqlx::{PgPool, Row};

use super::{orders, products};

/// A pool whose connections have an empty schema of their own.
async fn database() -> PgPool {
    let url = std::env::var("HOPLINE_TEST_POSTGRES_URL")
        .expect("HOPLINE_TEST_POSTGRES_URL is not set: run `cargo xtask services`");
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect(&url)
        .await
        .unwrap();
    sqlx::query("SET search_path = pg_temp")
        .execute(&pool)
        .await
        .unwrap();
    let connection = &mut *pool.acquire().await.unwrap();
    for migration in sqlx::migrate!().iter() {
        sqlx::raw_sql(migration.sql.clone())
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    pool
}

#[tokio::test]
async fn stock_is_taken_only_where_there_is_enough() {
    let mut transaction = database().await.begin().await.unwrap();
    let taken = products::take(&mut transaction, "spoon", 1).await.unwrap();
    assert_eq!(taken.map(|(_, price)| price), Some(190));
    let more = products::take(&mut transaction, "spoon", 1).await.unwrap();
    assert_eq!(more, None);
}

#[tokio::test]
async fn a_cancelled_order_gives_its_products_back() {
    let pool = database().await;
    let mut transaction = pool.begin().await.unwrap();
    let (cup, price) = products::take(&mut transaction, "cup", 3)
        .await
        .unwrap()
        .unwrap();
    let order = orders::insert(&mut *transaction, 1, &[(cup, 3, price)])
        .await
        .unwrap();
    assert_eq!(order.total_cents, 3 * 650);
    orders::cancel(&mut *transaction, order.id).await.unwrap();
    let row = sqlx::query("SELECT stock FROM products WHERE sku = 'cup'")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(row.get::<i32, _>(0), 40);
    transaction.rollback().await.unwrap();
}
