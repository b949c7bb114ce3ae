//! sqlx's migrator takes a connection by its own `Acquire`, which would leave migrations without spans.
//! error: sqlx would use an untraced connection here
//! error: migrations: `pool.migrate(&sqlx::migrate!()).await` has a span for each (feature `sqlx-migrate`)
//! error: others: give them sqlx's own by `pool.raw()` or `connection.raw_mut()`, which is not traced
//! error: required for `&hopline::sqlx::Pool<sqlx::Postgres>` to implement `sqlx::Acquire<'_>`

async fn migrate(pool: hopline::sqlx::PgPool) {
    sqlx::migrate::Migrator::DEFAULT.run(&pool).await.unwrap();
}

fn main() {
    drop(migrate);
}
