//! Orders and stock, in SQLite or Postgres, through traced pools.

use std::str::FromStr;
use std::time::Duration;

use hopline::prelude::*;
use hopline::sqlx::Pool;
use serde::Serialize;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Sqlite};

use crate::{Line, Order, Result};

/// The database of the system. Both engines understand every statement here.
#[derive(Clone, Debug)]
pub struct Database(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Sqlite(Pool<Sqlite>),
    Postgres(Pool<Postgres>),
}

/// The same code for either pool: sqlx's types differ by database, so no function can be it.
macro_rules! with_pool {
    ($database:expr, $pool:ident => $work:expr) => {
        match &$database.0 {
            Inner::Sqlite($pool) => $work,
            Inner::Postgres($pool) => $work,
        }
    };
}

/// Something to buy.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
pub struct Product {
    name: String,
    quantity: i64,
}

const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS checkout_orders (id INTEGER PRIMARY KEY, status TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS checkout_lines (order_id BIGINT NOT NULL, product TEXT NOT NULL, quantity BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS checkout_notes (order_id BIGINT NOT NULL, note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS checkout_stock (product TEXT PRIMARY KEY, quantity BIGINT NOT NULL)",
    "INSERT INTO checkout_stock (product, quantity) VALUES ('teapot', 1000000), ('cup', 1000000) ON CONFLICT DO NOTHING",
];

impl Database {
    /// Connects to a `sqlite:` or `postgres:` URL.
    ///
    /// # Errors
    ///
    /// The database cannot be reached.
    pub async fn connect(url: &str) -> Result<Self> {
        let wait = Duration::from_secs(5);
        let inner = if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal);
            let pool = SqlitePoolOptions::new()
                .max_connections(4)
                .acquire_timeout(wait)
                .connect_with(options)
                .await;
            Inner::Sqlite(
                pool.map_err(|error| format!("the database cannot be opened: {error}"))?
                    .traced(),
            )
        } else {
            let pool = PgPoolOptions::new()
                .max_connections(4)
                .acquire_timeout(wait)
                .connect(url)
                .await;
            Inner::Postgres(
                pool.map_err(|error| format!("the database cannot be reached: {error}"))?
                    .traced(),
            )
        };
        Ok(Self(inner))
    }

    /// Creates missing tables. Not part of a request, so it is not traced.
    ///
    /// # Errors
    ///
    /// The database refuses.
    pub async fn create_tables(&self) -> Result<()> {
        for table in TABLES {
            match &self.0 {
                Inner::Sqlite(pool) => sqlx::query(table).execute(pool.raw()).await.map(drop),
                Inner::Postgres(pool) => {
                    let table = table.replace(
                        "INTEGER PRIMARY KEY",
                        "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                    );
                    sqlx::query(AssertSqlSafe(table))
                        .execute(pool.raw())
                        .await
                        .map(drop)
                }
            }?;
        }
        Ok(())
    }

    /// Writes an order down with its lines, all or nothing. Gives its number.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn place(&self, order: &Order) -> sqlx::Result<i64> {
        with_pool!(self, pool => {
            let mut tx = pool.begin().await?;
            let insert = sqlx::query_scalar("INSERT INTO checkout_orders (status) VALUES ($1) RETURNING id");
            let id: i64 = insert.bind("placed").fetch_one(&mut *tx).await?;

            let mut lines = QueryBuilder::new("INSERT INTO checkout_lines (order_id, product, quantity) ");
            lines.push_values(&order.lines, |mut row, line| {
                row.push_bind(id).push_bind(&line.product).push_bind(line.quantity);
            });
            lines.build().execute(&mut *tx).await?;

            // as a careless hand would write it: secrets in the statement's text
            let note = format!("INSERT INTO checkout_notes (order_id, note) VALUES ({id}, 'card {} password hunter2')", order.card);
            sqlx::query(AssertSqlSafe(note)).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(id)
        })
    }

    /// Takes from the stock what an order needs.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn reserve(&self, lines: &[Line]) -> sqlx::Result<()> {
        with_pool!(self, pool => {
            let mut update = QueryBuilder::new("UPDATE checkout_stock SET quantity = quantity - 1 WHERE product IN (");
            let mut products = update.separated(", ");
            for line in lines {
                products.push_bind(&line.product);
            }
            products.push_unseparated(")");
            update.build().execute(pool).await?;
            Ok(())
        })
    }

    /// All there is to buy.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn products(&self) -> sqlx::Result<Vec<Product>> {
        with_pool!(self, pool => {
            let select = sqlx::query_as("SELECT product AS name, quantity FROM checkout_stock WHERE quantity > $1 ORDER BY product");
            select.bind(0_i64).fetch_all(pool).await
        })
    }

    /// Moves an order on.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn set_status(&self, id: i64, status: &str) -> sqlx::Result<()> {
        with_pool!(self, pool => {
            let update = sqlx::query("UPDATE checkout_orders SET status = $1 WHERE id = $2");
            update.bind(status).bind(id).execute(pool).await?;
            Ok(())
        })
    }

    /// The state of an order. Clients that wait for it poll it, so it is not traced.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn status(&self, id: i64) -> sqlx::Result<Option<String>> {
        const SELECT: &str = "SELECT status FROM checkout_orders WHERE id = $1";
        with_pool!(self, pool => sqlx::query_scalar(SELECT).bind(id).fetch_optional(pool.raw()).await)
    }
}
