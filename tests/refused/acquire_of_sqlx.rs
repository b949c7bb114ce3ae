//! A traced transaction passed to a function over sqlx's `Acquire`.
//! error: sqlx would use an untraced connection here
//! error: your own functions: take `impl hopline::sqlx::Acquire<'_>` instead of `impl sqlx::Acquire<'_>`

async fn find(_: impl sqlx::Acquire<'_, Database = sqlx::Postgres>) {}

async fn handler(mut tx: hopline::sqlx::postgres::PgTransaction<'_>) {
    find(&mut tx).await;
}

fn main() {
    drop(handler);
}
