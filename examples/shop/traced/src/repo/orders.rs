//! The tables `orders`, `order_lines` and `mails`.

use hopline::sqlx::{Acquire, postgres::PgConnection};
use serde::Serialize;
use sqlx::{PgExecutor, Postgres};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "order_status", rename_all = "lowercase")]
pub(crate) enum Status {
    Placed,
    Paid,
    Cancelled,
}

#[derive(Debug, Serialize, sqlx::FromRow)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) status: Status,
    pub(crate) total_cents: i64,
}

/// A line of a new order: product, quantity, price.
pub(crate) type Line = (i64, i32, i64);

pub(crate) async fn of_user(db: impl PgExecutor<'_>, user: i64) -> Result<Vec<Order>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM orders WHERE user_id = $1 ORDER BY id")
        .bind(user)
        .fetch_all(db)
        .await
}

pub(crate) async fn by_id(
    db: impl PgExecutor<'_>,
    user: i64,
    id: i64,
) -> Result<Order, sqlx::Error> {
    sqlx::query_as("SELECT * FROM orders WHERE id = $1 AND user_id = $2")
        .bind(id)
        .bind(user)
        .fetch_one(db)
        .await
}

/// Inserts an order with its lines, in a transaction or a savepoint of one.
pub(crate) async fn insert(
    db: impl Acquire<'_, Database = Postgres>,
    user: i64,
    lines: &[Line],
) -> Result<Order, sqlx::Error> {
    let mut transaction = db.begin().await?;
    let total: i64 = lines
        .iter()
        .map(|(_, quantity, price)| i64::from(*quantity) * price)
        .sum();
    let order: Order =
        sqlx::query_as("INSERT INTO orders (user_id, total_cents) VALUES ($1, $2) RETURNING *")
            .bind(user)
            .bind(total)
            .fetch_one(&mut *transaction)
            .await?;
    for line in lines {
        insert_line(&mut transaction, order.id, line).await?;
    }
    transaction.commit().await?;
    Ok(order)
}

async fn insert_line(
    connection: &mut PgConnection<'_>,
    order: i64,
    (product, quantity, price): &Line,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO order_lines VALUES ($1, $2, $3, $4)")
        .bind(order)
        .bind(product)
        .bind(quantity)
        .bind(price)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn set_status(
    db: impl PgExecutor<'_>,
    id: i64,
    status: Status,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE orders SET status = $2 WHERE id = $1")
        .bind(id)
        .bind(status)
        .execute(db)
        .await?;
    Ok(())
}

/// Gives the order's products back to the stock and cancels it.
pub(crate) async fn cancel(
    db: impl Acquire<'_, Database = Postgres>,
    id: i64,
) -> Result<(), sqlx::Error> {
    let mut connection = db.acquire().await?;
    sqlx::query(
        "UPDATE products SET stock = stock + quantity FROM order_lines \
         WHERE product_id = products.id AND order_id = $1",
    )
    .bind(id)
    .execute(&mut *connection)
    .await?;
    set_status(&mut *connection, id, Status::Cancelled).await
}

pub(crate) async fn cancel_unpaid(db: impl PgExecutor<'_>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query("UPDATE orders SET status = 'cancelled' WHERE status = 'placed'")
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

pub(crate) async fn mail_sent(
    db: impl PgExecutor<'_>,
    order: i64,
    recipient: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO mails VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(order)
        .bind(recipient)
        .execute(db)
        .await?;
    Ok(())
}
