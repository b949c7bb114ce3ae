//! An advisory lock takes the driver's own connection.
//! error: sqlx would use an untraced connection here
//! error: other libraries: pass sqlx's type with `pool.raw()` or `connection.raw_mut()`; its statements have no spans

async fn lock(connection: hopline::sqlx::PoolConnection<sqlx::Postgres>) {
    sqlx::postgres::PgAdvisoryLock::new("shop").acquire(connection).await.unwrap();
}

fn main() {
    drop(lock);
}
