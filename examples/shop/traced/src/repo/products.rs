//! The table `products`.

use futures_util::TryStreamExt;
use hopline::sqlx::{Acquire, postgres::PgConnection};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Postgres, QueryBuilder};

#[derive(Debug, Serialize, sqlx::FromRow)]
pub(crate) struct Product {
    pub(crate) id: i64,
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) price_cents: i64,
    pub(crate) stock: i32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewProduct {
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) price_cents: i64,
    pub(crate) stock: i32,
}

pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Product>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM products ORDER BY sku LIMIT $1 OFFSET $2")
        .bind(limit)
        .bind(offset)
        .fetch_all(db)
        .await
}

pub(crate) async fn by_sku(db: impl PgExecutor<'_>, sku: &str) -> Result<Product, sqlx::Error> {
    sqlx::query_as("SELECT * FROM products WHERE sku = $1")
        .bind(sku)
        .fetch_one(db)
        .await
}

/// The skus with less than `stock` left, as they come from the database.
pub(crate) async fn short<'a>(
    db: impl PgExecutor<'a> + 'a,
    stock: i32,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT sku FROM products WHERE stock < $1 ORDER BY sku")
        .bind(stock)
        .fetch(db)
        .try_collect()
        .await
}

/// Takes `quantity` from the stock; gives id and price, or nothing if there is not enough.
pub(crate) async fn take(
    connection: &mut PgConnection<'_>,
    sku: &str,
    quantity: i32,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let product = by_sku(&mut *connection, sku).await?;
    let taken = sqlx::query("UPDATE products SET stock = stock - $2 WHERE id = $1 AND stock >= $2")
        .bind(product.id)
        .bind(quantity)
        .execute(connection)
        .await?;
    Ok((taken.rows_affected() == 1).then_some((product.id, product.price_cents)))
}

/// Inserts all in one statement, and audits it in the same transaction.
pub(crate) async fn import(
    db: impl Acquire<'_, Database = Postgres>,
    products: &[NewProduct],
) -> Result<u64, sqlx::Error> {
    let mut transaction = db.begin().await?;
    let mut insert = QueryBuilder::new("INSERT INTO products (sku, title, price_cents, stock) ");
    insert.push_values(products, |mut row, product| {
        row.push_bind(&product.sku)
            .push_bind(&product.title)
            .push_bind(product.price_cents)
            .push_bind(product.stock);
    });
    insert.push(" ON CONFLICT (sku) DO UPDATE SET stock = products.stock + excluded.stock");
    let inserted = insert.build().execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(inserted.rows_affected())
}
