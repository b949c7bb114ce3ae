//! A transaction on SQLite: a span for each statement, text without values, and a rollback that is visible.
//!
//! ```sh
//! cargo run -p hopline-sqlx --features sqlite --example transaction
//! ```
//!
//! ```text
//! POST /orders ▸ orders
//! ├─ db.begin ▸ sqlite
//! ├─ db.query  INSERT orders ▸ sqlite
//! ├─ db.query  INSERT lines ▸ sqlite
//! └─ db.commit ▸ sqlite
//! INSERT INTO lines VALUES (?)
//! ```

#![expect(clippy::print_stdout, reason = "it shows the trace")]

use hopline_core::{FutureExt, Incoming, SpanBuilder};
use hopline_sqlx::{Acquire, SqlitePool}; // instead of sqlx::SqlitePool
use sqlx::Sqlite;

/// As it is written for sqlx: it takes a pool, a connection or a transaction.
async fn place(db: impl Acquire<'_, Database = Sqlite>, order: i64) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let insert = sqlx::query("INSERT INTO orders VALUES ($1)").bind(order);
    insert.execute(&mut *tx).await?;
    let insert = sqlx::query("INSERT INTO lines VALUES ($1, 'tea')").bind(order);
    insert.execute(&mut *tx).await?;
    tx.commit().await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // a test's tracer, so that the spans can be shown; services leave it out and call `hopline::init`
    let (tracer, spans) = hopline_testing::tracer("orders");
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    let schema = "CREATE TABLE orders (id); CREATE TABLE lines (id, item)";
    sqlx::raw_sql(schema).execute(pool.raw()).await?; // without a span

    let request = SpanBuilder::new("POST /orders")
        .tracer(&tracer)
        .parent(Incoming::default())
        .start();
    place(&pool, 7).in_span(request).await?;

    print!("{}", spans.tree());
    let insert = &spans.named("db.query")[1];
    println!("{}", insert.text("db.query.text").unwrap_or_default());
    Ok(())
}
