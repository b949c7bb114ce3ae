//! A pool of sqlx passed to a function over the traced `Acquire`.
//! error: `&sqlx::Pool<sqlx::Postgres>` is not traced by hopline, so no connection can be acquired from it
//! error: pass `&pool`, `&mut connection` or `&mut tx`; convert a pool of sqlx 0.9 with `.traced()`

async fn find(_: impl hopline::sqlx::Acquire<'_>) {}

async fn handler(pool: sqlx::PgPool) {
    find(&pool).await;
}

fn main() {
    drop(handler);
}
