//! A library function that takes sqlx's pool. The compiler prints both types by the paths that users know.
//! error: expected `sqlx::Pool<sqlx::Postgres>`, found `hopline::sqlx::Pool<sqlx::Postgres>`

async fn listen(pool: hopline::sqlx::PgPool) {
    sqlx::postgres::PgListener::connect_with(&pool).await.unwrap();
}

fn main() {
    drop(listen);
}
