//! A function over the traced `Acquire`, given a pool of sqlx.
//! error: `&sqlx::Pool<sqlx::Postgres>` is not traced by hopline, so it cannot be acquired from
//! error: give `&pool`, `&mut connection` or `&mut tx`; make a pool of sqlx 0.9 one of hopline by `.traced()`

async fn find(_: impl hopline::sqlx::Acquire<'_>) {}

async fn handler(pool: sqlx::PgPool) {
    find(&pool).await;
}

fn main() {
    drop(handler);
}
