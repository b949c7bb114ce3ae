//! sqlx's migrator on a traced pool. It takes a connection by sqlx's `Acquire`, so migrations would have no spans.
//! error: sqlx would use an untraced connection here
//! error: migrations: `pool.migrate(&sqlx::migrate!()).await` records a span for each (feature `sqlx-migrate`)
//! error: other libraries: pass sqlx's type with `pool.raw()` or `connection.raw_mut()`; its statements have no spans
//! error: required for `&hopline::sqlx::Pool<sqlx::Postgres>` to implement `sqlx::Acquire<'_>`

async fn migrate(pool: hopline::sqlx::PgPool) {
    sqlx::migrate::Migrator::DEFAULT.run(&pool).await.unwrap();
}

fn main() {
    drop(migrate);
}
