//! An advisory lock takes the driver's own connection.
//! error: sqlx would use an untraced connection here
//! error: others: give them sqlx's own by `pool.raw()` or `connection.raw_mut()`, which is not traced

async fn lock(connection: hopline::sqlx::PoolConnection<sqlx::Postgres>) {
    sqlx::postgres::PgAdvisoryLock::new("shop").acquire(connection).await.unwrap();
}

fn main() {
    drop(lock);
}
