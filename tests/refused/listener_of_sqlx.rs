//! A function of others that takes sqlx's own pool: both types are printed by the paths that users know.
//! error: expected `sqlx::Pool<sqlx::Postgres>`, found `hopline::sqlx::Pool<sqlx::Postgres>`

async fn listen(pool: hopline::sqlx::PgPool) {
    sqlx::postgres::PgListener::connect_with(&pool).await.unwrap();
}

fn main() {
    drop(listen);
}
